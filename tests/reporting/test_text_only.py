"""A row with a picture stands beside the best text-only row of its encoder, and beside its own family's second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import fabricated_report

from mner.reporting.explanation import compare, explain
from mner.reporting.rendered_files import write_report
from mner.reporting.results import Results
from mner.reporting.statistics_tables import statistics_tables
from mner.reporting.text_only import FAMILY_NOTE, primary_family, primary_pair, text_only_baselines, text_rows

REPORT = vars(fabricated_report)
FABRICATED = REPORT["FABRICATED"]
DATASET = "twitter2017"
WRONG = {
    "bert": 0.3,
    "bert-crf": 0.1,
    "ita-text": 0.2,
    "bilstm-crf": 0.05,
    "umt": 0.12,
    "ita-all": 0.15,
    "iaik": 0.4,
}
ACTIVE = FABRICATED["Active"]("tiny", (DATASET,), tuple(WRONG), (1, 2))
VECTORS = {"words": {"vectors": "glove-6b-50d"}}
OF_VECTORS = ("bilstm-crf", "iaik")


def _wrong(dataset: str, system: str, seed: int, view: str) -> float | None:
    if system in FABRICATED["TEXT_SYSTEMS"] and view != "own":
        return None
    return WRONG[system] + 0.01 * seed + (0.0 if view == "own" else 0.05)


def _options(dataset: str, system: str, seed: int) -> dict[str, Any]:
    return VECTORS if system in OF_VECTORS else {"dropout": 0.1}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    root = tmp_path_factory.mktemp("results")
    FABRICATED["make_runs"](root, ACTIVE, _wrong, options=_options)
    return FABRICATED["evaluated"](root, ACTIVE)


def _baselines(results: Results, system: str) -> tuple[str, ...]:
    cells = results.scores.cells
    cell = next(cell for cell in cells if cell.system == system)
    return tuple(row.system for row in text_only_baselines(cell, cells).rows)


def test_the_best_text_only_row_of_the_encoder_is_the_baseline_and_the_familys_own_is_second(
    results: Results,
) -> None:
    assert _baselines(results, "ita-all") == ("bert-crf", "ita-text")
    assert _baselines(results, "umt") == ("bert-crf",)
    assert _baselines(results, "iaik") == ("bilstm-crf",), "of the same encoder, though others are better or worse"
    assert _baselines(results, "bert-crf") == ("",), "it reads no picture"


def test_a_family_whose_own_text_only_row_is_the_best_has_no_second(results: Results) -> None:
    cells = [cell for cell in results.scores.cells if cell.system not in ("bert-crf", "bert")]
    ita = next(cell for cell in cells if cell.system == "ita-all")
    assert [row.system for row in text_only_baselines(ita, cells).rows] == ["ita-text"]
    assert [cell.system for cell in text_rows(ita, results.scores.cells)] == ["bert-crf", "ita-text", "bert"]


def test_the_primary_family_is_every_picture_against_every_text_of_its_encoder(results: Results) -> None:
    family = primary_family(results, DATASET)
    assert [(pair.a, pair.b) for pair in family] == [
        ("iaik", "bilstm-crf"),
        *[(system, text) for text in ("bert-crf", "ita-text", "bert") for system in ("umt", "ita-all")],
    ]
    least = min(family, key=lambda pair: pair.p_value)
    assert least.holm == pytest.approx(min(1.0, len(family) * least.p_value))
    of_all = {frozenset((pair.a, pair.b)): pair for pair in results.statistics.datasets[DATASET].comparisons}
    for pair in family:
        other = of_all[frozenset((pair.a, pair.b))]
        assert abs(pair.difference) == abs(other.difference)
        assert pair.p_value <= pair.holm <= other.holm
    assert any(pair.holm < of_all[frozenset((pair.a, pair.b))].holm for pair in family)


def test_a_pair_is_in_the_family_whichever_is_named_first_and_two_texts_are_not(results: Results) -> None:
    there, back = (primary_pair(results, DATASET, *names) for names in (("umt", "bert"), ("bert", "umt")))
    assert there == back
    assert there is not None
    assert there.a == "umt"
    assert there.difference > 0
    assert primary_pair(results, DATASET, "bert", "bert-crf") is None
    assert primary_pair(results, DATASET, "umt", "bilstm-crf") is None, "another encoder"


def test_the_primary_family_opens_the_statistics_and_all_pairs_keep_their_own_p(results: Results) -> None:
    primary, _, pairs, reliance = statistics_tables(results, DATASET)
    assert (primary.id, pairs.id) == ("primary-twitter2017", "pairs-twitter2017")
    assert primary.notes[0] == FAMILY_NOTE
    holm = [column.key for column in primary.columns].index("holm")
    of_family, of_all = ({row.id: row.cells[holm].value for row in table.rows} for table in (primary, pairs))
    held = {f"{pair.a}-{pair.b}": pair.holm for pair in primary_family(results, DATASET)}
    assert of_family == held
    assert len(of_all) == 21
    groups = list(dict.fromkeys(row.group for row in primary.rows))
    assert groups == ["minus bilstm-crf", "minus bert-crf", "minus ita-text", "minus bert"]
    keys = [column.key for column in reliance.columns]
    rows = {row.id: dict(zip(keys, (cell.plain() for cell in row.cells), strict=True)) for row in reliance.rows}
    assert (rows["ita-all"]["text.system"], rows["ita-all"]["own.system"]) == ("bert-crf", "ita-text")
    assert rows["ita-all"]["gain"].startswith("−")
    assert rows["ita-all"]["gain.own"].startswith("+")
    assert (rows["umt"]["own"], rows["umt"]["own.system"], rows["umt"]["gain.own"]) == ("–", "–", "–")


def test_page_tables_and_commands_show_both_baselines(results: Results, tmp_path: Path) -> None:
    settings = FABRICATED["Settings"](ACTIVE)
    write_report(results, REPORT["PAPER"], settings, (), REPORT["TEMPLATES"], tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<small>bert-crf</small>" in page
    assert "<small>ita-text</small>" in page
    assert "Own family's" in (tmp_path / "ita.md").read_text(encoding="utf-8")
    content = explain(f"{DATASET}/ita-all", results, REPORT["PAPER"], settings, tmp_path)
    assert "best text-only row of this encoder (bert-crf)" in content
    assert "text-only row of this family (ita-text)" in content
    outside = compare("bert", "bert-crf", results)
    assert "p (Holm, primary)    – (no row with a picture against text alone" in outside

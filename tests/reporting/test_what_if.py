"""What must not be done, and the gap to print, as tables: each number under the choice it belongs to."""

from __future__ import annotations

from typing import Any

from support.empty_results import partial_results
from support.test_modules import module_of

from mner.evaluation.reasons import in_words
from mner.evaluation.waterfall import STEPS, waterfalls
from mner.reporting.tables import Table
from mner.reporting.waterfall_tables import CHOICE_NOTE, ERROR_NOTE, SUM_NOTE, waterfall_table, what_if_table

WATERFALL = vars(module_of("test_waterfall"))
DATASET = "twitter2017"


def _runs(system: str, f1: tuple[float, ...], epochs: tuple[float, ...] = ()) -> list[dict[str, Any]]:
    """Runs of these F1; ``epochs`` is what the one kept epoch of each run reaches on test."""
    runs = [
        WATERFALL["_run"](system, DATASET, seed, lambda v=v: v, bool(epochs), ("umt",))
        for seed, v in enumerate(f1)
    ]
    for run, value in zip(runs, epochs, strict=False):
        run["copies"]["umt"]["epoch-1.test.own"]["conlleval"]["f1"] = value
    return runs


def _table(*cells: list[dict[str, Any]]) -> Table | None:
    runs = [run for cell in cells for run in cell]
    records = [{"record": run["record"]} for run in runs]
    scores = {"systems": list(dict.fromkeys(run["system"] for run in runs)), "runs": records}
    return what_if_table(partial_results(scores, {"runs": runs}), DATASET)


def _texts(table: Table) -> dict[str, dict[str, str]]:
    keys = [column.key for column in table.columns]
    return {row.id: dict(zip(keys, (cell.plain() for cell in row.cells), strict=True)) for row in table.rows}


def test_every_choice_stands_in_its_column_with_what_it_gains() -> None:
    table = _table(_runs("umt", (80.0, 82.0), (83.0, 81.0)))
    assert (table.id, table.title) == ("what-if-twitter2017", "Twitter-2017: what must not be done (F1, %)")
    assert [column.title for column in table.columns] == [
        *("System", "Ours", "Epoch on test", "Gain", "Best seed", "Gain", "Both")
    ]
    assert _texts(table)["umt"] == {
        **{"system": "umt", "ours": "81.00 ± 1.41", "epoch": "82.50 ± 0.71", "epoch.gain": "+1.50 ± 2.12"},
        **{"seed": "82.00", "seed.gain": "+1.00", "both": "83.00"},
    }


def test_what_cannot_be_picked_is_words() -> None:
    texts = _texts(_table(_runs("umt", (80.0, 82.0)), _runs("rgcn", (70.0,), (71.0,))))
    assert texts["umt"] == {
        **{"system": "umt", "ours": "81.00 ± 1.41", "epoch": "not measured", "epoch.gain": "not measured"},
        **{"seed": "82.00", "seed.gain": "+1.00", "both": "not measured"},
    }
    assert texts["rgcn"] == {
        **{"system": "rgcn", "ours": "70.00", "epoch": "71.00", "epoch.gain": "+1.00"},
        **{"seed": "one seed", "seed.gain": "one seed", "both": "71.00"},
    }


def test_a_cell_that_the_standard_rule_did_not_score_has_no_row() -> None:
    unscored = _runs("umt", (80.0,))
    del unscored[0]["copies"]["umt"]["test.own"]["conlleval"]
    assert _table(unscored) is None
    assert list(_texts(_table(unscored, _runs("rgcn", (70.0,))))) == ["rgcn"]


def test_a_row_of_the_gap_runs_from_paper_over_every_step_to_ours() -> None:
    runs = [WATERFALL["_run"]("bert-crf", DATASET, seed, lambda v=v: v, 0) for seed, v in enumerate((80.0, 81.0))]
    falls = waterfalls(WATERFALL["_scores"]("bert-crf", DATASET), WATERFALL["_typed"](runs), WATERFALL["PAPER"])
    records = frozenset(run["record"] for run in runs)
    table = waterfall_table(falls, DATASET, records)
    assert (table.id, table.title) == (
        *("waterfall-twitter2017", "Twitter-2017: from the printed F1 to ours (F1 points)"),
    )
    assert [(column.key, column.title) for column in table.columns] == [
        ("row", "Row"),
        ("paper", "Paper"),
        *STEPS.items(),
        ("ours", "Ours"),
        ("unpicked", "Residual, nothing picked"),
    ]
    (first, *_), texts = table.rows, _texts(table)[table.rows[0].id]
    fall = falls[0]
    assert first.id == f"bert-crf/{fall.row.id}"
    assert texts["row"] == f"{fall.row.label}{fall.row.mark} (bert-crf)"
    assert texts["paper"].startswith(f"{fall.printed:.2f}")
    assert texts["ours"] == "80.50", "seeds and their spread stand in the other tables"
    printed = next(cell for cell in first.cells if cell.plain() == texts["unpicked"])
    assert printed.value == sum(fall.unpicked) / 2
    assert table.notes[:3] == (SUM_NOTE, CHOICE_NOTE, ERROR_NOTE)
    assert table.notes[3].startswith(f"{fall.row.label}{fall.row.mark}: ")
    assert table.notes[3].endswith(f". Residual: {', '.join(in_words(fall.causes))}")
    assert len(set(table.notes)) == len(table.notes)
    assert waterfall_table(falls, "twitter2015", records) is None

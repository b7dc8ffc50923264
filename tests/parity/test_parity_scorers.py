"""The parity check of scorers: it passes on the golden files and fails when any stored number is changed."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from support.messages import names

from mner.data.spans import entities
from mner.data.tag_codes import KINDS, encode, kind_names
from mner.evaluation.scorers import SCORERS
from mner.parity.parity_report import ParityError, render
from mner.parity.parity_scorers import check
from mner.parity.perturbation import canonical, perturb
from mner.parity.programs import WORD_PROGRAMS, piece_program, word_program

CORPUS_FILE = "1429904852/R-GCN/f4cab8f415c4ca549f8318afba780c7825083db0/data/twitter2015/test_2.txt"
GOLD = [["B-PER", "I-PER", "O", "I-LOC"], ["O", "B-OTHER", "O"]] * 8
PREDICTED = [["B-PER", "O", "O", "B-LOC"], ["O", "B-OTHER", "B-ORG"]] * 8


@pytest.fixture
def own_file(tmp_path: Path) -> dict[str, Any]:
    """A file of the golden layout of our own making, with our lenses' numbers in it."""
    other = {"MISC": "OTHER"}

    def as_stored(tree: Any) -> Any:
        if isinstance(tree, dict):
            return {other.get(key, key): as_stored(value) for key, value in tree.items()}
        return [as_stored(item) for item in tree] if isinstance(tree, list) else tree

    pieces = {
        "max_len": 98,
        "gold": [["O", *row, "O"] for row in GOLD],
        "pred": [["O", *row, "O"] for row in PREDICTED],
    }
    return {
        "types": ["PER", "LOC", "ORG", "OTHER"],
        "word_level": {
            "gold": GOLD,
            "pred": PREDICTED,
            "scores": as_stored({name: word_program(name, GOLD, PREDICTED) for name in WORD_PROGRAMS}),
        },
        "pieces": {
            "pieces_per_word": [[1] * len(row) for row in GOLD],
            "full": pieces
            | {"scores": {"rgcn_batch5": as_stored(piece_program(pieces["gold"], pieces["pred"], 5))}},
        },
        "chunk_unit_cases": {
            "note": "",
            "rgcn_pieces": [[["O", "B-PER"], []]],
            "word": [[["I-PER"], {"ncrfpp": []}]],
        },
    }


def _check(content: Any, folder: Path, corpus_file: Path | None = None) -> Any:
    path = folder / "scorers.json"
    path.write_text(json.dumps(content))
    return check(path, corpus_file=corpus_file)


def test_golden_scorers_pass_entry_by_entry(golden: Path, mirror: Path) -> None:
    report = check(golden / "scorers.json", corpus_file=mirror / CORPUS_FILE)
    assert report.passed, render(report)
    assert report.system == "scorers"
    groups = {row.group for row in report.comparisons}
    assert groups == {"word_level", "word_level_with_special_tags", "pieces", "chunk_unit_cases", "tw15_test"}
    assert len(report.comparisons) > 2500


def test_golden_metrics_pass(golden: Path) -> None:
    report = check(golden / "r_gcn_metrics.json", corpus_file=None)
    assert report.passed, render(report)
    assert len(report.comparisons) == 40 * (2 + 15)


def test_without_the_corpus_file_the_report_says_what_was_not_compared(golden: Path) -> None:
    report = check(golden / "scorers.json", corpus_file=None)
    assert "not compared: tw15_test" in render(report).splitlines()[0]
    assert not any(row.group == "tw15_test" for row in report.comparisons)


def test_a_wrong_corpus_file_is_refused(golden: Path, tmp_path: Path) -> None:
    with pytest.raises(ParityError, match=names("gone.txt", "test_2.txt")):
        check(golden / "scorers.json", corpus_file=tmp_path / "gone.txt")
    wrong = tmp_path / "test_2.txt"
    wrong.write_text("not the data\n")
    with pytest.raises(ParityError, match=names("test_2.txt")):
        check(golden / "scorers.json", corpus_file=wrong)


def test_own_file_passes(own_file: dict[str, Any], tmp_path: Path) -> None:
    report = _check(own_file, tmp_path)
    assert report.passed, render(report)


@pytest.mark.parametrize(
    "place",
    [
        ("word_level", "scores", "umgf_metric", "overall", "recall"),
        ("word_level", "scores", "ncrfpp", "per_type", "OTHER", "f1"),
        ("word_level", "scores", "conlleval", "overall", "token_accuracy"),
        ("pieces", "full", "scores", "rgcn_batch5", "overall", "f1"),
        ("pieces", "full", "scores", "rgcn_batch5", "per_batch", 2, "LOC", "precision"),
        ("pieces", "full", "scores", "rgcn_batch5", "num_batches"),
    ],
)
def test_any_changed_number_fails_and_is_named(
    own_file: dict[str, Any], place: tuple[Any, ...], tmp_path: Path
) -> None:
    changed = copy.deepcopy(own_file)
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] += 1e-9
    report = _check(changed, tmp_path)
    assert not report.passed
    failed = [row.name for row in report.comparisons if not row.passed]
    assert len(failed) == 1
    assert failed[0].startswith("/".join(str(key) for key in place[:5] if key != "scores"))


def test_changed_chunks_tags_and_printed_reports_fail(own_file: dict[str, Any], tmp_path: Path) -> None:
    chunks = copy.deepcopy(own_file)
    chunks["chunk_unit_cases"]["word"][0][1]["ncrfpp"] = [["PER", 0, 0]]
    tags = copy.deepcopy(own_file)
    tags["word_level"]["pred"][0][1] = "I-PER"
    text = copy.deepcopy(own_file)
    scores = text["word_level"]["scores"]["seqeval_0.0.12"]
    scores["report_text"] = scores["report_text"].replace("0.5", "0.6", 1)
    for content in (chunks, tags, text):
        assert not _check(content, tmp_path).passed


def test_what_cannot_be_compared_is_an_error(own_file: dict[str, Any], tmp_path: Path) -> None:
    program = copy.deepcopy(own_file)
    program["word_level"]["scores"]["bleu"] = {}
    with pytest.raises(ParityError, match=names("'bleu'")):
        _check(program, tmp_path)
    number = copy.deepcopy(own_file)
    number["word_level"]["scores"]["ncrfpp"]["overall"]["kappa"] = 0.5
    with pytest.raises(ParityError, match=names("ncrfpp/overall/kappa")):
        _check(number, tmp_path)
    with pytest.raises(ParityError, match=names("'extra'")):
        _check(own_file | {"extra": {}}, tmp_path)
    short = copy.deepcopy(own_file)
    del short["word_level"]["gold"]
    with pytest.raises(ParityError, match=names("'gold'")):
        _check(short, tmp_path)


def test_a_file_without_sections_does_not_pass(tmp_path: Path) -> None:
    assert not _check({"types": []}, tmp_path).passed


def test_perturbation_is_a_function_of_the_seed_and_keeps_the_shape() -> None:
    first, counts = perturb(GOLD * 20, 3, orphans=True)
    assert (first, counts) == perturb(GOLD * 20, 3, orphans=True)
    assert first != perturb(GOLD * 20, 4, orphans=True)[0]
    assert [len(row) for row in first] == [len(row) for row in GOLD * 20]
    assert sum(counts.values()) - counts["spurious"] == sum(map(len, entities(GOLD * 20)))
    assert "all-I" not in perturb(GOLD * 20, 3, orphans=False)[1]


def test_canonical_form_keeps_the_entities_and_opens_each_with_b() -> None:
    rows = canonical(GOLD)
    assert entities(rows) == entities(GOLD)
    assert rows[0] == ["B-PER", "I-PER", "O", "B-LOC"]


def test_every_lens_reproduces_its_program(golden: Path) -> None:
    content = json.loads((golden / "scorers.json").read_text())
    gold, predicted = content["word_level"]["gold"], content["word_level"]["pred"]
    programs = {
        "conlleval": "conlleval",
        "strict": "seqeval_strict_iob2_1.2.2",
        "ncrfpp": "ncrfpp",
        "umt": "umt_ner_evaluate",
        "umgf": "umgf_metric",
    }
    for name, program in programs.items():
        expected = content["word_level"]["scores"][program]["overall"]
        ours = SCORERS[name].score(gold, predicted, None)
        for field in ("precision", "recall", "f1"):
            assert getattr(ours, field) == pytest.approx(expected[field], abs=1e-12), (name, field)


def test_types_that_another_data_set_brought_into_the_process_change_no_program() -> None:
    before = word_program("conlleval", GOLD, PREDICTED)
    encode([["B-FURTHER-TYPE", "I-FURTHER-TYPE"]])
    assert len(kind_names()) > len(KINDS)
    assert word_program("conlleval", GOLD, PREDICTED) == before

"""Scores: parity with seqeval, refusals that name run and sentence, and averages over seeds."""

from __future__ import annotations

import json
import random
import statistics
from pathlib import Path

import pytest
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support
from support import fabricated_runs
from support.messages import names
from support.profile_settings import settings

from mner.base.files import write_json_atomically
from mner.config.training_recipe import DEFAULTS
from mner.data.corpus import LABELS, TYPES, Sentence, write_tags
from mner.evaluation.averages import ScoringError, text_encoder
from mner.evaluation.result_files import as_json
from mner.evaluation.scoring import MODE, gold_reader, score_profile, score_run

ROOT = Path(__file__).resolve().parents[2]
FABRICATED = vars(fabricated_runs)
ACTIVE = FABRICATED["Active"]("tiny", ("twitter2017",), ("bert-crf", "umt"), (1, 2, 3))


def _sentences(rows: list[list[str]]) -> list[Sentence]:
    return [Sentence(i, f"image{i}", tuple("w" * len(row)), tuple(row)) for i, row in enumerate(rows)]


def _score(root: Path, active=ACTIVE) -> dict:
    return score_profile(
        root / "runs", gold_reader(root / "data"), active.name, active.datasets, active.systems, active.seeds
    )


def _wrong(dataset: str, system: str, seed: int, view: str) -> float | None:
    if system == "bert-crf" and view != "own":
        return None
    return {"own": 0.1, "none": 0.2, "shuffled": 0.3}[view] + 0.01 * seed


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("seed", range(20))
def test_equals_seqeval_default_mode_on_random_tags(seed: int) -> None:
    rng = random.Random(seed)
    lengths = [rng.randint(1, 9) for _ in range(30)]
    gold, predicted = ([[rng.choice(LABELS) for _ in range(n)] for n in lengths] for _ in range(2))
    scores = score_run(_sentences(gold), predicted)
    expected = precision_recall_fscore_support(gold, predicted, average="micro", zero_division=0)
    assert (scores.precision, scores.recall, scores.f1) == pytest.approx([100 * x for x in expected[:3]], abs=1e-9)
    per_type = precision_recall_fscore_support(gold, predicted, average=None, zero_division=0)
    for i, kind in enumerate(sorted(TYPES)):
        assert scores.types[kind].f1 == pytest.approx(100 * per_type[2][i], abs=1e-9)
        assert scores.types[kind].support == per_type[3][i]
    assert (scores.sentences, scores.words, scores.mode) == (30, sum(lengths), MODE)


def test_equals_the_golden_conlleval(golden: Path) -> None:
    words = json.loads((golden / "scorers.json").read_text(encoding="utf-8"))["word_level"]
    rename = lambda rows: [[tag.replace("OTHER", "MISC") for tag in row] for row in rows]  # noqa: E731
    scores = score_run(_sentences(rename(words["gold"])), rename(words["pred"]))
    expected = words["scores"]["conlleval"]["overall"]
    f1 = next(value for key, value in expected.items() if "f" in key and "1" in key)
    assert scores.f1 / 100 == pytest.approx(f1, abs=1e-12)


def test_orphan_inside_tags_open_an_entity() -> None:
    scores = score_run(_sentences([["O", "I-PER", "I-PER"]]), [["O", "B-PER", "I-PER"]])
    assert (scores.precision, scores.recall, scores.f1) == (100.0, 100.0, 100.0)


def test_undefined_is_none_not_zero() -> None:
    scores = score_run(_sentences([["B-PER", "O"]]), [["O", "B-LOC"]])
    assert scores.types["PER"].precision is None
    assert scores.types["PER"].f1 == 0.0
    assert scores.types["LOC"].recall is None
    assert scores.types["ORG"].f1 is None


@pytest.mark.parametrize("predicted", [["O", "O"], ["O", "B-PER"], ["B-LOC", "O"]])
def test_nothing_found_and_nothing_right_are_zero(predicted: list[str]) -> None:
    scores = score_run(_sentences([["B-PER", "O"]]), [predicted])
    assert (scores.precision, scores.recall, scores.f1) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("predicted", "message"),
    [
        ([["B-PER", "O"], ["O"]], "sentence 1: 2 words but 1 predicted tags"),
        ([["B-PER", "O"]], "2 gold sentences but 1 predicted: sentence 1 is the first that the predictions lack"),
        ([["B-PER", "O"], ["O", "O"], ["O"]], "sentence 2 is the first that the gold lack"),
        ([["B-PER", "O"], ["O", "X"]], "sentence 1: predicted tag 'X' is no BIO tag"),
    ],
)
def test_unequal_shapes_name_the_first_sentence(predicted: list[list[str]], message: str) -> None:
    with pytest.raises(ScoringError, match=message):
        score_run(_sentences([["B-PER", "O"], ["O", "O"]]), predicted)


def test_gold_must_have_tags_and_entities() -> None:
    with pytest.raises(ScoringError, match="gold carries no tags"):
        score_run([Sentence(0, "i", ("a",), None)], [["O"]])
    with pytest.raises(ScoringError, match="no entity"):
        score_run(_sentences([["O"]]), [["O"]])


def test_cells_average_over_seeds_and_scores_are_deterministic(tmp_path: Path) -> None:
    FABRICATED["make_runs"](tmp_path, ACTIVE, _wrong)
    scores = _score(tmp_path)
    assert scores == _score(tmp_path)
    cell = next(cell for cell in scores.cells if cell.system == "umt")
    f1 = cell.views["test.own"].f1
    recalls = [1 - round(240 * (0.1 + 0.01 * seed)) / 240 for seed in (1, 2, 3)]
    assert f1.values == pytest.approx([200 * r / (1 + r) for r in recalls])
    assert f1.mean == pytest.approx(statistics.fmean(f1.values))
    assert f1.sd == pytest.approx(statistics.stdev(f1.values))
    assert f1.records == tuple(f"runs/tiny/twitter2017/umt/{seed}/record.json" for seed in (1, 2, 3))
    runs = {run.record: run for run in scores.runs}
    assert all(runs[record].key == key for record, key in zip(f1.records, f1.keys, strict=True))
    assert cell.image_sensitivity["shuffled"].mean > cell.image_sensitivity["none"].mean > 0
    text = next(cell for cell in scores.cells if cell.system == "bert-crf")
    assert text.image_sensitivity == {}
    json.dumps(as_json(scores), allow_nan=False)


def test_libraries_that_compute_and_precision_are_told(tmp_path: Path) -> None:
    environment = {"python": "3.11", "torch": "2.1", "transformers": "4.5", "precision": "bf16"}
    FABRICATED["make_runs"](tmp_path, ACTIVE, _wrong, environment=environment)
    scores = _score(tmp_path)
    assert {run.software for run in scores.runs} == {"torch 2.1, transformers 4.5"}
    assert all(cell.software == ("torch 2.1, transformers 4.5",) for cell in scores.cells)
    assert all(cell.precision == "bf16" for cell in scores.cells)
    assert not any({"environment", "inputs", "sources"} & as_json(run).keys() for run in scores.runs)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "minilm"),
        ({"words": None}, "minilm"),
        ({"words": {"vectors": "glove"}}, "glove"),
        ({"reader": {"words": {"vectors": "glove"}}}, "glove"),
        ({"placement": "projection", "words": None}, "minilm"),
        ({"placement": "projection", "words": {"vectors": "glove"}}, "minilm+glove"),
    ],
)
def test_what_reads_the_words_is_told_by_the_options(options: dict, name: str) -> None:
    assert text_encoder({"name": "minilm"}, options).name == name


def test_every_row_without_the_encoder_is_told_apart() -> None:
    """The rule over options agrees with what the systems build: who never asks for the encoder reads vectors."""
    config = settings()
    for system, row in config.systems.items():
        asked = "build.encoder()" in (ROOT / row.file).read_text(encoding="utf-8")
        assert (text_encoder({"name": "minilm"}, row.options).name == "minilm") == asked, system


def test_a_changed_prediction_is_an_error_naming_the_run(tmp_path: Path) -> None:
    FABRICATED["make_runs"](tmp_path, ACTIVE, _wrong)
    write_tags(tmp_path / "runs/tiny/twitter2017/umt/2/test.own.jsonl", FABRICATED["predictions"](0.0, 1))
    with pytest.raises(ScoringError, match=r"run runs/tiny/twitter2017/umt/2: test\.own\.jsonl does not match"):
        _score(tmp_path)


def test_missing_and_unlisted_predictions_are_errors(tmp_path: Path) -> None:
    FABRICATED["make_runs"](tmp_path, ACTIVE, _wrong)
    folder = tmp_path / "runs/tiny/twitter2017/umt/3"
    (folder / "test.none.jsonl").rename(folder / "test.blank.jsonl")
    with pytest.raises(ScoringError, match=r"umt/3: test\.blank\.jsonl is not listed"):
        _score(tmp_path)
    (folder / "test.blank.jsonl").unlink()
    with pytest.raises(ScoringError, match=names("umt/3", "test.none.jsonl")):
        _score(tmp_path)


def test_runs_under_different_conditions_are_not_averaged(tmp_path: Path) -> None:
    FABRICATED["make_runs"](tmp_path, ACTIVE, _wrong, data_copy=lambda d, s, seed: "umt" if seed < 3 else "rgcn")
    with pytest.raises(ScoringError, match=r"twitter2017 x bert-crf: dataset_version differs .*/1/.*/3/"):
        _score(tmp_path)


def test_a_record_from_before_a_field_of_the_recipe_means_its_default(tmp_path: Path) -> None:
    FABRICATED["make_runs"](tmp_path, ACTIVE, _wrong)
    path = tmp_path / "runs/tiny/twitter2017/bert-crf/1/record.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    write_json_atomically(path, record | {"recipe": record["recipe"] | {"dev_batch": DEFAULTS["dev_batch"]}})
    assert _score(tmp_path).cells[0].state == "finished"
    write_json_atomically(path, record | {"recipe": record["recipe"] | {"dev_batch": 16}})
    with pytest.raises(ScoringError, match=r"twitter2017 x bert-crf: recipe"):
        _score(tmp_path)


def test_a_copied_run_folder_is_refused(tmp_path: Path) -> None:
    FABRICATED["make_runs"](tmp_path, ACTIVE, _wrong)
    folder = tmp_path / "runs/tiny/twitter2017/umt/1"
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    write_json_atomically(folder / "record.json", record | {"seed": 7})
    with pytest.raises(ScoringError, match="the folder was moved or copied"):
        _score(tmp_path)


def test_absent_skipped_and_outside_runs_are_states_not_numbers(tmp_path: Path) -> None:
    wide = FABRICATED["Active"]("tiny", ("twitter2017",), ("bert-crf", "umt"), (1, 2, 3, 9))
    FABRICATED["make_runs"](tmp_path, wide, lambda d, s, seed, v: None if s == "umt" else _wrong(d, s, seed, v))
    for seed in (1, 2, 3):
        fields = FABRICATED["record_fields"]("tiny", "twitter2017", "ocsga", seed, {})
        fields |= {"status": "skipped", "reason": "no object labels", "throughput": None, "dev_f1": ()}
        FABRICATED["Record"](**fields | {"best_epoch": None}).write(
            tmp_path / f"runs/tiny/twitter2017/ocsga/{seed}/record.json"
        )
    scores = _score(
        tmp_path, FABRICATED["Active"]("tiny", ("twitter2017",), ("bert-crf", "umt", "ocsga"), (1, 2, 3))
    )
    states = {cell.system: (cell.state, cell.reason) for cell in scores.cells}
    assert states == {
        "bert-crf": ("finished", None),
        "umt": ("not-run", None),
        "ocsga": ("skipped", "no object labels"),
    }
    assert scores.outside == ("runs/tiny/twitter2017/bert-crf/9/record.json",)

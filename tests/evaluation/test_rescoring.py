"""Re-scoring: every run under every scorer and copy, inapplicable lenses as states, epochs apart from views."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import fabricated_runs

from mner.base.files import write_json_atomically
from mner.data.corpus import LABELS, TYPES, write_sentences
from mner.data.tag_codes import encode
from mner.evaluation import ita_scorer
from mner.evaluation.averages import ScoringError
from mner.evaluation.rescored_results import Rescored, SubwordSource
from mner.evaluation.rescoring import (
    ALL_SCORERS,
    OtherVersion,
    SubwordCounter,
    numbers_of_subwords,
    other_versions,
    rescore,
)
from mner.evaluation.result_files import as_json
from mner.evaluation.run_selection import picked
from mner.evaluation.scorers import SCORERS
from mner.evaluation.scoring import PredictionName, gold_reader, score_profile
from mner.evaluation.tagged import Tagged, read_tagged

FABRICATED = vars(fabricated_runs)
ACTIVE = FABRICATED["Active"]("tiny", ("twitter2017",), ("bert-crf", "umt"), (1, 2))
PIECES = SubwordCounter("short", lambda words: [1 + int(word[1:]) % 2 for word in words])


def _wrong(dataset: str, system: str, seed: int, view: str) -> float | None:
    if view.startswith("epoch"):
        return {"epoch-1": 0.3, "epoch-2": 0.05}[view]
    return 0.1 + 0.05 * seed if view == "own" else None


def _tagged(root: Path, epochs: int = 0) -> tuple[Tagged, dict[str, Any]]:
    FABRICATED["make_runs"](root, ACTIVE, _wrong, epochs=epochs)
    gold_of = gold_reader(root / "data")
    scores = score_profile(root / "runs", gold_of, "tiny", ACTIVE.datasets, ACTIVE.systems, ACTIVE.seeds)
    return read_tagged(scores, root, gold_of), scores


@pytest.mark.parametrize("seed", range(30))
def test_itas_reader_on_arrays_is_itas_reader(seed: int) -> None:
    rng = random.Random(seed)
    rows = [[rng.choice(LABELS) for _ in range(rng.randint(1, 14))] for _ in range(20)]
    spans = ita_scorer.bio_spans(encode(rows).bordered())
    offsets = np.cumsum([0, *(len(row) + 1 for row in rows)])
    expected = [
        (span.kind, span.first + start, span.last + start)
        for row, start in zip(rows, offsets, strict=False)
        for span in ita_scorer.read_spans(row)
    ]
    found = zip(spans.kinds.tolist(), spans.first.tolist(), spans.last.tolist(), strict=True)
    assert [(TYPES[kind], first, last) for kind, first, last in found] == expected


def _bioes(tags: list[str]) -> list[str]:
    """``bio_to_bioes`` of golden/ita/ITA.md 6, word by word."""
    opened = ["O" if tag == "O" else tag for tag in tags]
    for place, tag in enumerate(tags):
        before = tags[place - 1] if place else "O"
        if tag.startswith("I-") and before[2:] != tag[2:]:
            opened[place] = f"B-{tag[2:]}"
    made = []
    for place, tag in enumerate(opened):
        goes_on = place + 1 < len(opened) and opened[place + 1].startswith("I-")
        made.append(tag if tag == "O" or goes_on else {"B": "S", "I": "E"}[tag[0]] + tag[1:])
    return made


def test_the_ita_lens_is_its_metric_on_what_its_reader_makes_of_bio() -> None:
    rng = random.Random(5)
    gold, predicted = ([[rng.choice(LABELS) for _ in range(9)] for _ in range(60)] for _ in range(2))
    assert any(_bioes(row) != [tag.replace("B-", "S-") for tag in row] for row in gold)
    expected = ita_scorer.score([*map(_bioes, gold)], [*map(_bioes, predicted)], remove_image_words=False)
    scores = ALL_SCORERS["ita"].score(gold, predicted, None)
    assert (scores.precision, scores.recall, scores.f1) == (
        *(expected.micro.precision, expected.micro.recall, expected.micro.f1),
    )
    assert {kind: triple[2] for kind, triple in scores.per_type.items()} == {
        kind: counts.f1 for kind, counts in expected.per_type.items()
    }


def _rescored(tagged: Tagged, *copies: OtherVersion, pieces: SubwordCounter = PIECES) -> dict:
    return rescore(tagged, pieces, numbers_of_subwords(tagged, pieces), {"twitter2017": copies})


def test_runs_stand_in_the_profiles_order_and_by_number_of_seed(tmp_path: Path) -> None:
    """Neither the alphabet's order of systems nor that of seeds: ten comes after nine."""
    active = FABRICATED["Active"]("tiny", ("twitter2017", "twitter2015"), ("umt", "bert-crf", "rgcn"), (9, 10))
    FABRICATED["make_runs"](tmp_path, active, lambda d, system, *_: None if system == "rgcn" else 0.2)
    gold_of = gold_reader(tmp_path / "data")
    scores = score_profile(tmp_path / "runs", gold_of, "tiny", active.datasets, active.systems, active.seeds)
    tagged = read_tagged(scores, tmp_path, gold_of)
    places = [(run.dataset, run.system, run.seed) for run in tagged.runs]
    assert places[4:] == [("twitter2017", name, seed) for name in ("umt", "bert-crf") for seed in (9, 10)]
    assert [name for name, _ in tagged.cells("twitter2017")] == ["umt", "bert-crf"]
    assert [run.seed for run in tagged.cell("twitter2015", "bert-crf")] == [9, 10]
    lost = [1 - round(240 * 0.2) / 240] * 2
    counts = tagged.counts(tagged.cell("twitter2015", "umt")).sum(axis=1)
    assert (counts[:, 0] / counts[:, 2]).tolist() == pytest.approx(lost)


def test_every_run_meets_every_lens(tmp_path: Path) -> None:
    tagged, scores = _tagged(tmp_path)
    lenses = _rescored(tagged)
    assert [run.record for run in lenses.runs] == [run.record for run in scores.runs]
    gold = tagged.gold["twitter2017", "test"]
    counts = [list(PIECES.count(s.words)) for s in tagged.sentences["twitter2017", "test"]]
    for run, held in zip(tagged.runs, lenses.runs, strict=True):
        found = held.versions["umt"]["test.own"]
        assert list(found) == list(ALL_SCORERS)
        for name, lens in SCORERS.items():
            assert found[name].f1 == pytest.approx(100 * lens.score(gold, run.tags["test.own"], counts).f1)
    standard = {run.record: run.views["test.own"].f1 for run in scores.runs}
    for held in lenses.runs:
        assert held.versions["umt"]["test.own"]["conlleval"].f1 == pytest.approx(standard[held.record])
    json.dumps(as_json(lenses), allow_nan=False)


def test_a_lens_that_cannot_apply_is_a_state_not_a_number(tmp_path: Path) -> None:
    tagged, _ = _tagged(tmp_path)
    blind = _rescored(tagged, pieces=SubwordCounter("bert", None, "its hub cannot be reached"))
    found = blind.runs[0].versions["umt"]["test.own"]
    assert found["rgcn-64"] == Rescored(state="no word pieces: its hub cannot be reached")
    assert blind.subwords == SubwordSource("bert", "its hub cannot be reached")
    assert found["strict"].f1 is not None
    few = _rescored(tagged, OtherVersion("rgcn", np.arange(FABRICATED["SENTENCES"]) < 20)).runs[0]
    small = few.versions["rgcn"]["test.own"]
    assert "do not fill one batch of 64" in small["rgcn-64"].state
    assert small["rgcn-16"].f1 is not None
    assert few.versions["umt"]["test.own"]["rgcn-64"].f1 is not None
    assert "do not fill one batch" in picked([few], "rgcn-64", "rgcn")


def test_selected_sentences_are_those_marked_with_all_their_words() -> None:
    rows = [["B-PER", "I-PER", "O"], ["O"], [], ["B-LOC", "O"]]
    kept = encode(rows).select(np.array([True, False, True, True]))
    alone = encode([rows[0], rows[2], rows[3]])
    assert (kept.codes.tolist(), kept.lengths.tolist()) == (alone.codes.tolist(), alone.lengths.tolist())


def test_the_other_copy_is_the_same_predictions_on_its_sentences(tmp_path: Path) -> None:
    tagged, _ = _tagged(tmp_path)
    keep = np.arange(FABRICATED["SENTENCES"]) % 3 > 0
    run = tagged.runs[0]
    found = _rescored(tagged, OtherVersion("rgcn", keep)).runs[0].versions["rgcn"]["test.own"]["strict"]
    expected = SCORERS["strict"].score(
        tagged.gold["twitter2017", "test"].select(keep), run.tags["test.own"].select(keep), None
    )
    assert found.f1 == pytest.approx(100 * expected.f1)
    assert found.f1 != pytest.approx(
        100 * SCORERS["strict"].score(tagged.gold["twitter2017", "test"], run.tags["test.own"], None).f1
    )


@pytest.mark.parametrize(
    ("lists", "expected"),
    [([{}, None, {}], [True, False, True]), ([None, None, None], None), ([{}, {}, {}], None)],
)
def test_the_rgcn_copy_is_known_by_its_retrieval_lists(
    lists: list[Any], expected: list[bool] | None, tmp_path: Path
) -> None:
    write_json_atomically(tmp_path / "d" / "side" / "retrieval.json", {"test": lists})
    found = other_versions(tmp_path, "d")
    assert [(copy.name, copy.keep.tolist(), copy.gold) for copy in found] == (
        [] if expected is None else [("rgcn", expected, None)]
    )
    assert other_versions(tmp_path, "absent") == ()


def test_another_annotation_changes_the_gold_and_not_the_predictions(tmp_path: Path) -> None:
    tagged, _ = _tagged(tmp_path)
    ours = tagged.sentences["twitter2017", "test"]
    # Where we have an entity, the other annotators saw none: precision falls, and no sentence is left out.
    first = next(number for number, sentence in enumerate(ours) if any(tag != "O" for tag in sentence.tags or ()))
    retagged = [
        replace(sentence, tags=("O",) * len(sentence.words)) if number == first else sentence
        for number, sentence in enumerate(ours)
    ]
    write_sentences(tmp_path / "data" / "twitter2017" / "gold" / "test.zhang2018.jsonl", retagged)
    (copy,) = other_versions(tmp_path / "data", "twitter2017")
    assert copy.name == "zhang2018"
    assert copy.keep.all()
    run = _rescored(tagged, copy).runs[0]
    gold = encode([sentence.tags or () for sentence in retagged])
    expected = SCORERS["conlleval"].score(gold, tagged.runs[0].tags["test.own"], None)
    assert run.versions["zhang2018"]["test.own"]["conlleval"].f1 == pytest.approx(100 * expected.f1)
    assert run.versions["zhang2018"]["test.own"]["conlleval"] != run.versions["umt"]["test.own"]["conlleval"]


def test_single_epochs_are_rescored_but_are_no_views(tmp_path: Path) -> None:
    tagged, scores = _tagged(tmp_path, epochs=2)
    for run in scores.runs:
        assert set(run.views) == {"dev.own", "test.own"}
        assert set(run.predictions) == {"dev.own", "test.own", "epoch-1.test.own", "epoch-2.test.own"}
    assert all(set(cell.views) == {"dev.own", "test.own"} for cell in scores.cells)
    runs = [run for run in _rescored(tagged).runs if run.system == "umt"]
    found = picked(runs, "conlleval")
    assert not isinstance(found, str)
    assert found.on_test is not None
    assert all(test > dev for test, dev in zip(found.on_test, found.on_dev, strict=True))


def test_a_changed_epoch_file_is_an_error(tmp_path: Path) -> None:
    FABRICATED["make_runs"](tmp_path, ACTIVE, _wrong, epochs=1)
    file = tmp_path / "runs/tiny/twitter2017/umt/2/epoch-1.test.own.jsonl"
    file.write_text(file.read_text(encoding="utf-8").replace("PER", "LOC"), encoding="utf-8")
    with pytest.raises(ScoringError, match=r"umt/2: epoch-1\.test\.own\.jsonl does not match the hash"):
        score_profile(
            tmp_path / "runs", gold_reader(tmp_path / "data"), "tiny", ACTIVE.datasets, ACTIVE.systems, (1, 2)
        )


def test_prediction_names() -> None:
    assert PredictionName.of("test.shuffled") == PredictionName("test", "shuffled", None)
    assert PredictionName.of("epoch-12.test.own") == PredictionName("test", "own", 12)
    for name in ("train.own", "test", "epoch-x.test.own", "test.own.jsonl"):
        with pytest.raises(ScoringError, match="predictions are named"):
            PredictionName.of(name)

"""Error analysis on sentences of our own making: every entity accounted for, agreement, suspects and cases."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mner.data.corpus import LABELS, Sentence
from mner.data.spans import Entity, entities
from mner.data.tag_codes import TagError
from mner.evaluation.errors import breakdown, judge, training_entities
from mner.evaluation.run_agreement import agreement, cases, suspects

tag_rows = st.lists(
    st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=8),
    min_size=1,
    max_size=5,
)


def _sentence(index: int, words: str, tags: str | None = None) -> Sentence:
    return Sentence(index, str(index), tuple(words.split()), tuple(tags.split()) if tags else None)


def _outcomes(gold: str, predicted: str) -> list[tuple[str, str]]:
    return [(j.outcome, j.entity.kind) for j in judge([gold.split()], [predicted.split()])]


@pytest.mark.parametrize(
    ("gold", "predicted", "outcomes"),
    [
        ("B-PER I-PER O", "B-PER I-PER O", [("correct", "PER")]),
        ("B-PER I-PER O", "B-LOC I-LOC O", [("type", "PER")]),
        ("B-PER I-PER O", "B-PER O O", [("boundary", "PER")]),
        ("B-PER I-PER O", "B-LOC O O", [("type and boundary", "PER")]),
        ("B-PER I-PER O", "O O O", [("missed", "PER")]),
        ("B-PER I-PER O", "O O B-ORG", [("missed", "PER"), ("spurious", "ORG")]),
        ("B-PER O B-LOC", "B-PER I-PER I-PER", [("boundary", "PER"), ("type and boundary", "LOC")]),
        ("B-PER I-PER O", "B-PER B-LOC O", [("boundary", "PER")]),
    ],
)
def test_each_kind_of_error_by_hand(gold: str, predicted: str, outcomes: list[tuple[str, str]]) -> None:
    assert _outcomes(gold, predicted) == outcomes


@settings(max_examples=80, deadline=None)
@given(tag_rows)
def test_every_gold_entity_has_one_outcome_and_correct_ones_are_the_exact_matches(
    rows: list[list[tuple[str, str]]],
) -> None:
    gold, predicted = ([[pair[side] for pair in row] for row in rows] for side in (0, 1))
    judgements = judge(gold, predicted)
    on_gold = [(j.sentence, j.entity) for j in judgements if j.outcome != "spurious"]
    expected = [(s, entity) for s, row in enumerate(entities(gold)) for entity in row]
    assert on_gold == expected
    exact = sum(len(set(g) & set(p)) for g, p in zip(entities(gold), entities(predicted), strict=True))
    outcomes = Counter(j.outcome for j in judgements)
    assert outcomes["correct"] == exact
    assert outcomes["spurious"] == Counter(j.outcome for j in judge(predicted, gold))["missed"]


def test_breakdown_by_type_length_training_and_opening() -> None:
    training = [_sentence(0, "in Old York City", "O B-LOC I-LOC I-LOC"), _sentence(1, "Ann", "B-PER")]
    test = [_sentence(0, "ANN saw OLD York city"), _sentence(1, "then Bob slept")]
    gold = [["B-PER", "O", "B-LOC", "I-LOC", "I-LOC"], ["O", "I-PER", "O"]]
    predicted = [["B-PER", "O", "B-LOC", "I-LOC", "O"], ["O", "O", "B-MISC"]]
    seen = training_entities(training)
    assert seen == {("old", "york", "city"), ("ann",)}
    assert breakdown(test, judge(gold, predicted), seen) == {
        ("all", "all"): {"correct": 1, "boundary": 1, "missed": 1, "spurious": 1},
        ("type", "PER"): {"correct": 1, "missed": 1},
        ("type", "LOC"): {"boundary": 1},
        ("type", "MISC"): {"spurious": 1},
        ("length", "1 word"): {"correct": 1, "missed": 1, "spurious": 1},
        ("length", "3 or more words"): {"boundary": 1},
        ("training", "seen"): {"correct": 1, "boundary": 1},
        ("training", "unseen"): {"missed": 1, "spurious": 1},
        ("opening", "B-"): {"correct": 1, "boundary": 1, "spurious": 1},
        ("opening", "orphan I-"): {"missed": 1},
    }


def test_blind_sentences_have_no_training_entities() -> None:
    with pytest.raises(TagError, match="sentence 0: no tags"):
        training_entities([_sentence(0, "Ann")])


def test_misaligned_predictions_are_refused() -> None:
    with pytest.raises(TagError, match="sentence 0: 2 gold tags but 1"):
        judge([["O", "O"]], [["O"]])


GOLD = [["B-PER", "O"], ["O", "B-LOC"], ["O", "O"], ["B-ORG", "O"]]
RIGHT = GOLD
BLANK = [["O", "O"]] * 4
OTHER = [["B-PER", "O"], ["O", "B-ORG"], ["B-MISC", "O"], ["O", "O"]]


def test_agreement_counts_pairs_of_runs_and_weighs_systems_equally() -> None:
    found = agreement(GOLD, {"a": [RIGHT, RIGHT, RIGHT], "b": [BLANK]})
    assert [row.pairwise for row in found] == [0.5, 0.5, 1.0, 0.5]
    assert [row.right for row in found] == pytest.approx([0.5, 0.5, 1.0, 0.5])
    with pytest.raises(ValueError, match="at least two"):
        agreement(GOLD, {"a": [RIGHT]})
    with pytest.raises(ValueError, match="'b' has no runs"):
        agreement(GOLD, {"a": [RIGHT], "b": []})


def test_suspects_are_labels_that_most_runs_contradict_alike() -> None:
    runs = {"a": [OTHER, OTHER, OTHER], "b": [OTHER, OTHER], "c": [OTHER, OTHER, OTHER, RIGHT]}
    found = {(s.sentence, s.kind): s for s in suspects(GOLD, runs, 0.8)}
    assert set(found) == {(1, "other label"), (2, "missing label"), (3, "spurious label")}
    assert found[1, "other label"].entity == Entity("ORG", 1, 1)
    assert found[1, "other label"].gold == (Entity("LOC", 1, 1),)
    assert found[3, "spurious label"].entity == Entity("ORG", 0, 0)
    assert all(s.share == pytest.approx((1 + 1 + 0.75) / 3) and s.systems == 3 for s in found.values())


def test_a_suspected_label_stands_in_place_of_those_it_meets_only() -> None:
    gold, read = [["B-PER", "B-LOC", "O"]], [["B-ORG", "B-LOC", "B-MISC"]]
    found = suspects(gold, {"a": [read], "b": [read]})
    assert [(s.kind, s.entity.kind, s.gold) for s in found] == [
        ("other label", "ORG", (Entity("PER", 0, 0),)),
        ("missing label", "MISC", ()),
    ]


def test_the_strongest_suspicion_stands_first_and_half_of_the_seeds_are_no_majority() -> None:
    some = [["O", "O"], *GOLD[1:3], ["O", "O"]]
    found = suspects(GOLD, {"a": [some], "b": [some], "c": [some], "d": [[*GOLD[:3], ["O", "O"]], RIGHT]}, 0.7)
    assert [(s.sentence, s.share, s.systems) for s in found] == [(3, pytest.approx(0.875), 3), (0, 0.75, 3)]
    alike = suspects([["B-PER", "B-LOC"]] * 2, {"a": [[["O", "O"]] * 2], "b": [[["O", "O"]] * 2]})
    assert [(s.sentence, s.entity.first) for s in alike] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_runs_that_contradict_gold_each_in_its_own_way_raise_no_suspicion() -> None:
    one, two = [["B-LOC", "O"], *GOLD[1:]], [["B-ORG", "O"], *GOLD[1:]]
    assert suspects(GOLD, {"a": [one, one], "b": [two, two]}, 0.6) == []
    assert suspects(GOLD, {"a": [RIGHT, RIGHT], "b": [RIGHT]}) == []
    with pytest.raises(ValueError, match="majority"):
        suspects(GOLD, {"a": [one]}, 0.5)


def test_cases_are_what_one_system_alone_gets_right() -> None:
    runs = {"a": [RIGHT, RIGHT], "b": [OTHER, OTHER], "c": [BLANK, RIGHT]}
    assert [case.sentence for case in cases(GOLD, runs, "a", ["b"])] == [1, 3]
    assert cases(GOLD, runs, "a", ["b", "c"]) == []
    assert cases(GOLD, runs, "a", ["b"])[0].right == {"a": 1.0, "b": 0.0}
    assert cases(GOLD, runs, "c", ["b"]) == []
    with pytest.raises(ValueError, match="no runs of 'umt'; there are a, b, c"):
        cases(GOLD, runs, "a", ["umt"])


def test_planted_label_noise_is_what_the_suspect_list_finds() -> None:
    generator = np.random.default_rng(0)
    truth = [["O", "B-PER", "I-PER", "O", "B-LOC"] for _ in range(200)]
    flipped = set(generator.choice(200, 12, replace=False).tolist())
    gold = [["O", "B-ORG", "I-ORG", "O", "B-LOC"] if i in flipped else row for i, row in enumerate(truth)]

    def run() -> list[list[str]]:
        return [["O"] * 5 if generator.random() < 0.1 else row for row in truth]

    runs = {name: [run() for _ in range(5)] for name in ("a", "b", "c")}
    found = suspects(gold, runs, 0.6)
    assert {suspect.sentence for suspect in found} == flipped
    assert {suspect.kind for suspect in found} == {"other label"}

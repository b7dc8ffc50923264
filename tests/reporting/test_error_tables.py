"""Errors and agreement of a profile, on a handful of sentences counted by hand."""

from __future__ import annotations

import pytest

from mner.data.corpus import Sentence
from mner.data.tag_codes import encode
from mner.evaluation.error_counts import profile_errors
from mner.evaluation.error_results import AgreementNumbers, DatasetErrors, EntityPlace
from mner.evaluation.tagged import Tagged, TaggedRun

DATASET = "twitter2017"
GOLD = [["B-PER", "O"], ["O", "O"], ["O", "B-LOC"], ["B-ORG", "O"]]
"""The second sentence holds nothing; the last name is found by nobody."""
FIRST = [["B-PER", "O"], ["O", "O"], ["O", "B-LOC"], ["O", "O"]]
SECOND = [["O", "O"], ["O", "B-MISC"], ["O", "B-LOC"], ["O", "O"]]
BLANK = [["O", "O"]] * 4


def _tagged(readings: dict[str, list[list[list[str]]]]) -> Tagged:
    sentences = tuple(Sentence(i, f"image{i}", ("v", "w"), tuple(tags)) for i, tags in enumerate(GOLD))
    runs = tuple(
        TaggedRun(f"{name}/{seed}", DATASET, name, seed, "umt", {"test.own": encode(tags)})
        for name, rows in readings.items()
        for seed, tags in enumerate(rows, 1)
    )
    return Tagged("tiny", (DATASET, "twitter2015"), tuple(readings), runs, {(DATASET, "test"): sentences})


TRAINING = {DATASET: [Sentence(0, "i", ("W",), ("B-MISC",))]}


@pytest.fixture(scope="module")
def found() -> DatasetErrors:
    held = profile_errors(_tagged({"a": [FIRST, SECOND], "b": [BLANK]}), TRAINING).datasets
    assert set(held) == {DATASET}, "nothing is said of a data set without runs"
    return held[DATASET]


def test_entities_are_counted_by_run_and_a_group_without_them_counts_nothing(
    found: DatasetErrors,
) -> None:
    of_a, of_b = found.cells
    assert (of_a.system, of_a.records) == ("a", ("a/1", "a/2"))
    rows = {(row.cut, row.group): row.counts for row in of_a.rows}
    assert list(rows) == sorted(rows), "the same order in every process"
    told = {place: {what: n for what, n in counts.items() if any(n)} for place, counts in rows.items()}
    assert told["all", "all"] == {"correct": (2, 1), "missed": (1, 2), "spurious": (0, 1)}
    assert told["type", "MISC"] == {"spurious": (0, 1)}
    assert told["type", "PER"] == {"correct": (1, 0), "missed": (0, 1)}
    assert told["training", "seen"] == {"correct": (1, 1), "spurious": (0, 1)}, "w occurs in training"
    counts = of_b.all_entities.counts
    assert (counts["missed"], counts["correct"]) == ((3,), (0,))


def test_agreement_is_over_sentences_that_hold_an_entity(found: DatasetErrors) -> None:
    of_a, of_b, of_all = found.agreement
    assert (of_a.group, of_a.numbers) == ("a", AgreementNumbers(3, pytest.approx(100 * (0 + 1 + 1) / 3), 1, 1))
    assert (of_b.group, of_b.records, of_b.numbers, bool(of_b.state)) == ("b", ("b/1",), None, True)
    assert (of_all.group, of_all.records) == ("all runs", ("a/1", "a/2", "b/1"))
    assert of_all.numbers == AgreementNumbers(3, pytest.approx(100 * (1 / 3 + 1 / 3 + 1) / 3), 0, 1)


def test_what_all_systems_contradict_is_named_with_its_picture(found: DatasetErrors) -> None:
    assert (found.suspects.systems, found.suspects.records) == (2, ("a/1", "a/2", "b/1"))
    (entry,) = found.suspects.entries
    assert (entry.sentence, entry.image, entry.kind) == (3, "image3", "spurious label")
    assert entry.entity == EntityPlace("ORG", 0, 0)
    assert (entry.share, entry.systems, entry.gold) == (pytest.approx(1.0), 2, ())


def test_one_system_alone_raises_no_suspicion_however_many_its_runs() -> None:
    alone = profile_errors(_tagged({"a": [BLANK, BLANK]}), TRAINING).datasets[DATASET]
    assert alone.suspects.state
    assert [row.group for row in alone.agreement] == ["a", "all runs"]

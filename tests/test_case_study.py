"""Errors by class are a system's own: what the others get wrong and it gets right is not among them."""

from __future__ import annotations

from mner.data.corpus import Sentence
from mner.evaluation.case_study import ANNOTATION, error_classes
from mner.evaluation.spans import encode
from mner.evaluation.tagged import Tagged, TaggedRun

GOLD = ["B-PER", "O", "O"]
MISSED = ["O", "O", "O"]


def _tagged(readings: dict[str, list[list[str]]]) -> Tagged:
    sentences = (Sentence(0, "image0", ("a", "b", "c"), tuple(GOLD)),)
    runs = tuple(
        TaggedRun(f"{name}/{seed}", "twitter2017", name, seed, "umt", {"test.own": encode([tags])})
        for name, rows in readings.items()
        for seed, tags in enumerate(rows, 1)
    )
    place = "twitter2017", "test"
    return Tagged("tiny", ("twitter2017",), tuple(readings), runs, {place: sentences})


def test_a_doubtful_label_is_an_error_of_those_that_contradict_it() -> None:
    others = {name: [MISSED, MISSED] for name in ("b", "c", "d", "e")}
    tagged = _tagged({"a": [GOLD, GOLD], "sometimes": [GOLD, MISSED]} | others | {"f": [MISSED], "g": [MISSED]})
    found = {name: error_classes(tagged, "twitter2017", name, []) for name in ("a", "sometimes", "b", "f")}
    kinds = {name: [case.kind for case in cases] for name, cases in found.items()}
    assert kinds == {"a": [], "sometimes": [], "b": [ANNOTATION], "f": [ANNOTATION]}

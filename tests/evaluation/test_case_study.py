"""Errors by class are a system's own: what the others get wrong and it gets right is not among them."""

from __future__ import annotations

import pytest

from mner.data.corpus import Sentence
from mner.data.spans import Entity
from mner.data.tag_codes import encode
from mner.evaluation.averages import ScoringError
from mner.evaluation.error_counts import ANNOTATION, INFORMATION, KNOWLEDGE, ErrorCase, error_classes, find_cases
from mner.evaluation.run_agreement import Case
from mner.evaluation.tagged import Tagged, TaggedRun
from mner.reporting.error_tables import render_cases, render_classes

GOLD = ["B-PER", "O", "O"]
MISSED = ["O", "O", "O"]
WRONG_TYPE = ["B-LOC", "O", "O"]


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


def test_an_entity_that_everyone_misses_is_listed_once() -> None:
    few = _tagged({"a": [MISSED], "b": [MISSED]})
    assert [case.kind for case in error_classes(few, "twitter2017", "a", [])] == [ANNOTATION]
    alone = _tagged({"a": [MISSED, MISSED]})
    assert error_classes(alone, "twitter2017", "a", []) == [ErrorCase(INFORMATION, 0, Entity("PER", 0, 0))]
    found_by_one = _tagged({"a": [MISSED, MISSED], "b": [MISSED, GOLD]})
    assert error_classes(found_by_one, "twitter2017", "a", []) == []


def test_a_wrong_type_of_an_unseen_name_is_knowledge_that_lacks() -> None:
    seen, unseen = ([Sentence(0, "i", (word,), ("B-ORG",))] for word in ("A", "z"))
    tagged = _tagged({"a": [WRONG_TYPE, WRONG_TYPE], "b": [WRONG_TYPE, GOLD]})
    (case,) = error_classes(tagged, "twitter2017", "a", unseen)
    assert case == ErrorCase(KNOWLEDGE, 0, Entity("PER", 0, 0))
    assert error_classes(tagged, "twitter2017", "a", seen) == []
    assert error_classes(tagged, "twitter2017", "b", unseen) == [], "one of its runs is right"


def test_a_system_or_data_set_without_runs_is_named_with_those_that_have_some() -> None:
    tagged = _tagged({"a": [GOLD], "b": [GOLD]})
    with pytest.raises(ScoringError, match="no finished runs of c on twitter2017; there are a, b"):
        find_cases(tagged, "twitter2017", "a", ["b", "c"])
    with pytest.raises(ScoringError, match="no finished runs on twitter2015; there are runs on twitter2017"):
        error_classes(tagged, "twitter2015", "a", [])
    with pytest.raises(ScoringError, match="there are runs on no data set"):
        error_classes(_tagged({}), "twitter2017", "a", [])


def test_cases_say_of_what_they_are_and_how_many_go_the_other_way() -> None:
    tagged = _tagged({"a": [GOLD, GOLD], "b": [MISSED, MISSED]})
    gold, sentences = tagged.gold["twitter2017", "test"], tagged.sentences["twitter2017", "test"]
    found = find_cases(tagged, "twitter2017", "a", ["b"])
    assert found == [Case(0, {"a": 1.0, "b": 0.0})]
    text = render_cases("twitter2017", found, 0, gold, sentences, "a", ["b"], words=False)
    assert text.startswith(
        "twitter2017, 1 test sentences: 1 that every run of a reads right and none of b does; 0 the"
    )
    assert "PER 0-0" in text
    assert "a b c" not in text
    assert "a b c" in render_cases("twitter2017", found, None, gold, sentences, "a", ["b"], words=True)


def test_classes_have_a_header_and_hide_words() -> None:
    tagged = _tagged({"a": [MISSED]})
    sentences = tagged.sentences["twitter2017", "test"]
    case = ErrorCase(INFORMATION, 0, Entity("PER", 0, 0))
    text = render_classes("twitter2017", "a", [case], sentences, words=False)
    assert "entity (type first-last word)" in text
    assert "image0" in text
    assert "words" not in text.splitlines()[-2]
    assert render_classes("twitter2017", "a", [case], sentences, words=True).splitlines()[-1].endswith("  a")

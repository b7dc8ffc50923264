"""Two lists of sentences: paired by content, and what each pair disagrees in."""

from __future__ import annotations

from dataclasses import replace

from mner.data.corpus import Sentence
from mner.data.sentence_diff import compare

ONE = Sentence(0, "1", ("a", "b"), ("O", "B-LOC"))
TWO = Sentence(1, "2", ("c",), ("O",))


def test_a_list_is_identical_to_itself_and_to_nothing_that_has_more_less_or_another_order() -> None:
    assert compare([ONE, TWO], [ONE, TWO]).identical
    assert not compare([ONE], [ONE, TWO]).identical
    assert not compare([ONE, TWO], [ONE]).identical
    turned = compare([ONE, TWO], [replace(TWO, index=0), replace(ONE, index=1)])
    assert (turned.same, turned.reordered, turned.identical) == (2, True, False)


def test_the_same_words_and_tags_under_another_picture_differ_in_the_picture_alone() -> None:
    outcome = compare([ONE], [replace(ONE, image="9")])
    (difference,) = outcome.differing
    assert (difference.image, difference.words, difference.tags) == (True, (), ())
    assert (outcome.same, outcome.identical) == (0, False)


def test_a_side_without_pictures_is_not_held_against_the_other() -> None:
    for left, right in (("1", ""), ("", "1"), ("", "")):
        assert compare([replace(ONE, image=left)], [replace(ONE, image=right)]).identical


def test_sentences_without_pictures_or_words_in_common_are_no_pair() -> None:
    outcome = compare([replace(ONE, image="")], [replace(TWO, index=0, image="")])
    assert (outcome.only_left, outcome.only_right) == (
        (replace(ONE, image=""),),
        (replace(TWO, index=0, image=""),),
    )


def test_repeated_sentences_are_paired_one_by_one_with_their_own_tags_first() -> None:
    other = replace(ONE, index=1, tags=("O", "O"))
    outcome = compare([ONE, other], [replace(other, index=0), replace(ONE, index=1), replace(ONE, index=2)])
    assert (outcome.same, outcome.differing, outcome.reordered) == (2, (), True)
    assert [one.index for one in outcome.only_right] == [2]


def test_withheld_tags_contradict_nobody() -> None:
    assert compare([ONE], [ONE.blind()]).identical
    (difference,) = compare([ONE], [replace(ONE, words=("a", "x"), tags=None)]).differing
    assert (difference.words, difference.tags) == ((((1,), (1,)),), ())


def test_the_picture_tells_which_of_two_equal_sentences_is_meant_then_the_tags_and_words_come_before_it() -> None:
    here = replace(ONE, tags=("O", "O"))
    (difference,) = compare([ONE], [replace(ONE, image="9"), replace(here, index=1)]).differing
    assert (difference.right.image, difference.image, difference.tags) == ("1", False, ((1, 1),))
    elsewhere = [replace(here, image="8"), replace(ONE, image="9", index=1)]
    (difference,) = compare([ONE], elsewhere).differing
    assert (difference.right.image, difference.image, difference.tags) == ("9", True, ())
    outcome = compare([ONE], [replace(ONE, words=("x", "y")), replace(here, image="9", index=1)])
    assert outcome.differing[0].right.image == "9"

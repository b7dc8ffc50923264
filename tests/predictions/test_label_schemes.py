"""Tags in other schemes and spellings: converted by the stated table where that is unambiguous, and said."""

from __future__ import annotations

from pathlib import Path

import pytest

from mner.data.conll_forms import ReadFile, ReadSentence
from mner.data.corpus import TYPES
from mner.data.label_schemes import TYPE_NAMES, convert_tags
from mner.data.user_file import UnreadableFileError

GOLD = (("B-PER", "I-PER", "O", "B-LOC", "B-LOC"), ("O", "B-ORG", "I-ORG", "I-ORG"))


def read(*sequences: tuple[str, ...]) -> ReadFile:
    rows = [
        ReadSentence(i, 1 + 10 * i, "", ("w",) * len(tags), {"tags": tags}) for i, tags in enumerate(sequences)
    ]
    return ReadFile(Path("mine.txt"), "", tuple(rows))


def in_scheme(tags: tuple[str, ...], single: str, inside: str, end: str) -> tuple[str, ...]:
    """BIO tags in a scheme with marks for one-word entities and last words."""
    made = []
    for tag, after in zip(tags, (*tags[1:], "O"), strict=True):
        goes_on = after.startswith("I-")
        if tag.startswith("B-"):
            made.append(tag if goes_on else single + tag[1:])
        elif tag.startswith("I-"):
            made.append((inside if goes_on else end) + tag[1:])
        else:
            made.append(tag)
    return tuple(made)


@pytest.mark.parametrize(
    ("scheme", "marks"), [("iobes", ("S", "I", "E")), ("bmes", ("S", "M", "E")), ("bilou", ("U", "I", "L"))]
)
def test_schemes_with_ends_come_back_as_bio(scheme: str, marks: tuple[str, str, str]) -> None:
    converted = convert_tags(read(*(in_scheme(tags, *marks) for tags in GOLD)))
    assert converted.scheme == scheme
    assert converted.columns["tags"] == GOLD
    assert len(converted.notes) == 1


def test_iob1_and_types_alone_are_told_from_bio() -> None:
    iob1 = convert_tags(read(("I-PER", "I-PER", "O", "I-LOC", "B-LOC")))
    assert (iob1.scheme, iob1.columns["tags"]) == ("iob1", (GOLD[0],))
    io = convert_tags(read(("PER", "PER", "O", "LOC")))
    assert (io.scheme, io.columns["tags"]) == ("io", (("B-PER", "I-PER", "O", "B-LOC"),))
    for kept in (("B-PER", "O", "I-LOC"), ("O", "I-LOC")):
        bio = convert_tags(read(kept))
        assert (bio.scheme, bio.columns["tags"], bio.notes) == ("bio", (kept,), ())


def test_a_scheme_may_be_asked_for() -> None:
    tags = ("I-PER", "O", "I-LOC")
    assert convert_tags(read(tags), "bio").columns["tags"] == (tags,)
    assert convert_tags(read(("O", "I-LOC")), "iob1").columns["tags"] == (("O", "B-LOC"),)


@pytest.mark.parametrize("kind", TYPES)
def test_every_spelling_of_the_table_is_its_type(kind: str) -> None:
    for name in TYPE_NAMES[kind]:
        for spelled in (name.lower(), name.upper(), name.title()):
            for hyphen in "-_":
                converted = convert_tags(read((f"B{hyphen}{spelled}", "O")))
                assert converted.columns["tags"] == ((f"B-{kind}", "O"),)
                assert converted.own_types == ()


def test_other_types_stay_as_they_stand_and_are_named() -> None:
    converted = convert_tags(read(("B-person-athlete", "O", "B-LOC")))
    assert converted.columns["tags"] == (("B-person-athlete", "O", "B-LOC"),)
    assert converted.own_types == ("person-athlete",)
    assert len(converted.notes) == 1


@pytest.mark.parametrize("tag", ["noun", "B-", "Q-PER", "B PER"])
def test_what_is_no_tag_is_refused_with_its_line(tag: str) -> None:
    with pytest.raises(UnreadableFileError) as refused:
        convert_tags(read(("O",), ("O", "O", tag)))
    assert refused.value.line == 13

"""Files of tags are encoded without a string for each tag, and as the reader of any JSON encodes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mner.data.corpus import LABELS, tags_of_text
from mner.data.tag_codes import encode, encode_lines, kind_names, types_of

TAGS = (*LABELS, "B-OTHER", "I-OTHER")
LISTS = st.lists(st.lists(st.sampled_from(TAGS), min_size=1, max_size=6), min_size=1, max_size=8)


def _text(rows: list[list[str]]) -> str:
    return "\n".join(map(json.dumps, rows)) + "\n"


@given(LISTS)
def test_what_the_harness_writes_is_encoded_as_its_lists_are(rows: list[list[str]]) -> None:
    found, wanted = encode_lines(_text(rows)), encode(rows)
    assert found is not None
    assert np.array_equal(found.codes, wanted.codes)
    assert np.array_equal(found.lengths, wanted.lengths)
    assert (found.codes.dtype, found.lengths.dtype) == (wanted.codes.dtype, wanted.lengths.dtype)


@given(LISTS, st.data())
def test_a_changed_character_is_never_read_as_other_tags(rows: list[list[str]], data: st.DataObject) -> None:
    text = _text(rows)
    place = data.draw(st.integers(0, len(text) - 1))
    changed = text[:place] + data.draw(st.sampled_from('[]", \nOBIX-P{0\\é')) + text[place + 1 :]
    found = encode_lines(changed)
    if found is not None:
        wanted = encode(tags_of_text(changed, Path("tags.jsonl")))
        assert np.array_equal(found.codes, wanted.codes)
        assert np.array_equal(found.lengths, wanted.lengths)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "[]\n",
        '["O"]\n\n',
        '["O",["O"]]\n',
        '["O" "O"]\n',
        '["B-NOWHERE"]\n',
        '["X"]\n',
        '"O"\n',
        "[1]\n",
    ],
)
def test_all_else_is_left_to_the_reader_of_any_json(text: str) -> None:
    assert encode_lines(text) is None


def test_counts_from_before_a_type_was_met_are_still_read() -> None:
    counts = np.ones((len(kind_names()), 3), dtype=np.int64)
    before = types_of(counts)
    encode([["B-MET-LATER"]])
    assert types_of(counts) == before

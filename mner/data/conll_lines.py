"""Single lines of CoNLL files: blank lines, IMGID lines in any spelling, and the fields of a word's line."""

from __future__ import annotations

import re

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".jfif", ".bmp")
_IMAGE = re.compile(r"[ \t]*imgid(?::[ \t]*|[ \t]+)(?P<id>\S*)[ \t]*", re.IGNORECASE)
TAG = re.compile(r"[Oo]|X|PAD|\[CLS\]|\[SEP\]|[BIESMULbiesmul][-_]\S+|(?i:PER\w*|LOC\w*|ORG\w*|MISC\w*|OTHERS?)")
"""A tag of any scheme."""


def is_blank(line: str) -> bool:
    """Whether a line ends a sentence: nothing, or ASCII blanks and tabs only."""
    return not line.strip(" \t\r")


def image_of(line: str) -> str | None:
    """The image id of an IMGID line without its suffix; None for any other line."""
    found = _IMAGE.fullmatch(line)
    if found is None:
        return None
    image = found["id"]
    if ":" not in line[: found.start("id")] and TAG.fullmatch(image):
        return None  # the word "IMGID" with its tag
    if line.rstrip(" \t")[-1:] != ":" and _is_tag_after_colon(line, image):
        return None
    return without_suffix(image)


def _is_tag_after_colon(line: str, image: str) -> bool:
    """Whether the line is the word ``IMGID:`` with a tag."""
    return bool(re.search(r":[ \t]", line)) and bool(re.fullmatch(r"[Oo]|[BIES][-_][A-Za-z]+", image))


def without_suffix(image: str) -> str:
    """An image id without the suffix of a picture file, in any case."""
    lower = image.lower()
    suffix = next((one for one in PICTURE_SUFFIXES if lower.endswith(one)), "")
    return image[: len(image) - len(suffix)]


def fields_of(line: str, tabs: bool) -> list[str]:
    """Fields of a line; blanks beside a tag and empty fields at the end do not count."""
    if tabs and "\t" in line:
        word, *tags = line.split("\t")
        while tags and not tags[-1].strip(" "):
            tags.pop()
        return [word, *(tag.strip(" ") for tag in tags)]
    return re.split(r"[ \t]+", line.rstrip(" \t"))

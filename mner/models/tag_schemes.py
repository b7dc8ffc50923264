"""Tag schemes: BIO at the border of every system, BIOES inside the ITA tagger.

Source: the reading rule of the released ITA program, golden/ITA.md 6.
"""

from __future__ import annotations

from collections.abc import Sequence

OUTSIDE = "O"
IMAGE_WORD = "S-X"
UNKNOWN = "<unk>"


class TagSchemeError(ValueError):
    """A tag that the scheme does not know; the message names it and its position."""


def bio_to_bioes(tags: Sequence[str]) -> list[str]:
    """Mark the ends of spans: ``B I I`` becomes ``B I E``, a lone ``B`` becomes ``S``.

    An I- at the start, after O or after another type is read as B- first.

    Raises:
        TagSchemeError: a tag is neither O nor B- nor I- with a type.
    """
    repaired = _open_orphans(_parsed(tags, "BI"))
    following = [*repaired, (OUTSIDE, "")][1:]
    alone = {("B", False): "S", ("B", True): "B", ("I", False): "E", ("I", True): "I"}
    converted = []
    for (prefix, kind), (next_prefix, _) in zip(repaired, following, strict=True):
        converted.append(OUTSIDE if prefix == OUTSIDE else f"{alone[prefix, next_prefix == 'I']}-{kind}")
    return converted


def bioes_to_bio(tags: Sequence[str]) -> list[str]:
    """Forget the ends of spans: S becomes B, E becomes I; an I- that continues nothing of its type becomes B-.

    An ended span may be continued (``S-PER E-PER`` is one span), as the released span reader has it. The
    tagger's states for image words and unknown tags name no entity and become O.

    Raises:
        TagSchemeError: a tag is not a BIOES tag.
    """
    entities = [OUTSIDE if tag in (IMAGE_WORD, UNKNOWN) else tag for tag in tags]
    plain = {"B": "B", "S": "B", "I": "I", "E": "I", OUTSIDE: OUTSIDE}
    renamed = [(plain[prefix], kind) for prefix, kind in _parsed(entities, "BIES")]
    return [prefix if prefix == OUTSIDE else f"{prefix}-{kind}" for prefix, kind in _open_orphans(renamed)]


def _parsed(tags: Sequence[str], prefixes: str) -> list[tuple[str, str]]:
    parsed = []
    for position, tag in enumerate(tags):
        prefix, _, kind = tag.partition("-")
        if tag != OUTSIDE and (len(prefix) != 1 or prefix not in prefixes or not kind):
            expected = ", ".join(f"{letter}-<type>" for letter in prefixes)
            raise TagSchemeError(f"tag {tag!r} at word {position}: expected O, {expected}")
        parsed.append((prefix, kind))
    return parsed


def _open_orphans(tags: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Turn an I- that continues no span of its type into B-."""
    opened: list[tuple[str, str]] = []
    for prefix, kind in tags:
        continues = bool(opened) and opened[-1][0] != OUTSIDE and opened[-1][1] == kind
        opened.append(("B", kind) if prefix == "I" and not continues else (prefix, kind))
    return opened

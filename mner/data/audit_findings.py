"""Findings of a data audit, and the counts documented for each public dataset version.

They were counted from the released files themselves and agree with the sizes their papers print. A count that
is not here is measured and reported without a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mner.base.terminal import markdown_table
from mner.config.schema import CANONICAL
from mner.data.corpus import SPLITS

SEVERITIES = ("differs", "defect", "info")
"""``differs``: not what is documented. ``defect``: a fault of the public files, counted; as documented where a
count is documented. ``info``: as documented, or merely counted."""

_SHOWN_IMAGES = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """Something counted in a data set: a number, the documented one or None, and the pictures concerned.

    ``id`` begins with the split it is about, if it is about one; ``images`` are ids of pictures, hence of
    sentences. No field ever holds words of a tweet.
    """

    id: str
    severity: str
    what: str
    expected: int | float | None
    seen: int | float
    images: tuple[str, ...] = ()


def finding(
    id: str,
    what: str,
    seen: int | float,
    expected: int | float | None = None,
    *,
    defect: bool = False,
    images: Iterable[str] = (),
) -> Finding:
    """A finding whose severity follows from ``expected`` (None: nothing documented) and ``seen``.

    ``defect`` marks counts that would be zero in faultless data.
    """
    severity = "defect" if defect and seen else "info"
    if expected is not None and expected != seen:
        severity = "differs"
    return Finding(id, severity, what, expected, seen, tuple(images))


def to_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The findings as JSON values."""
    return [asdict(one) for one in findings]


def to_markdown(dataset: str, findings: Sequence[Finding]) -> str:
    """An aligned table with one row for the three splits; differences first, then defects, then the rest."""
    groups: dict[str, list[Finding]] = {}
    for one in findings:
        groups.setdefault(_subject(one), []).append(one)
    counts = {name: sum(one.severity == name for one in findings) for name in SEVERITIES}
    rows = sorted((_row(subject, group) for subject, group in groups.items()), key=lambda row: _rank(row[0]))
    head = [
        f"# Audit of {dataset}",
        "",
        f"{len(findings)} findings: {counts['differs']} differ from what is documented, {counts['defect']} are",
        f"defects of the public files, {counts['info']} are as documented or merely counted. Three numbers are",
        f"those of {' / '.join(SPLITS)}; `-` means that nothing is documented. Ids are image ids.",
        "",
    ]
    return (
        "\n".join([*head, *markdown_table(("severity", "finding", "what", "documented", "seen", "images"), rows)])
        + "\n"
    )


def _subject(one: Finding) -> str:
    split, _, rest = one.id.partition(".")
    return rest if split in SPLITS else one.id


def _row(subject: str, group: Sequence[Finding]) -> tuple[str, ...]:
    severity = min((one.severity for one in group), key=_rank)
    expected = [one.expected for one in group]
    documented = "-" if set(expected) == {None} else " / ".join(map(_number, expected))
    images = [image for one in group for image in one.images]
    more = f" and {len(images) - _SHOWN_IMAGES:,} more" if len(images) > _SHOWN_IMAGES else ""
    return (
        severity,
        subject,
        group[0].what,
        documented,
        " / ".join(_number(one.seen) for one in group),
        " ".join(images[:_SHOWN_IMAGES]) + more,
    )


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity)


def _number(value: int | float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


_Counts = dict[tuple[str, str, str], int]


def _by_split(copy: str, dataset: str, counts: tuple[int, int, int]) -> _Counts:
    return {(copy, dataset, split): count for split, count in zip(SPLITS, counts, strict=True)}


SENTENCES: _Counts = {
    **_by_split("umt", "twitter2015", (4000, 1000, 3257)),
    **_by_split("umgf", "twitter2015", (4000, 1000, 3257)),
    **_by_split("agban", "twitter2015", (4000, 1000, 3257)),
    **_by_split("rgcn", "twitter2015", (3999, 999, 3256)),
    **_by_split("umt", "twitter2017", (3373, 723, 723)),
    **_by_split("rgcn", "twitter2017", (3373, 723, 723)),
    **_by_split("hvpnet", "twitter2015", (4000, 1000, 3257)),
}

ENTITIES: _Counts = {
    **_by_split("umt", "twitter2015", (6166, 1541, 5072)),
    **_by_split("agban", "twitter2015", (6176, 1546, 5078)),
    **_by_split("rgcn", "twitter2015", (6164, 1540, 5069)),
    **_by_split("umt", "twitter2017", (6049, 1324, 1351)),
    **_by_split("rgcn", "twitter2017", (6049, 1324, 1351)),
    **_by_split("hvpnet", "twitter2015", (6170, 1541, 5119)),
}
"""B- tags."""

ENTITIES_BY_TYPE: dict[tuple[str, str], dict[str, int]] = {
    ("twitter2015", "train"): {"PER": 2217, "LOC": 2091, "ORG": 927, "MISC": 931},
    ("twitter2015", "dev"): {"PER": 552, "LOC": 522, "ORG": 247, "MISC": 220},
    ("twitter2015", "test"): {"PER": 1816, "LOC": 1697, "ORG": 839, "MISC": 720},
    ("twitter2017", "train"): {"PER": 2943, "LOC": 731, "ORG": 1674, "MISC": 701},
    ("twitter2017", "dev"): {"PER": 626, "LOC": 173, "ORG": 375, "MISC": 150},
    ("twitter2017", "test"): {"PER": 621, "LOC": 178, "ORG": 395, "MISC": 157},
}
"""B- tags of the canonical copy."""

ORPHANS: _Counts = {
    **_by_split("umt", "twitter2015", (186, 53, 135)),
    **_by_split("umt", "twitter2017", (0, 0, 0)),
    **_by_split("hvpnet", "twitter2015", (182, 53, 118)),
}
"""I- tags that follow neither a B- nor an I- of their type."""

LOST: _Counts = {
    **_by_split("rgcn", "twitter2015", (1, 1, 1)),
    **_by_split("rgcn", "twitter2017", (0, 0, 0)),
    **_by_split("umgf", "twitter2015", (0, 0, 0)),
    **_by_split("agban", "twitter2015", (0, 0, 0)),
    **_by_split("hvpnet", "twitter2015", (0, 0, 0)),
}
"""Canonical sentences that a copy lacks."""

RETAGGED: _Counts = {
    **_by_split("rgcn", "twitter2015", (0, 0, 0)),
    **_by_split("rgcn", "twitter2017", (0, 0, 0)),
    **_by_split("umgf", "twitter2015", (0, 0, 0)),
    **_by_split("agban", "twitter2015", (9, 4, 5)),
    # With those of other words, whose tags differ too, 9, 3 and 239.
    **_by_split("hvpnet", "twitter2015", (4, 0, 239)),
}
"""Sentences with the canonical words and other tags."""

REWORDED: _Counts = {
    **_by_split("rgcn", "twitter2015", (0, 1, 0)),
    **_by_split("rgcn", "twitter2017", (0, 0, 0)),
    **_by_split("umgf", "twitter2015", (0, 1, 0)),
    **_by_split("agban", "twitter2015", (0, 0, 0)),
    **_by_split("hvpnet", "twitter2015", (5, 3, 0)),
}
"""Sentences with the canonical image and other words."""


def apart(one: str, other: str, dataset: str, split: str) -> int | None:
    """Sentences of a split that two copies do not share with words and tags; None where that is not documented.

    Documented is how a copy differs from the canonical one.
    """
    if one == other:
        return 0
    copies = [copy for copy in (one, other) if copy != CANONICAL]
    if len(copies) > 1 or (copies[0], dataset, split) not in LOST:
        return None
    return sum(counts[copies[0], dataset, split] for counts in (LOST, RETAGGED, REWORDED))


REPEATED: dict[tuple[str, str, str], int] = {
    ("twitter2015", "train", "dev"): 2,
    ("twitter2015", "train", "test"): 4,
    ("twitter2015", "dev", "test"): 3,
    ("twitter2017", "train", "dev"): 1,
    ("twitter2017", "train", "test"): 0,
    ("twitter2017", "dev", "test"): 0,
}
"""Distinct texts that two splits share word for word."""

INVALID: dict[str, dict[str, int]] = {
    "twitter2015": {"train": 0, "dev": 0, "test": 0},
    "twitter2017": {"train": 250, "dev": 58, "test": 50},
}
"""Invalid pictures, see :func:`mner.data.audit.invalid_images`."""

WITHOUT_CAPTION: dict[tuple[str, str], dict[str, int]] = {
    ("twitter2015", "blip2"): {"train": 0, "dev": 0, "test": 0},
    ("twitter2015", "catr"): {"train": 0, "dev": 0, "test": 0},
    ("twitter2017", "blip2"): {"train": 0, "dev": 0, "test": 0},
    ("twitter2017", "catr"): {"train": 250, "dev": 58, "test": 50},
}

WITHOUT_WORDS: dict[tuple[str, str], dict[str, int]] = {
    ("twitter2015", "owl"): {"train": 1211, "dev": 301, "test": 1021},
    ("twitter2015", "knowledge"): {"train": 1, "dev": 1, "test": 1},
    ("twitter2017", "descriptions"): {"train": 0, "dev": 0, "test": 0},
    ("twitter2017", "owl"): {"train": 379, "dev": 86, "test": 81},
    ("twitter2017", "knowledge"): {"train": 0, "dev": 0, "test": 0},
}
"""Sentences without further words on their pictures, by data set and name of the words."""

WITHOUT_OBJECTS: dict[str, dict[str, int]] = {"twitter2015": {"train": 0, "dev": 0, "test": 0}}
OBJECT_LABELS: dict[str, dict[str, int]] = {"twitter2015": {"images": 8287, "empty": 934}}
"""Images of the object label file, and those of them in which no object was found."""

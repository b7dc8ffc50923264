"""One finding of a data audit, and how a list of them is written; findings are never exceptions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mner.columns import markdown_table
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

"""What authors' own training logs say of a printed number: F1 of the epoch chosen on dev, best test epoch.

A log is text that a program wrote while it trained: sections on the dev and the test split of every epoch, with
seqeval's report (``micro avg  P  R  F1  support``) or a line with ``F1``, in percent or as a fraction. Its other
lines are passed over. This is evidence on a printed number that needs no training.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mner.base.files import regular_file
from mner.data.user_file import LARGEST

TOLERANCE = 0.005
"""Points of F1 that two decimals leave open."""

_EPOCH = re.compile(r"(?<!best )\bepoch[\s:=#\[(]*(\d+)(?![\d.]*\s*%)", re.IGNORECASE)
_SPLIT = re.compile(r"\b(dev|development|valid|validation|val|eval|test)(?=\b|_)", re.IGNORECASE)
_AGAIN = re.compile(r"\b(test|eval\w*)\b.*\b(best|final)\b.*\bmodel\b", re.IGNORECASE)
_REPORT = re.compile(r"^\s*micro[ _]avg\s+(?:[\d.]+\s+){2}(\d+\.\d+)\s+\d+\s*$", re.IGNORECASE)
_F1 = re.compile(
    r"(?<![\w-])(?:micro[-_ ]?)?(?:f-?1|fb1|f)(?:[-_ ]?(?:score|measure))?(?:\s*\([^)]*\))?"
    r"(?:\s*[:=]\s*|\s+)(\d+(?:\.\d+)?)",
    re.IGNORECASE,
)
_PASSED_OVER = re.compile(
    r"\b(best|macro|weighted)\b"
    r"|^\s*(per|loc|org|misc|other|person|location|organi[sz]ation|miscellaneous)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,;|]| - ")


class LogError(ValueError):
    """A log without dev and test F1 of epochs; the message names the file."""


@dataclass(frozen=True, slots=True)
class EpochScores:
    """F1 of one epoch in percent; None for a split that was not evaluated."""

    epoch: int
    dev: float | None
    test: float | None


@dataclass(frozen=True, slots=True)
class AuthorLog:
    """F1 by epoch, in order, and of the chosen model evaluated ``again`` at the end, all in percent."""

    epochs: tuple[EpochScores, ...]
    again: float | None


@dataclass(frozen=True, slots=True)
class LogVerdict:
    """A printed F1 beside the run its authors logged, all in percent.

    ``chosen`` is the test F1 of ``chosen_epoch``, the first of the highest dev F1; ``again`` the same model
    evaluated once more at the end, where the log has that; ``best`` the highest test F1, of ``best_epoch``.
    ``difference`` is printed minus chosen.
    """

    printed: float
    chosen_epoch: int
    chosen: float
    again: float | None
    best_epoch: int
    best: float
    epochs: int

    @property
    def difference(self) -> float:
        """Printed F1 minus that of the dev-chosen epoch, in points."""
        return self.printed - self.chosen

    @property
    def says(self) -> str:
        """One exact sentence; a logged run is one run, and need not be the printed one."""
        again = f" ({self.again:.2f} evaluated again)" if self.again is not None else ""
        return (
            f"printed {self.printed:.2f} is {_side(self.difference)} the {self.chosen:.2f}{again} of the epoch "
            f"chosen on dev ({self.chosen_epoch}) and {_side(self.printed - self.best)} the {self.best:.2f} of "
            f"the best test epoch ({self.best_epoch}), in the one run of {self.epochs} epochs that "
            "its authors logged"
        )


def read_log(path: Path) -> AuthorLog:
    """Read a log file.

    Raises:
        RefusedFileError: it is no regular file, or too large.
        LogError: it holds no epoch with both a dev and a test F1.
    """
    log = parse_log(regular_file(path, LARGEST).read_text(encoding="utf-8", errors="replace").splitlines())
    if not any(one.dev is not None and one.test is not None for one in log.epochs):
        found = sum(one.dev is not None for one in log.epochs), sum(one.test is not None for one in log.epochs)
        raise LogError(f"{path}: no epoch has an F1 on dev and on test ({found[0]} on dev, {found[1]} on test)")
    return log


def parse_log(lines: Iterable[str]) -> AuthorLog:
    """Collect F1 by epoch and split from the lines of a log.

    A program may name the epoch in a heading before its sections, in the very line of the score, or not at all:
    scores whose line names the epoch count before others of their split; without any heading, the n-th score of a
    split is epoch n.
    """
    found = list(_scores(lines))
    percent = {
        kind: max((s.value for s in found if s.kind == kind), default=0.0) > 1 for kind in ("report", "line")
    }
    scale = {kind: 1.0 if is_percent else 100.0 for kind, is_percent in percent.items()}
    by_split = {
        split: _by_epoch([s for s in found if s.split == split and not s.again], scale)
        for split in ("dev", "test")
    }
    again = [s.value * scale[s.kind] for s in found if s.again and s.split == "test"]
    epochs = sorted({*by_split["dev"], *by_split["test"]})
    return AuthorLog(
        tuple(EpochScores(one, by_split["dev"].get(one), by_split["test"].get(one)) for one in epochs),
        round(again[-1], 4) if again else None,
    )


def verdict_of(log: AuthorLog, printed: float) -> LogVerdict:
    """Hold a printed F1 (percent) against a log."""
    both = [(one.epoch, one.dev, one.test) for one in log.epochs if one.dev is not None and one.test is not None]
    chosen_epoch, _, chosen = max(both, key=lambda one: one[1])
    tested = [(one.epoch, one.test) for one in log.epochs if one.test is not None]
    best_epoch, best = max(tested, key=lambda one: one[1])
    return LogVerdict(printed, chosen_epoch, chosen, log.again, best_epoch, best, len(log.epochs))


@dataclass(frozen=True, slots=True)
class _Score:
    """One F1 as the log writes it; ``named``: its own line names the epoch; ``epoch`` is None before any."""

    split: str
    epoch: int | None
    value: float
    kind: str
    named: bool
    again: bool


def _scores(lines: Iterable[str]) -> Iterator[_Score]:
    epoch: int | None = None
    split: str | None = None
    again = False
    for line in lines:
        marks = _EPOCH.findall(line)
        if marks:
            epoch, again = int(marks[-1]), False
        elif _AGAIN.search(line):
            again = True
        report = _REPORT.match(line)
        if report:
            if split is not None:
                yield _Score(split, epoch, float(report[1]), "report", False, again)
            continue
        for clause in _CLAUSE.split(line):
            said = _SPLIT.search(clause)
            if said:
                split = "test" if said[1].lower() == "test" else "dev"
            score = None if _PASSED_OVER.search(clause) else _F1.search(clause)
            if score and split is not None:
                yield _Score(split, epoch, float(score[1]), "line", bool(marks), again)


def _by_epoch(scores: list[_Score], scale: Mapping[str, float]) -> dict[int, float]:
    """F1 in percent by epoch; the last score of an epoch counts."""
    named = [one for one in scores if one.named]
    chosen = named or scores
    if all(one.epoch is None for one in chosen):
        return {number: round(one.value * scale[one.kind], 4) for number, one in enumerate(chosen, start=1)}
    return {one.epoch: round(one.value * scale[one.kind], 4) for one in chosen if one.epoch is not None}


def _side(difference: float) -> str:
    if abs(difference) < TOLERANCE:
        return "equal to"
    return f"{abs(difference):.2f} {'above' if difference > 0 else 'below'}"

"""Explain an F1 of a user's own (``mner explain 73.4 --dataset ...``) by printed and kept numbers."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mner.base.files import COMMITTED
from mner.base.terminal import indented, wrapped
from mner.evaluation.paper import Paper, PaperRow
from mner.evaluation.rescored_results import RescoredResults, RescoredRun
from mner.evaluation.rescoring import STANDARD
from mner.evaluation.result_files import FILES, read_results
from mner.evaluation.score_results import OWN
from mner.predictions.own_comparisons import BaselineError, kept_runs


class OwnNumberError(ValueError):
    """A number, data set or system of which nothing can be said; the message names the known ones."""


@dataclass(frozen=True, slots=True)
class Moves:
    """What choices move an F1 by, in points, measured on kept runs of one system.

    Attributes:
        profile: The profile of the kept runs.
        system: The system.
        seeds: Number of runs.
        mean: Mean F1 in percent under the standard scorer on the runs' own version.
        deviation: S.d. of F1 over seeds; None with one run.
        scorers: Mean change by scorer.
        versions: Mean change by dataset version.
    """

    profile: str
    system: str
    seeds: int
    mean: float
    deviation: float | None
    scorers: Mapping[str, float]
    versions: Mapping[str, float]


def explain_own_number(value: float, dataset: str, system: str | None, paper: Paper, results: Path) -> str:
    """The place of an F1 among printed ones, its distances, and what could explain them.

    Args:
        value: F1 in percent.
        dataset: The data set.
        system: The row that the number belongs to; None compares with all printed rows only.
        paper: The published numbers.
        results: The folder of kept results.

    Raises:
        OwnNumberError: no percentage, or a data set or system that no table prints and no kept result has.
    """
    if not 0 <= value <= 100:
        raise OwnNumberError(f"{value} is no F1 in percent")
    rows = printed_rows(paper, dataset)
    if not rows:
        known = dict.fromkeys(name for table in paper.tables for name in table.datasets)
        raise OwnNumberError(f"no table prints an F1 on {dataset!r}; printed are {', '.join(known)}")
    lines = [f"F1 {value:.2f} of your own on {dataset}", "", *_place(value, dataset, rows)]
    if system is None:
        return "\n".join(lines) + "\n"
    own = [row for row in rows if row.system == system]
    moves = kept_moves(results, dataset, system)
    if not own and moves is None:
        systems = ", ".join(dict.fromkeys(row.system for row in rows))
        raise OwnNumberError(f"no printed row and no kept run of {system!r} on {dataset}; printed are {systems}")
    lines += ["", *_moves_lines(moves, dataset, system)]
    for row in own:
        lines += ["", *_distance(value, dataset, row, moves)]
    return "\n".join(lines) + "\n"


def printed_rows(paper: Paper, dataset: str) -> list[PaperRow]:
    """Every row that prints an F1 on a data set, once, best first."""
    rows = {row.id: row for table in paper.tables for row in table.rows if row.figure(dataset, "F1")}
    return sorted(rows.values(), key=lambda row: -_f1(row, dataset))


def kept_moves(results: Path, dataset: str, system: str) -> Moves | None:
    """What scorer, version and seed move the kept runs of a system by; None where none are kept."""
    try:
        profile, system, _ = kept_runs(results, dataset, system)
    except BaselineError:
        return None
    path = results / profile / FILES[RescoredResults]
    runs = read_results(RescoredResults, path, COMMITTED).runs_of(dataset, system)
    base = [_f1_of(run, run.dataset_version, STANDARD) for run in runs]
    known = [one for one in base if one is not None]
    if not known or len(known) != len(base):
        return None
    scorers = {
        name: change
        for name in runs[0].versions[runs[0].dataset_version][OWN]
        if name != STANDARD and (change := _change(runs, known, None, name)) is not None
    }
    versions = {
        name: change
        for name in runs[0].versions
        if name != runs[0].dataset_version and (change := _change(runs, known, name, STANDARD)) is not None
    }
    deviation = statistics.stdev(known) if len(known) > 1 else None
    return Moves(profile, system, len(known), statistics.fmean(known), deviation, scorers, versions)


def _change(runs: Sequence[RescoredRun], base: Sequence[float], version: str | None, scorer: str) -> float | None:
    values = [_f1_of(run, version or run.dataset_version, scorer) for run in runs]
    held = [one for one in values if one is not None]
    return statistics.fmean(held) - statistics.fmean(base) if len(held) == len(base) else None


def _f1_of(run: RescoredRun, version: str, scorer: str) -> float | None:
    entry = run.scores(version, OWN, scorer)
    return None if entry is None else entry.f1


def _f1(row: PaperRow, dataset: str) -> float:
    figure = row.figure(dataset, "F1")
    return figure.value if figure else 0.0


def _place(value: float, dataset: str, rows: Sequence[PaperRow]) -> list[str]:
    below = [row for row in rows if _f1(row, dataset) < value]
    above = [row for row in rows if _f1(row, dataset) >= value]
    near = [*above[-2:], *below[:2]]
    table = [
        (
            row.label + row.mark,
            f"{_f1(row, dataset):.2f}",
            f"{value - _f1(row, dataset):+.2f}",
            *_way(row, dataset),
        )
        for row in near
    ]
    return [
        f"It is above {len(below)} of {len(rows)} printed numbers; each has a scorer and a version of its own",
        *indented([("nearest row", "printed", "distance", "scorer", "version"), *table]),
    ]


def _way(row: PaperRow, dataset: str) -> tuple[str, str]:
    used = row.used[dataset]
    return used.scorer, used.copy


def _moves_lines(moves: Moves | None, dataset: str, system: str) -> list[str]:
    if moves is None:
        return [
            f"No run of {system} on {dataset} is kept, so what scorer, version and seed are worth is not known"
        ]
    runs = f"{moves.seeds} kept run{'s' if moves.seeds > 1 else ''} of profile {moves.profile}"
    rows = [("conlleval on our version", f"{moves.mean:.2f}", "mean F1")]
    rows += [(f"scorer {name}", f"{change:+.2f}", "against conlleval") for name, change in moves.scorers.items()]
    rows += [(f"version {name}", f"{change:+.2f}", "against ours") for name, change in moves.versions.items()]
    if moves.deviation is None:
        rows.append(("seed", "not known", "one run is kept"))
    else:
        rows.append(("seed", f"{moves.deviation:.2f}", "s.d. of F1 over seeds"))
    return [f"What the choice of scorer, version and seed moves in {moves.system} ({runs})", *indented(rows)]


def _distance(value: float, dataset: str, row: PaperRow, moves: Moves | None) -> list[str]:
    distance = value - _f1(row, dataset)
    scorer, version = _way(row, dataset)
    printed = f"{row.label}{row.mark} prints {_f1(row, dataset):.2f} ({scorer} on {version})"
    lines = [f"{printed}: yours is {distance:+.2f} away"]
    if moves is not None:
        for reason in reasons(distance, moves):
            lines += wrapped(reason.said, "    - ", "      ")
    return lines


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that may explain a distance.

    Attributes:
        what: Scorer, dataset version or seeds.
        reach: How far it moves F1 the way of the distance, in points; None where that is not known.
        enough: Whether it reaches the whole distance.
        said: The same in words.
    """

    what: str
    reach: float | None
    enough: bool
    said: str


def reasons(distance: float, moves: Moves) -> list[Reason]:
    """What could explain a distance (ours minus printed, in points), by what kept runs were moved by."""
    sign = 1 if distance >= 0 else -1
    found = []
    for what, changes in (("scorer", moves.scorers), ("dataset version", moves.versions)):
        if not changes:
            found.append(Reason(what, None, False, f"{what}: not known from kept runs"))
            continue
        name = max(changes, key=lambda one: sign * changes[one])
        reach = max(0.0, sign * changes[name])
        can = f"can explain it: {name} moves F1 by {changes[name]:+.2f}"
        if reach < abs(distance):
            can = f"cannot explain it alone: it moves F1 by {reach:.2f} at most in this direction"
        found.append(Reason(what, reach, reach >= abs(distance), f"another {what} {can}"))
    if moves.deviation is None:
        return [*found, Reason("seeds", None, False, "seeds: not known, one run is kept")]
    spread = 2 * moves.deviation
    can = "can explain it" if spread >= abs(distance) else "cannot explain it alone"
    said = f"seeds {can}: two s.d. over {moves.seeds} seeds are {spread:.2f}"
    return [*found, Reason("seeds", spread, spread >= abs(distance), said)]

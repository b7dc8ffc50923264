"""Fill MLflow from the files of finished runs, and add test scores to the runs that are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tqdm import tqdm

from mner.tracking.mlflow_database import TrackingError
from mner.tracking.mlflow_runs import child_of, complete
from mner.tracking.mlflow_store import Store
from mner.tracking.mlflow_tracker import REBUILD, Tracker, first_line, say, shown, tracking_uri
from mner.tracking.mlflow_values import milliseconds
from mner.tracking.record import Record, RecordError


def rebuild(folder: Path, profile: str, uri: str | None = None) -> int:
    """Log every run of a profile from its files alone; returns how many. Safe to repeat.

    Args:
        folder: what holds the runs, ``runs/<profile>`` or ``reports/results/<profile>/runs``.
        profile: its name.
        uri: the store; default :func:`tracking_uri`.

    Raises:
        TrackingError: no runs, a record in a folder that is not its own, a finished run without its curve, or a
            store that cannot be used; nothing is lost then.
        RecordError: a record that cannot be read.
    """
    uri = tracking_uri() if uri is None else uri
    records = _records(folder, profile)
    try:
        return _rebuild(records, profile, uri)
    except (TrackingError, RecordError, ModuleNotFoundError):
        raise
    except Exception as error:  # whatever MLflow, SQLAlchemy and HTTP raise
        why = first_line(error)
        raise TrackingError(
            f"{shown(uri)} cannot be used ({why}); nothing is lost, `{REBUILD}` tries again"
        ) from error


def _rebuild(records: Sequence[tuple[Path, Record]], profile: str, uri: str) -> int:
    store = Store(uri, profile)
    cells: dict[str, int] = {}
    starts: dict[tuple[str, str], int] = {}
    for _, record in records:
        place, start = (record.dataset, record.system), milliseconds(record.started.isoformat())
        starts[place] = min(starts.get(place, start), start)
    for path, record in tqdm(records, desc=f"rebuild {profile}", unit="run", disable=None):
        cell = store.cell(record.dataset, record.system, starts[record.dataset, record.system])
        complete(store, child_of(store, cell, record), record, path.parent)
        cells[cell] = max(cells.get(cell, 0), milliseconds(record.finished_at))
    for cell, end in cells.items():
        store.summarise(cell)
        store.end(cell, "FINISHED", end)
    return len(records)


def log_scores(
    scores: Mapping[str, Any],
    profile: str,
    uri: str | None = None,
    printed: Mapping[tuple[str, str], Mapping[str, Any]] = MappingProxyType({}),
) -> int:
    """Add the test scores of ``scores.json`` to the runs they belong to; returns how many runs were found.

    Takes what ``scoring.score_profile`` returns, and for each cell (data set and system) the ``printed_f1``, the
    ``gap`` to it and the ``verdict``, where a paper prints one. Like live tracking it does not raise: a store that
    fails, or in which runs are missing, is reported in one line.
    """
    tracker = Tracker(profile, uri)
    scored = [run for run in scores["runs"] if "test.own" in run["views"]]
    found = tracker.attempt("logging test scores", _log_scores, tracker, scored, scores.get("cells", ()), printed)
    if found is not None and found < len(scored):
        missing = len(scored) - found
        store = shown(tracker.uri)
        say(f"{missing} of {len(scored)} scored runs are not in {store}; run `{REBUILD}`, then score again")
    return found or 0


def log_report(files: Iterable[Path], profile: str, uri: str | None = None) -> None:
    """Add the rendered page and its tables to the store; files that are not there are left out.

    Like live tracking it does not raise: a store that fails is reported in one line.
    """
    tracker = Tracker(profile, uri)
    present = [file for file in files if file.is_file()]
    if present:
        tracker.attempt("logging the page", lambda: tracker.store().log_report(present))


def _log_scores(
    tracker: Tracker,
    scored: Sequence[Mapping[str, Any]],
    averaged: Sequence[Mapping[str, Any]],
    printed: Mapping[tuple[str, str], Mapping[str, Any]],
) -> int:
    store, found = tracker.store(), 0
    cells: dict[str, tuple[str, str]] = {}
    for run in scored:
        child = store.find_child(run["dataset"], run["system"], run["seed"], run["key"])
        if child is not None:
            view = run["views"]["test.own"]
            store.log_points(child, [(f"test_{name}", 0, view[name]) for name in ("f1", "precision", "recall")])
            cells[child.cell] = run["dataset"], run["system"]
            if verdict := printed.get(cells[child.cell], {}).get("verdict"):
                store.tag(child.run_id, {"verdict": verdict})
            found += 1
    ablations = {(cell["dataset"], cell["system"]): cell.get("reliance") or {} for cell in averaged}
    for cell, place in cells.items():
        note = store.summarise(cell)
        of_paper = printed.get(place, {})
        points = [(name, 0, float(of_paper[name])) for name in ("printed_f1", "gap") if name in of_paper]
        effects = ablations.get(place, {}).items()
        points += [(f"ablation/{view}", 0, float(one["mean"])) for view, one in effects if one is not None]
        tags = {}
        if "printed_f1" in of_paper:
            tags["mlflow.note.content"] = f"{note} {_printed_beside_ours(of_paper)}"
        store.log_cell(cell, points, tags | ({"verdict": of_paper["verdict"]} if "verdict" in of_paper else {}))
    return found


def _printed_beside_ours(of_paper: Mapping[str, Any]) -> str:
    """``Printed: 87.11. Ours under that row's scorer: 81.17 (-5.94). BELOW.``; without ours if unknown."""
    printed, gap = of_paper["printed_f1"], of_paper.get("gap")
    ours = "" if gap is None else f" Ours under that row's scorer: {printed + gap:.2f} ({gap:+.2f})."
    return f"Printed: {printed:.2f}.{ours} {of_paper['verdict']}."


def _records(folder: Path, profile: str) -> list[tuple[Path, Record]]:
    records = [(path, Record.read(path)) for path in sorted(folder.glob("*/*/*/record.json"))]
    if not records:
        raise TrackingError(f"no record.json below {folder}: nothing has been trained in profile {profile}")
    for path, record in records:
        if record.place != (profile, *path.parts[-4:-1]):
            said = "/".join(record.place)
            raise TrackingError(f"{path} is the record of {said}; put it back or delete the folder")
    return records

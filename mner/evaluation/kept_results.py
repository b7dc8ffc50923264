"""Committed reference results: scores, records, curves and predicted tags that a later run is held against.

Kept tags make a reference re-scorable: with the gold of the data stage every table comes out of it again, without
any training (``mner score --from-reference``).
"""

from __future__ import annotations

import json
import lzma
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from mner.base.files import (
    COMMITTED,
    read_json,
    reading,
    sha256_of,
    write_bytes_atomically,
)
from mner.base.swapped_folder import settle, swapped
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.result_files import FILES, read, read_results
from mner.evaluation.run_evidence import check_scored_run
from mner.evaluation.score_results import ScoredRun, ScoreResults
from mner.evaluation.scoring import PredictionName
from mner.tracking.origin import FILE as ORIGIN

Content = TypeVar("Content")

RESULTS = Path("results")
REFERENCE = Path("reports/results")
TAGS = "tags.json.xz"
KEPT = (ScoreResults, RescoredResults)


HOW_TO_GET_RESULTS = (
    "run `dvc repro`; or, where this profile's results are committed, `dvc repro data` and `mner score "
    "--from-reference`, which trains nothing"
)


class NoResultsError(ValueError):
    """Results that a command needs are not there; the message says how to make them."""


def results_of(cls: type[Content], profile: str, folder: Path = RESULTS, data: Path | None = None) -> Content:
    """Read what the score stage wrote for a profile, by the class of the file's content.

    The runs behind scores are checked; with ``data``, dev F1 is recomputed from their dev tags too.

    Raises:
        NoResultsError: it has not run.
        EvidenceError: a run that was scored contradicts its record.
    """
    path = folder / profile / FILES[cls]
    if not path.is_file():
        raise NoResultsError(f"{path} is missing; {HOW_TO_GET_RESULTS}")
    found = read_results(cls, path, "run `mner score`")
    if isinstance(found, ScoreResults):
        for run in found.runs:
            check_scored_run(run, record_file(run), data)
    return found


def kept_of(cls: type[Content], profile: str, believed: Collection[Path] = frozenset()) -> Content | None:
    """The same of what was committed for a profile, None where nothing was.

    ``believed`` are records that were just checked against the files of their run.
    """
    settle(REFERENCE / profile)
    path = REFERENCE / profile / FILES[cls]
    if not path.is_file():
        return None
    found = read_results(cls, path, COMMITTED)
    if isinstance(found, ScoreResults):
        for run in found.runs:
            check_scored_run(run, _kept_record(run), believed=_kept_record(run) in believed)
    return found


@dataclass(frozen=True, slots=True)
class KeptProfile:
    """Scores of a profile, and its runs under every scorer."""

    scores: ScoreResults
    rescored: RescoredResults


def kept_elsewhere(profile: str, datasets: Sequence[str], reference: Path = REFERENCE) -> tuple[KeptProfile, ...]:
    """Read all other kept profiles that share a data set with this one, by name."""
    found = []
    for folder in sorted(reference.iterdir()) if reference.is_dir() else ():
        if folder.name == profile or folder.name.startswith("."):  # a dot: left by a `keep` that was killed
            continue
        scores, rescored = (folder / FILES[cls] for cls in KEPT)
        if scores.is_file() and rescored.is_file():
            content = read_json(scores, COMMITTED)  # a profile of other data sets is not built: it may be large
            of = content.get("datasets") if isinstance(content, Mapping) else None
            if isinstance(of, list) and not any(one in of for one in datasets):
                continue
            held = read(ScoreResults, content, str(scores))
            found.append(KeptProfile(held, read_results(RescoredResults, rescored, COMMITTED)))
    return tuple(found)


def keep(profile: str) -> str:
    """Copy the profile's scores, records, curves and tags to reports/results; says what was written.

    The tags of a run go into one compressed file. They hold labels only, no word of a tweet; the record pins the
    hash of each file in it.
    """
    scores = results_of(ScoreResults, profile, data=Path("data"))
    _refuse_partial(scores, profile)
    target = REFERENCE / profile
    with swapped(target) as made:
        for cls in KEPT:
            shutil.copy(RESULTS / profile / FILES[cls], made / FILES[cls])
        _copy_runs(scores, Path("runs") / profile, made)
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    count = len(scores.runs)
    return f"{target}: scores and {count} runs with their tags, {size / 1e6:.1f} MB; review and commit them"


def _copy_runs(scores: ScoreResults, runs: Path, target: Path) -> None:
    for record in sorted(Path(run.record) for run in scores.runs):
        folder = target / "runs" / record.parent.relative_to(runs)
        folder.mkdir(parents=True)
        for name in ("record.json", "curve.csv", ORIGIN):
            if (record.parent / name).is_file():
                shutil.copy(record.parent / name, folder / name)
        pack_tags(record.parent, folder / TAGS)


def without_runs(scores: ScoreResults, root: Path = Path()) -> list[str]:
    """Records that scores were made of and that are not below ``root``; all, where a reference was re-scored."""
    return [run.record for run in scores.runs if not (root / run.record).is_file()]


def record_file(run: ScoredRun, root: Path = Path()) -> Path:
    """The record of a scored run below ``root``: its own, or the kept one where that very run is not here."""
    path = Path(run.record)
    kept = _kept_record(run)
    here = _sha256_at_hand(run, root) == run.record_sha256
    return kept if not here and (root / kept).is_file() else path


def _kept_record(run: ScoredRun) -> Path:
    return REFERENCE / run.profile / "runs" / Path(*Path(run.record).parts[2:])


def source_of(scores: ScoreResults, root: Path = Path()) -> str:
    """Where the predictions lie that scores were made of, in words."""
    kept = [run for run in scores.runs if record_file(run, root).is_relative_to(REFERENCE)]
    own, committed = f"runs/{scores.profile}", REFERENCE / scores.profile / "runs"
    if not kept:
        return f"the runs below {own} on the machine that rendered it"
    named = f"the committed runs below {committed}, where the records lie that are named {own}/…"
    return named if len(kept) == len(scores.runs) else f"runs below {own} and, where those are not here, {named}"


@contextmanager
def runs_at_hand(scores: ScoreResults, profile: str) -> Iterator[Path]:
    """The folder that record paths of ``scores`` are relative to: this one, or a passing one with the kept runs.

    Raises:
        NoResultsError: a run is missing here, and none was kept.
    """
    if not without_runs(scores):
        yield Path()
        return
    with TemporaryDirectory(prefix="mner-reference-") as folder:
        restore(profile, Path(folder))
        absent = without_runs(scores, Path(folder))
        if absent:
            raise NoResultsError(
                f"{absent[0]} is neither here nor in {REFERENCE / profile}; run `dvc repro` first"
            )
        yield Path(folder)


def _sha256_at_hand(run: ScoredRun, root: Path = Path()) -> str | None:
    path = root / run.record
    return sha256_of(path) if path.is_file() else None


def _place(run: ScoredRun) -> str:
    return f"{run.dataset}/{run.system}/{run.seed}"


def other_runs(scores: ScoreResults) -> list[str]:
    """Records here that are not the ones these scores were made of: the runs have changed since, or never were."""
    return [run.record for run in scores.runs if _sha256_at_hand(run) not in (None, run.record_sha256)]


def _refuse_partial(scores: ScoreResults, profile: str) -> None:
    if not scores.runs:
        raise NoResultsError(f"results/{profile} holds no run, so there is nothing to keep; nothing was changed")
    changed = other_runs(scores)
    if changed:
        raise NoResultsError(
            f"{changed[0]} is not the run that results/{profile} was made of; run `mner score`, then `mner keep`; "
            "nothing was changed"
        )
    kept = kept_of(ScoreResults, profile)
    before = set() if kept is None else {_place(run) for run in kept.runs}
    lost = sorted(before - {_place(run) for run in scores.runs})
    if lost:
        raise NoResultsError(
            f"results/{profile} lacks {len(lost)} of the {len(before)} runs that are kept (the first: {lost[0]}); "
            f"nothing was changed. Run what is missing, or delete {REFERENCE / profile} if they shall go"
        )
    absent = without_runs(scores)
    if absent:
        raise NoResultsError(
            f"{len(absent)} of the {len(scores.runs)} runs behind results/{profile} are not here (the first: "
            f"{absent[0]}), so keeping them would lose their tags; nothing was changed. After `mner score "
            "--from-reference` there is nothing to keep; else run `dvc repro` first"
        )


def pack_tags(run: Path, target: Path) -> None:
    """Write all predicted tags of a run folder into one file, name to text; the same tags give the same bytes."""
    tags = {file.name.removesuffix(".jsonl"): file.read_text(encoding="utf-8") for file in run.glob("*.jsonl")}
    content = json.dumps(tags, sort_keys=True).encode()
    write_bytes_atomically(target, lzma.compress(content, preset=9))


def restore(profile: str, root: Path) -> int:
    """Unpack the kept runs of a profile below ``root/runs``, as training left them; returns how many.

    What is unpacked is not believed here: scoring checks every file against the hash in its record.

    Raises:
        NoResultsError: nothing was kept, or a finished run without its tags.
        ScoringError: tags under a name that is none of a prediction.
    """
    settle(REFERENCE / profile)
    source = REFERENCE / profile / "runs"
    records = sorted(source.rglob("record.json"))
    if not records:
        raise NoResultsError(f"{source} holds no run; run `dvc repro`, then `mner keep`")
    for record in records:
        place = record.parent.relative_to(source)
        folder = root / "runs" / profile / place
        for beside in (record, record.with_name("curve.csv"), record.with_name(ORIGIN)):
            if beside.is_file():
                _write_for_now(folder / beside.name, beside.read_text(encoding="utf-8"))
        for name, text in kept_tags(record).items():
            PredictionName.of(name)
            _write_for_now(folder / f"{name}.jsonl", text)
    return len(records)


def _write_for_now(path: Path, text: str) -> None:
    """Write into a passing folder: no other process reads it, so nothing waits for the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def committed_record(profile: str, dataset: str, system: str, seed: int, root: Path = Path()) -> Path:
    """Where the committed record of a run lies below ``root``, whether or not one was committed."""
    return root / REFERENCE / profile / "runs" / dataset / system / str(seed) / "record.json"


def kept_tags(record: Path) -> Mapping[str, str]:
    """All predicted tags beside a kept record, as the text of their files, by name; none of a skipped run.

    Raises:
        NoResultsError: a finished run was kept without them.
    """
    file = record.parent / TAGS
    if file.is_file():
        with reading(file, COMMITTED):
            return json.loads(lzma.decompress(file.read_bytes()))
    if read_json(record, COMMITTED)["status"] == "finished":
        raise NoResultsError(f"{file} is missing: kept without its tags; run `dvc repro`, then `mner keep`")
    return {}

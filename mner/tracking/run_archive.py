"""Finished runs in one small archive, and out of it again: from a machine that trains to one that reports.

An archive is a compressed tar file with ``manifest.json`` (sizes and SHA-256 of everything else) and the files of
runs under the paths they have in a repository. The same runs give the same bytes.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mner.base.files import exclusive, regular_file, sha256_of, sha256_of_json, write_atomically
from mner.base.swapped_folder import settle, swapped
from mner.data.archives import safe_extract
from mner.tracking.evidence import CURVE, WEIGHTS, EvidenceError, check_evidence
from mner.tracking.identity import identity_of_record
from mner.tracking.origin import Origin
from mner.tracking.record import Record, RecordError
from mner.tracking.run_places import RUNS, run_folder, run_lock_file

FORMAT = 1
MANIFEST = "manifest.json"
APART = "runs-apart"
BYTE_LIMIT = 4 * 2**30
JSON_LIMIT = 64 * 2**20
STAGING = ".unpacking-"


class PackError(ValueError):
    """Runs that cannot be packed, or an archive that is not what it says; the message names the file and why."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of one run of an archive.

    ``state`` is ``taken`` (it lies with the runs now), ``known`` (it lay there already, byte for byte) or
    ``apart`` (it is none this checkout would make, or contradicts one that is here; ``reason`` says why).
    """

    run: str
    state: str
    place: Path
    reason: str = ""


def pack(root: Path, profile: str, archive: Path, *, weights: bool = False) -> list[str]:
    """Write all finished runs of a profile below ``root`` to ``archive``; returns their paths.

    Every run is checked first: its predictions must have the hashes its record states. Weights stay behind
    unless asked for.

    Raises:
        EvidenceError: a file of a run contradicts its record.
        PackError: no finished run, a run of another place or key, an archive that is no ``.tar.gz``, or more bytes
            than :func:`unpack` takes.
    """
    if not archive.name.endswith(".tar.gz"):
        raise PackError(f"{archive}: an archive of runs ends in .tar.gz")
    found = (path.parent for path in (root / RUNS / profile).glob("*/*/*/record.json"))
    folders = sorted(folder for folder in found if not folder.name.startswith("."))
    files: dict[str, Path] = {}
    packed = []
    for folder in folders:
        record = _checked_run(folder, root / "data")
        if record.status != "finished":
            continue
        names = ["record.json", CURVE, *(f"{name}.jsonl" for name in sorted(record.predictions))]
        if weights and (folder / WEIGHTS).is_file():
            names.append(WEIGHTS)
        place = folder.relative_to(root).as_posix()
        files |= {f"{place}/{name}": folder / name for name in names}
        packed.append(place)
    if not packed:
        raise PackError(f"{root / RUNS / profile}: no finished run to pack")
    manifest: dict[str, dict[str, Any]] = {
        name: {"size": path.stat().st_size, "sha256": sha256_of(path)} for name, path in files.items()
    }
    text = json.dumps({"format": FORMAT, "files": manifest}, indent=1, sort_keys=True) + "\n"
    size = sum(row["size"] for row in manifest.values()) + len(text.encode())
    if size > BYTE_LIMIT:
        raise PackError(
            f"{archive}: {size:,} bytes, but `mner unpack` takes at most {BYTE_LIMIT:,}; leave the weights behind"
        )
    write_atomically(archive, lambda part: _write(part, text.encode(), files))
    return packed


def _write(target: Path, manifest: bytes, files: Mapping[str, Path]) -> None:
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        _add(tar, MANIFEST, manifest)
        for name in sorted(files):
            _add(tar, name, files[name].read_bytes())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _checked_run(folder: Path, data: Path | None) -> Record:
    """The record of a run folder that agrees with the files beside it, and whose key is that of what it read."""
    record = check_evidence(folder, data).record
    if folder.parts[-4:] != record.place:
        run = f"{record.dataset} x {record.system} seed {record.seed} in profile {record.profile}"
        raise PackError(f"{folder}: its record is of {run}")
    if record.status == "finished" and not (folder / CURVE).is_file():
        raise PackError(f"{folder / CURVE} is missing though the run is finished; train the run again")
    if identity_of_record(record).key != record.key:
        raise PackError(f"{folder / 'record.json'}: its key is not the hash of what it says it read")
    return record


def _whole_run(folder: Path, data: Path) -> Record:
    """The record of a run folder that holds what a run leaves behind, and nothing else."""
    if not (folder / "record.json").is_file():
        raise PackError(f"{folder / 'record.json'} is missing, and nothing else says what run this is")
    try:
        with suppress(json.JSONDecodeError, UnicodeDecodeError):  # which reading the record says
            _bounded_json(folder / "record.json")
    except ValueError as error:
        raise PackError(f"{folder / 'record.json'} is no record ({error})") from error
    record = _checked_run(folder, data)
    known = {"record.json", CURVE, WEIGHTS, *(f"{name}.jsonl" for name in record.predictions)}
    for path in sorted(folder.iterdir()):
        if path.name not in known:
            raise PackError(f"{path}: the run's record does not list this file")
    return record


def unpack(archive: Path, root: Path, expected: Callable[[Record], str | None]) -> list[Arrival]:
    """Take the runs of an archive into ``root/runs``; those that do not belong there are kept apart.

    ``expected`` says why this checkout would not make that very run, None if it would. No whole run of that key
    that is here already is overwritten. The whole archive is checked before its first run is taken.

    Raises:
        ArchiveError: unsafe names, links, sizes (``mner.data.archives``).
        PackError: no manifest, files that are not in it or not as it says, a run that contradicts its record.
    """
    with (
        exclusive(root / ".locks" / "unpack.lock"),
        _staging(root) as name,
    ):
        staging = Path(name)
        safe_extract(archive, staging, byte_limit=BYTE_LIMIT)
        _check_manifest(archive, staging)
        folders = _run_folders(archive, staging)
        try:
            records = [(folder, _whole_run(folder, root / "data")) for folder in folders]
        except (EvidenceError, PackError, RecordError) as error:
            raise PackError(str(error).replace(f"{staging}/", f"{archive}: ")) from error
        digest = sha256_of(archive)
        return [_take(folder, record, root, expected(record), digest) for folder, record in records]


@contextmanager
def _staging(root: Path) -> Iterator[str]:
    """A folder that is gone afterwards; those of processes that were killed go first (we hold the lock)."""
    for stale in root.glob(f"{STAGING}*"):
        shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=STAGING) as name:
        yield name


def _bounded_json(path: Path) -> Any:
    """The value of a JSON file of an archive, which may be of any size and any depth."""
    try:
        return json.loads(regular_file(path, JSON_LIMIT).read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("its values lie too deep in one another") from error


def _check_manifest(archive: Path, staging: Path) -> None:
    try:
        manifest = _bounded_json(staging / MANIFEST)
        listed = {str(name): (row["size"], row["sha256"]) for name, row in manifest["files"].items()}
        known = manifest["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PackError(f"{archive}: no archive of runs, its {MANIFEST} cannot be read ({error})") from error
    if not known:
        raise PackError(f"{archive}: format {manifest['format']!r}; this version of mner reads format {FORMAT}")
    found = {path.relative_to(staging).as_posix(): path for path in staging.rglob("*") if path.is_file()}
    del found[MANIFEST]
    if odd := sorted(found.keys() ^ listed.keys()):
        raise PackError(f"{archive}: {odd[0]} is in the {'archive' if odd[0] in found else 'manifest'} only")
    for name, path in found.items():
        if (path.stat().st_size, sha256_of(path)) != listed[name]:
            raise PackError(f"{archive}: {name} is not the file its manifest describes; copy the archive again")


def _run_folders(archive: Path, staging: Path) -> list[Path]:
    """Folders of runs; anything else in the archive is refused."""
    folders = set()
    for path in staging.rglob("*"):
        if path.is_dir() or path == staging / MANIFEST:
            continue
        place = PurePosixPath(path.relative_to(staging).as_posix())
        fitting = path.name == WEIGHTS or path.suffix in (".json", ".jsonl", ".csv")
        if len(place.parts) != 6 or place.parts[0] != RUNS or not fitting:
            raise PackError(f"{archive}: {place} is no file of a run")
        folders.add(path.parent)
    return sorted(folders)


def _take(folder: Path, record: Record, root: Path, objection: str | None, archive: str) -> Arrival:
    run = f"{record.dataset} x {record.system} seed {record.seed}"
    place = root, record.profile, record.dataset, record.system, record.seed
    target = run_folder(*place)
    with exclusive(run_lock_file(*place)):
        settle(target)
        here = _standing(target) if objection is None else None
        if here is not None and here.key == record.key:
            if here.predictions == record.predictions:
                return Arrival(run, "known", target)
            objection = "the same run is here with other predictions (made on other hardware or threads?)"
        if objection is not None:
            apart = root / APART / record.profile / record.dataset / record.system
            aside = apart / f"{record.seed}-{sha256_of_json(asdict(record))[:12]}"
            _move(folder, aside, archive)
            return Arrival(run, "apart", aside, objection)
        _move(folder, target, archive)
        return Arrival(run, "taken", target)


def _standing(folder: Path) -> Record | None:
    """The record of a whole run; None where there is none, or what is left of one that would be trained again."""
    try:
        return _checked_run(folder, None) if (folder / "record.json").is_file() else None
    except (EvidenceError, PackError, RecordError):
        return None


def _move(folder: Path, target: Path, archive: str) -> None:
    """Put a run and the mark of where it came from in the place of whatever stands there."""
    with swapped(target) as made:
        for path in sorted(folder.iterdir(), key=lambda path: path.name == "record.json"):
            shutil.move(path, made / path.name)
        Origin(archive).write(made)


def render(arrivals: Sequence[Arrival]) -> str:
    """A line a run that is kept apart, and the counts."""
    apart = [one for one in arrivals if one.state == "apart"]
    lines = [f"kept apart: {one.run}: {one.reason}\n            {one.place}" for one in apart]
    taken, known = (sum(one.state == state for one in arrivals) for state in ("taken", "known"))
    lines.append(f"{taken} runs taken, {known} were here already, {len(apart)} kept apart")
    return "\n".join(lines) + "\n"

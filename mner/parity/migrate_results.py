"""Move records of formats 1 and 2 to runs identified by version: ``python -m mner.parity.migrate_results``.

Formats 1 and 2 identified a run by the syntax trees of the code it imported. A record is moved only if its old key
follows from what it says, the encoder it names is here with the very weights it states, and every row passes its
golden step, which the code that made the runs computed. Runs of still older code (``--older PROFILE``) get version
0, which no row has: their numbers stay, and no checkout takes them for its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from mner.base.exits import exit_code_of
from mner.base.files import read_json, sha256_of, sha256_of_json, write_json_atomically
from mner.base.terminal import aligned
from mner.config import Config, load
from mner.config.schema import EncoderSource
from mner.models.encoders import fingerprint_of, location_of
from mner.tracking.evidence import check_evidence, files_beside
from mner.tracking.identity import identity_of_record, parameter_differences, versions_of
from mner.tracking.record import Record
from mner.training.experiment import Cell

FORMATS = (1, 2)
KEPT = Path("reports/results")
GOLDEN = Path("tests/golden_steps")
REFERRING = "scores.json"
PROTOCOL = "protocol"
ADAMW = ("optimiser", "adamw")
"""What the recipes of all runs meant before they named an optimiser; old keys leave it out."""
HEADER = ("profile", "runs", "moved", "versions", "other parameters", "key before", "key after")


class MigrationError(ValueError):
    """A record that cannot be moved, or behaviour that is not proved equal; the message names which and why."""


@dataclass(frozen=True, slots=True)
class Move:
    """One record and what it becomes; ``differs`` where params.yaml would now train the run otherwise."""

    path: Path
    before: Mapping[str, Any]
    after: Record
    differs: bool


def planned_moves(folder: Path, config: Config, root: Path, older: Collection[str] = ()) -> list[Move]:
    """All records of old formats below ``folder`` with what they become; writes nothing.

    ``older`` names the profiles whose runs get version 0.

    Raises:
        MigrationError: a record contradicts its key, or its encoder is not the one that is here.
    """
    return [
        _move(path, row, config, root, row["profile"] in older)
        for path in sorted(folder.rglob("record.json"))
        if (row := read_json(path)).get("format") in FORMATS
    ]


def _move(path: Path, row: Mapping[str, Any], config: Config, root: Path, older: bool) -> Move:
    if old_key(row) != row["key"]:
        raise MigrationError(f"{path}: its key {row['key']} is not the hash of what it says it read")
    settings = config.systems.get(row["system"])
    if settings is None:
        raise MigrationError(f"{path}: params.yaml has no row {row['system']!r}, so its version is unknown")
    profile = config.profiles.get(row["profile"], config.active)
    cell = Cell(replace(config, active=profile), row["dataset"], row["system"], root)
    fields = {name: value for name, value in row.items() if name not in ("format", "code", "evidence")}
    moved = Record(
        **{
            **fields,
            "recipe": dict([ADAMW]) | row["recipe"],
            "encoder": row["encoder"] | {"sha256": _encoder_here(path, row["encoder"], config)},
            "versions": dict.fromkeys(versions_of(cell), 0) if older else versions_of(cell),
            "sources": {},
        }
    )
    moved = replace(moved, key=identity_of_record(moved).key).sealed(files_beside(path.parent))
    differs = any(one.kind != "version" for one in parameter_differences(cell, moved))
    return Move(path, row, moved, differs)


def old_key(row: Mapping[str, Any]) -> str:
    """The key that a record of format 1 or 2 has, from what it says the run read."""
    recipe = {name: value for name, value in row["recipe"].items() if (name, value) != ADAMW}
    same = ("dataset", "system", "seed", "visual_input", "code", "encoder", "options")
    return sha256_of_json({name: row[name] for name in same} | {"files": row["inputs"], "recipe": recipe})


def _encoder_here(path: Path, stated: Mapping[str, str], config: Config) -> str:
    """The new hash of a record's encoder, after the old one was found to be that of the weights here."""
    source = config.encoders.get(stated["name"])
    if source is None or source.describe() != stated["source"]:
        raise MigrationError(f"{path}: params.yaml has no encoder {stated['name']} from {stated['source']}")
    before, after = _hashes(source)
    if before != stated["sha256"]:
        raise MigrationError(
            f"{path}: encoder {stated['name']} was made of weights {stated['sha256'][:12]}, here are {before[:12]}"
        )
    return after


@cache
def _hashes(source: EncoderSource) -> tuple[str, str]:
    """What formats 1 and 2 state of an encoder, and what format 3 does."""
    weights = Path(location_of(source)) / "model.safetensors"
    old = sha256_of(weights) if weights.is_file() else sha256_of_json([source.hub, source.revision])
    return old, fingerprint_of(source)


def apply(moves: Sequence[Move]) -> None:
    """Write the records, sealed anew, then the scores beside them that state keys and hashes of records."""
    moves = [replace(move, after=move.after.sealed(files_beside(move.path.parent))) for move in moves]
    for move in moves:
        move.after.write(move.path)
    for scores in sorted({found for move in moves for found in _scores_above(move.path)}):
        _refer_anew(scores, moves)


def seal_kept(folder: Path) -> int:
    """Add the digest of itself and of its curve to every kept record that has none; returns how many.

    A meter of matrix products above the hardware's own rate is a measurement error, and is left out.

    Raises:
        EvidenceError: a record contradicts the files beside it.
    """
    moves = []
    for path in sorted(folder.rglob("record.json")):
        before = read_json(path)
        if before.get("evidence") is not None or before.get("format") in FORMATS:
            continue
        record = Record.read(path)
        record = replace(record, throughput=_possible(record.throughput)).sealed(files_beside(path.parent))
        moves.append(Move(path, before, record, False))
    apply(moves)
    for move in moves:
        check_evidence(move.path.parent)
    return len(moves)


def _possible(meters: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if meters is None or (meters.get("mfu") or 0.0) <= 1:
        return meters
    return {name: value for name, value in meters.items() if name not in ("matrix_flops_per_second", "mfu")}


def _scores_above(record: Path) -> Iterator[Path]:
    """``scores.json`` of kept results: beside the folder ``runs`` that the record lies in."""
    for folder in record.parents:
        if folder.name == "runs" and (folder.parent / REFERRING).is_file():
            yield folder.parent / REFERRING


def _refer_anew(path: Path, moves: Sequence[Move]) -> None:
    """Put new keys, record hashes, versions and encoder hashes into kept scores; every number stays as it is."""
    scores = read_json(path)
    places = {move.after.place: move for move in moves if path.parent in move.path.parents}
    renamed = {move.before["key"]: move.after.key for move in places.values()}
    renamed |= {move.before["encoder"]["sha256"]: move.after.encoder["sha256"] for move in places.values()}
    for run in scores["runs"]:
        move = places.get((run["profile"], run["dataset"], run["system"], str(run["seed"])))
        if move is None:
            continue
        if run["key"] != move.before["key"]:
            raise MigrationError(f"{path}: scored another run than {move.path} records; run `mner score` first")
        run |= {"versions": dict(move.after.versions), "record_sha256": sha256_of(move.path)}
        run |= {"throughput": move.after.throughput} if "throughput" in run else {}
    _drop_absent_meters(scores)
    write_json_atomically(path, _renamed(scores, renamed), indent=None)


def _drop_absent_meters(scores: Mapping[str, Any]) -> None:
    """Take out of each cell the meters that none of its runs has."""
    for cell in scores["cells"]:
        place = cell.get("dataset"), cell.get("system")
        runs = [run for run in scores["runs"] if (run["dataset"], run["system"]) == place]
        known = {name for run in runs for name in run.get("throughput") or ()}
        for meters in (cell.get("throughput") or {}).values():
            for name in set(meters) - known:
                del meters[name]


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A JSON value with every text that ``names`` has replaced, wherever it stands."""
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def render(moves: Sequence[Move], records: Mapping[str, int]) -> str:
    """One line a profile: its records, how many move, and the first key before and after."""
    rows = []
    for profile, count in records.items():
        its = [move for move in moves if move.before["profile"] == profile]
        versions = sorted({str(move.after.versions["system"]) for move in its})
        keys = (its[0].before["key"][:12], its[0].after.key[:12]) if its else ("-", "-")
        rows.append(
            (
                profile,
                str(count),
                str(len(its)),
                ", ".join(versions),
                str(sum(move.differs for move in its)),
                *keys,
            )
        )
    return "\n".join(aligned([HEADER, *rows], numbers=(1, 2, 4), header=True)) + "\n"


def prove_equal_behaviour(golden: Path, systems: Collection[str], differing: Callable[[Path], int]) -> None:
    """Hold every row that has runs to move, and the protocol, to its golden step.

    ``differing`` counts the numbers that the code gives otherwise than a file of a golden step says.

    Raises:
        MigrationError: a row has no golden step, or gives other numbers.
    """
    failures = []
    for name in (*sorted(systems), PROTOCOL):
        path = golden / f"{name}.json"
        if not path.is_file():
            failures.append(f"{name}: {path} is missing")
        elif count := differing(path):
            failures.append(f"{name}: {count} differences")
    if failures:
        listed = "".join(f"\n  {one}" for one in failures)
        raise MigrationError(f"equal behaviour is not proved, so nothing is moved:{listed}")


def _differing(path: Path) -> int:
    from mner.parity.golden_numbers import GoldenFile
    from mner.parity.golden_step import compared

    return len(compared(GoldenFile.read(path)).differences)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check everything, print the table, and move the records unless only a dry run is asked for."""
    parser = argparse.ArgumentParser(prog="python -m mner.parity.migrate_results", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=KEPT, help=f"default: {KEPT}")
    parser.add_argument("--golden", type=Path, default=GOLDEN, help="the folder of golden steps")
    parser.add_argument("--older", nargs="*", default=(), metavar="PROFILE", help="profiles made by older code")
    parser.add_argument("--dry-run", action="store_true", help="check and print, but write nothing")
    parser.add_argument("--seal", action="store_true", help="add digests to records that have none")
    options = parser.parse_args(arguments)
    if options.seal:
        print(f"{seal_kept(options.folder)} records sealed")
        return 0
    moves = planned_moves(options.folder, load(Path("params.yaml")), Path(), options.older)
    proved = {move.after.system for move in moves if move.after.profile not in options.older}
    prove_equal_behaviour(options.golden, proved, _differing)
    print(render(moves, _records_by_profile(options.folder)), end="")
    if not options.dry_run:
        apply(moves)
    return 0


def _records_by_profile(folder: Path) -> dict[str, int]:
    profiles = [json.loads(path.read_text())["profile"] for path in sorted(folder.rglob("record.json"))]
    return {profile: profiles.count(profile) for profile in sorted(set(profiles))}


if __name__ == "__main__":
    # Under its own name, so that errors are known as ours.

    sys.exit(exit_code_of("migrate_results", main))

"""New golden steps under an old version are refused: a check of the files over the history of a git repository."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath

from mner.parity.golden_numbers import Difference, GoldenFile, GoldenStepError, differences

WORKING_TREE = "working tree"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A commit (or the working tree) that changed a golden step's numbers without raising its version."""

    commit: str
    name: str
    version_before: int
    version: int
    changed: tuple[Difference, ...]

    def __str__(self) -> str:
        places = ", ".join(difference.place for difference in self.changed[:3])
        return (
            f"{self.commit[:12]}: {self.name} changed ({places}) and its version went from {self.version_before} "
            f"to {self.version}; raise the version"
        )


@dataclass(frozen=True, slots=True)
class History:
    """What the check saw: commits that touched golden steps, refusals, and whether older commits are not there."""

    commits: int
    refusals: tuple[Refusal, ...]
    shallow: bool


def check_history(repository: Path, folder: PurePosixPath) -> History:
    """Compare every golden step in ``folder`` with its parents' over all commits, then with the working tree.

    A file that was deleted and comes back is compared with what it was when it was last there.

    Raises:
        GoldenStepError: not a git repository.
    """
    commits = _git(
        repository, "rev-list", "--topo-order", "--reverse", "--full-history", "HEAD", "--", str(folder)
    )
    shallow = _git(repository, "rev-parse", "--is-shallow-repository").strip() == "true"
    last: dict[str, GoldenFile] = {}
    refusals: list[Refusal] = []
    for commit in commits.split():
        parents = _git(repository, "rev-list", "--parents", "-n", "1", commit).split()[1:]
        now = _changed(repository, commit, parents, folder)
        for name, (new, olds) in now.items():
            compared = olds or ([last[name]] if name in last else [])
            refusals += [refusal for old in compared if (refusal := refused(commit, old, new)) is not None]
        last |= {name: new for name, (new, _) in now.items()}
    for path in sorted((repository / folder).glob("*.json")):
        new = GoldenFile.read(path)
        old = _read(repository, "HEAD", folder / path.name) or last.get(path.stem)
        refusal = None if old is None else refused(WORKING_TREE, old, new)
        refusals += [] if refusal is None else [refusal]
    return History(len(commits.split()), tuple(refusals), shallow)


def refused(commit: str, old: GoldenFile, new: GoldenFile) -> Refusal | None:
    """Return the refusal that a change of one golden step earns, or None if it is fine.

    Changed numbers need a higher version, and a version is never lowered. A number at a new place changes none.
    """
    changed = tuple(one for one in differences(old.numbers, new.numbers) if not one.added)
    if new.version > old.version or (new.version == old.version and not changed):
        return None
    return Refusal(
        commit, new.name, old.version, new.version, changed or (Difference("version", old.version, new.version),)
    )


def _changed(
    repository: Path, commit: str, parents: list[str], folder: PurePosixPath
) -> dict[str, tuple[GoldenFile, list[GoldenFile]]]:
    """Golden steps that a commit touched: each as it is there, and as its parents had it."""
    listed = _git(
        repository, "diff-tree", "--root", "-m", "-r", "--no-commit-id", "--name-only", commit, "--", str(folder)
    )
    found = {}
    for path in sorted(set(listed.splitlines())):
        new = _read(repository, commit, PurePosixPath(path)) if path.endswith(".json") else None
        if new is not None:
            olds = [_read(repository, parent, PurePosixPath(path)) for parent in parents]
            found[PurePosixPath(path).stem] = (new, [old for old in olds if old is not None])
    return found


def _read(repository: Path, commit: str, path: PurePosixPath) -> GoldenFile | None:
    """A golden step at a commit; None if it is not there, or the commit itself is not (a shallow clone)."""
    shown = subprocess.run(
        ["git", "-C", str(repository), "show", f"{commit}:{path}"], capture_output=True, text=True, check=False
    )
    if shown.returncode:
        return None
    content = json.loads(shown.stdout)
    if set(content) != {field.name for field in fields(GoldenFile)}:
        raise GoldenStepError(f"{path} at commit {commit[:12]} is not a golden step")
    return GoldenFile(**content)


def _git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise GoldenStepError(f"{repository}: git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def lines(history: History) -> Iterator[str]:
    """The outcome in words."""
    if history.shallow:
        yield f"this clone is shallow: only the last {history.commits} commits of golden steps were checked"
    yield from map(str, history.refusals)
    if not history.refusals:
        yield f"{history.commits} commits of golden steps: none changed numbers under an old version"

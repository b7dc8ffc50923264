"""Questions to the table of public files: which data sets and dataset versions there are, and their files."""

from __future__ import annotations

from pathlib import Path

from mner.config.schema import CANONICAL
from mner.data.corpus import SPLITS
from mner.data.public_files import BASE, SOURCES, SourceFile

__all__ = ["BASE", "CANONICAL", "SOURCES", "SourceFile"]  # also read from here

DATASETS: tuple[str, ...] = ("twitter2015", "twitter2017")
COPIES: dict[str, str] = {
    CANONICAL: "UMT's copy, the canonical one",
    "rgcn": "R-GCN's copy, with retrieval lists",
    "umgf": "UMGF's copy",
    "agban": "AGBAN's copy (OCSGA's, the original annotation)",
    "hvpnet": "TMR's copy (very likely HVPNeT's, with corrected labels, used by systems since 2022)",
}

ANNOTATIONS: dict[str, str] = {"agban": "zhang2018", "hvpnet": "hvpnet"}
"""Copies of the same sentences whose tags are another annotation, by the name papers' conditions give it."""


def select(
    *, dataset: str | None = None, copy: str | None = None, split: str | None = None, role: str | None = None
) -> tuple[SourceFile, ...]:
    """The sources that agree with every argument given, in table order."""
    wanted = {"dataset": dataset, "copy": copy, "split": split, "role": role}
    return tuple(
        source
        for source in SOURCES
        if all(value is None or getattr(source, field) == value for field, value in wanted.items())
    )


def files_of(dataset: str) -> tuple[SourceFile, ...]:
    """Every file that preparing ``dataset`` reads.

    Raises:
        ValueError: not a data set made of public files.
    """
    found = select(dataset=dataset)
    if not found:
        raise ValueError(f"unknown data set {dataset!r}; public files exist for {', '.join(DATASETS)}")
    return found


def words_of(dataset: str) -> frozenset[str]:
    """Name the further words on pictures (``mner.data.side_data.WORDS``) that a data set has in every split."""
    files = select(dataset=dataset, role="words")
    splits = {source.copy: {other.split for other in files if other.copy == source.copy} for source in files}
    return frozenset(copy for copy, found in splits.items() if found == {None} or found >= set(SPLITS))


def annotation_file(folder: Path, annotation: str) -> Path:
    """Where a data set's folder keeps the test split under another annotation, sealed beside its own gold."""
    return folder / "gold" / f"test.{annotation}.jsonl"


def known_versions() -> tuple[SourceFile, ...]:
    """List the files that hold sentences of a dataset version, the canonical one first."""
    return tuple(source for source in SOURCES if source.copy in COPIES)


def version_of(source: SourceFile) -> str:
    """Name a version as ``reports/paper.yaml`` does: an annotation by its own name, else whose copy it is."""
    return ANNOTATIONS.get(source.copy, source.copy)

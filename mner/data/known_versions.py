"""Every public version of the two corpora that a file may be: the prepared ones, and relabelled ones beside them.

The relabelled files are known to ``mner which`` and ``mner score FILE`` only; preparing a data set reads none of
them, so no table changes.
"""

from __future__ import annotations

from mner.data.sources import ANNOTATIONS, COPIES, SOURCES, SourceFile

HVPNET = "hvpnet"
RELABELLED_TITLES: dict[str, str] = {
    HVPNET: "Twitter-2015 relabelled, as in the TMR repository; very likely HVPNeT's release",
}
_TMR = "thecharm/TMR/279b3e2938aec040fa8b8fa74cd3e562eaa6756f/TMR-NER/data/twitter2015"
_DEFECT = "tags of 239 test sentences differ from UMT's: systems scored on it do not compare with others"

RELABELLED: tuple[SourceFile, ...] = tuple(
    SourceFile(
        f"{_TMR}/{file}.txt", size, sha256, "none stated", "sentences", HVPNET, "twitter2015", split, (_DEFECT,)
    )
    for file, split, size, sha256 in (
        ("train", "train", 670760, "66c1336f27fe854504623248942f0c1348baa39533167e636835bf04234b05d7"),
        ("val", "dev", 168254, "51e003ec71c202d786f53968ed901841c3e23bcec9a381c06120432cba0d56d1"),
        ("test", "test", 550764, "a4ef7f191a456021a7e2355dfd9f8e531a85bf62c275646c7d4c741563abab40"),
    )
)


VERSIONS: tuple[str, ...] = (*COPIES, HVPNET)
"""Whose files the versions are, the canonical one first."""


def known_versions() -> tuple[SourceFile, ...]:
    """All files that hold sentences of a known version, prepared ones first."""
    return (*(source for source in SOURCES if source.copy in COPIES), *RELABELLED)


def version_of(source: SourceFile) -> str:
    """The name of a version in ``reports/paper.yaml``: an annotation by its own name, else whose copy it is."""
    return ANNOTATIONS.get(source.copy, source.copy)

"""What lies in a data set's folder ``data/<dataset>`` under which name, be it a public data set or a control."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mner.data.corpus import Sentence, write_sentences
from mner.data.findings import Finding, to_json, to_markdown
from mner.files import write_json_atomically, write_text_atomically


def write_corpus(folder: Path, splits: Mapping[str, Iterable[Sentence]]) -> None:
    """Write ``corpus/{train,dev,test.blind}.jsonl`` and, apart from them, ``gold/test.jsonl``."""
    test = tuple(splits["test"])
    write_sentences(folder / "corpus" / "train.jsonl", splits["train"])
    write_sentences(folder / "corpus" / "dev.jsonl", splits["dev"])
    write_sentences(folder / "corpus" / "test.blind.jsonl", (one.blind() for one in test))
    write_sentences(folder / "gold" / "test.jsonl", test)


def write_side(
    folder: Path,
    *,
    captions: Mapping[str, Mapping[str, str]],
    objects: Mapping[str, Mapping[str, list[str]]],
    retrieval: Mapping[str, Any],
    invalid: Iterable[str],
    pixels: Mapping[str, Any],
) -> None:
    """Write the files of ``side/``; ``pixels.json`` apart from what training reads."""
    side = folder / "side"
    write_json_atomically(side / "captions.json", captions)
    write_json_atomically(side / "objects.json", objects)
    write_json_atomically(side / "retrieval.json", retrieval)
    write_json_atomically(side / "images.json", {"invalid": sorted(invalid)})
    write_json_atomically(side / "pixels.json", dict(pixels))


def write_words(
    folder: Path, words: Mapping[str, Mapping[str, str]], strength: Mapping[str, Mapping[str, float]]
) -> None:
    """Write further words on pictures to a file each, and the strength of relations to another.

    A run reads, and is identified by, only the files of what it reads; so none of this is in ``captions.json``.
    """
    for name, table in words.items():
        write_json_atomically(folder / "side" / f"{name}.json", table)
    if strength:
        write_json_atomically(folder / "side" / "strength.json", strength)


def write_audit(folder: Path, dataset: str, findings: Sequence[Finding]) -> None:
    """Write ``audit/findings.json`` and the same for readers, ``audit/audit.md``."""
    write_json_atomically(folder / "audit" / "findings.json", to_json(findings))
    write_text_atomically(folder / "audit" / "audit.md", to_markdown(dataset, findings))

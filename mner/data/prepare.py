"""Turn the public files into a data set's folder: corpus, sealed gold, side data, audit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mner.base.files import read_json, write_json_atomically, write_text_atomically
from mner.config.schema import CANONICAL
from mner.data import readers, sources, word_readers
from mner.data.audit import Material, audit, invalid_images
from mner.data.audit_findings import Finding, to_json, to_markdown
from mner.data.corpus import SPLITS, CorpusError, Sentence, write_sentences, write_types
from mner.data.picture_files import ImageScan, scan_images
from mner.data.readers import Alignment, RetrievalRecord
from mner.data.sources import SourceFile


def write_corpus(folder: Path, splits: Mapping[str, Iterable[Sentence]]) -> None:
    """Write ``corpus/{train,dev,test.blind}.jsonl`` and, apart from them, ``gold/test.jsonl``.

    A data set of its own label set gets ``corpus/types.json`` too.
    """
    held = {name: tuple(sentences) for name, sentences in splits.items()}
    test = held["test"]
    write_sentences(folder / "corpus" / "train.jsonl", held["train"])
    write_sentences(folder / "corpus" / "dev.jsonl", held["dev"])
    write_sentences(folder / "corpus" / "test.blind.jsonl", (one.blind() for one in test))
    write_sentences(folder / "gold" / "test.jsonl", test)
    write_types(folder / "corpus", held)


def write_side(
    folder: Path,
    *,
    captions: Mapping[str, Mapping[str, str]],
    objects: Mapping[str, Mapping[str, Sequence[str]]],
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


Fetch = Callable[[SourceFile], Path]
FORGET = "delete it: the pictures as they are now are then taken for those that arrived first"


def prepare(
    dataset: str, folder: Path, fetch: Fetch, *, images: Path | None = None, arrivals: Path | None = None
) -> None:
    """Write ``corpus/``, ``gold/``, ``side/`` and ``audit/`` of ``twitter2015`` or ``twitter2017``.

    ``fetch`` gives the checked file of a source; ``images`` is a folder of pictures ``<image id>.jpg``, read
    where they lie, and ``arrivals`` a file that remembers their first hashes. The tags of the test split are
    written to ``gold/test.jsonl`` and nowhere else, those of another annotation of the same sentences to
    ``gold/test.<annotation>.jsonl``.

    Raises:
        ValueError: ``dataset`` is not made of public files.
        SourceError: a file cannot be had (from ``fetch``).
        CorpusError: a file is not what its format says.
    """
    paths = {source: fetch(source) for source in sources.files_of(dataset)}
    material = read_material(dataset, paths)
    corpus_images = [one.image for split in SPLITS for one in material.splits[split]]
    invalid = invalid_images(material.captions["blip2"], corpus_images)
    if images is not None:
        neighbours = _neighbours(material.alignments.values())
        wanted = sorted({*corpus_images, *neighbours} - set(invalid))
        material = replace(material, images=_scan(images, wanted, arrivals))
    write_corpus(folder, material.splits)
    write_annotations(folder, material)
    write_side(
        folder,
        captions=material.captions,
        objects=material.objects,
        retrieval=retrieval_table(material.alignments),
        invalid=invalid,
        pixels={} if material.images is None else material.images.pixels,
    )
    write_words(folder, material.words, material.strength)
    write_audit(folder, dataset, audit(material))


def _scan(images: Path, wanted: Sequence[str], arrivals: Path | None) -> ImageScan:
    """Scan the pictures; ``arrivals`` remembers every picture's first hash, and a later other one is a finding."""
    known = read_json(arrivals, FORGET) if arrivals and arrivals.is_file() else {}
    scan = scan_images(images, wanted, known)
    if arrivals is not None:
        first = {image: entry["sha256"] for image, entry in scan.pixels.items()}
        write_json_atomically(arrivals, {**first, **known})
    return scan


def read_material(dataset: str, paths: Mapping[SourceFile, Path]) -> Material:
    """Parse the files of one data set."""
    copies: dict[str, dict[str, tuple[Sentence, ...]]] = {}
    records: dict[str, tuple[RetrievalRecord, ...]] = {}
    captions: dict[str, dict[str, str]] = {}
    objects: dict[str, dict[str, list[str]]] = {}
    for source, path in paths.items():
        if source.role == "sentences":
            copies.setdefault(source.copy, {})[_split(source)] = readers.read_umt(path)
        elif source.role == "retrieval":
            records[_split(source)] = readers.read_rgcn(path)
            sentences = tuple(record.sentence for record in records[_split(source)])
            copies.setdefault(source.copy, {})[_split(source)] = sentences
        elif source.role == "captions":
            read = {"catr": readers.read_catr, "blip2": readers.read_blip2}[source.copy]
            captions[source.copy] = read(path)
        elif source.role == "objects":
            objects[source.copy] = readers.read_object_labels(path)
    splits = copies.pop(CANONICAL)
    words, strength = read_words(splits, paths)
    alignments = {split: readers.align_rgcn(splits[split], records[split]) for split in SPLITS}
    return Material(dataset, splits, copies, captions, objects, alignments, None, words, strength)


def read_words(
    splits: Mapping[str, Sequence[Sentence]], paths: Mapping[SourceFile, Path]
) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, float]]]:
    """Parse the pictures in words, by name, and the strength of their relation to the text, both by image id.

    One file may hold both data sets; only images of this one are kept.
    """
    images = {one.image for split in SPLITS for one in splits[split]}
    words: dict[str, dict[str, str]] = {}
    strength: dict[str, dict[str, float]] = {}
    for source, path in paths.items():
        if source.role == "strength":
            strength.setdefault(source.copy, {}).update(word_readers.read_strength(path))
        elif source.role == "words" and source.copy == "knowledge":
            known = word_readers.read_knowledge(path)
            words["knowledge"] = word_readers.knowledge_by_image(splits, known, str(path))
        elif source.role == "words":
            read = {
                "descriptions": word_readers.read_descriptions,
                "owl": word_readers.read_owl,
                "faces": readers.read_catr,
            }[source.copy]
            found = {image: text for image, text in read(path).items() if image in images}
            words.setdefault(source.copy, {}).update(found)
    return words, strength


def write_annotations(folder: Path, material: Material) -> None:
    """Write the test split of each copy that tags the same sentences differently.

    Raises:
        CorpusError: such a copy holds other sentences than the canonical one.
    """
    for copy, annotation in sources.ANNOTATIONS.items():
        if copy not in material.copies:
            continue
        test = material.copies[copy]["test"]
        if [one.words for one in test] != [one.words for one in material.splits["test"]]:
            raise CorpusError(f"{material.dataset}: copy {copy} does not hold the test sentences of {CANONICAL}")
        write_sentences(sources.annotation_file(folder, annotation), test)


def retrieval_table(alignments: Mapping[str, Alignment]) -> dict[str, Any]:
    """``{"k": 10, "<split>": [lists or None by sentence index]}``; None where the released copy has no record."""
    table: dict[str, Any] = {"k": readers.LIST_LENGTH}
    for split in SPLITS:
        table[split] = [None if one is None else _lists(one) for one in alignments[split].records]
    return table


def _lists(record: RetrievalRecord) -> dict[str, list[str] | list[float]]:
    return {
        "inter_images": list(record.lists.inter_images),
        "inter_scores": list(record.lists.inter_scores),
        "intra_images": list(record.lists.intra_images),
        "intra_scores": list(record.lists.intra_scores),
    }


def _neighbours(alignments: Iterable[Alignment]) -> set[str]:
    lists = [record.lists for one in alignments for record in one.records if record is not None]
    return {image for one in lists for image in (*one.inter_images, *one.intra_images)}


def _split(source: SourceFile) -> str:
    if source.split is None:
        raise ValueError(f"{source.path}: a corpus file must name its split")
    return source.split

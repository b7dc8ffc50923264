"""Prepare a data set of your own: three CoNLL files, and a folder of pictures and captions where it has them.

Types of entities are kept as they are written and make the label set; only ``OTHER`` is read as ``MISC``, as in
the public files. Pictures are copied into the data set's folder, so that what was read stays with it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mner.base.files import regular_file, sha256_of
from mner.config.own_dataset import FILES, SOURCE, OwnDataset
from mner.data.audit import Material, audit
from mner.data.audit_findings import Finding, finding
from mner.data.conll_forms import GOLD, TAGS, read_conll_file
from mner.data.conll_lines import without_suffix
from mner.data.corpus import SPLITS, CorpusError, Sentence
from mner.data.label_schemes import convert_tags
from mner.data.labels import TYPE_ALIASES, types_in
from mner.data.picture_files import Content, ImageScan, read_content, scan_images
from mner.data.prepare import write_audit, write_corpus, write_side
from mner.data.readers import LIST_LENGTH
from mner.data.user_file import LARGEST, UnreadableFileError, quoted, read_text

VERSION = "own"
"""Name of the dataset version in findings."""
_CAPTIONS = "captions: a JSON object of texts by image id, or lines '<image id><TAB><caption>'"


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """What the files of an entry hold.

    Attributes:
        splits: Sentences with tags by split.
        captions: Captions by image id, or None where the entry names no such file.
        notes: By split, what was converted and found while reading.
    """

    splits: Mapping[str, tuple[Sentence, ...]]
    captions: Mapping[str, str] | None
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def types(self) -> tuple[str, ...]:
        """The types of entities, in the order of the label set."""
        return types_in(one.tags or () for split in SPLITS for one in self.splits[split])


def read_own(entry: OwnDataset, root: Path) -> OwnFiles:
    """Read the files of an entry of ``datasets``.

    Args:
        entry: The files.
        root: What relative paths are relative to.

    Raises:
        FileNotFoundError: a file is not there.
        UnreadableFileError: a line cannot be read, or a file is not the one that the entry pins.
    """
    splits, notes = {}, {}
    for split in SPLITS:
        path = _pinned(entry, split, root)
        splits[split], notes[split] = _read_split(path, entry)
    captions = None if entry.captions is None else read_captions(_pinned(entry, "captions", root))
    return OwnFiles(splits, captions, notes)


def prepare_own(name: str, entry: OwnDataset, folder: Path, root: Path) -> list[str]:
    """Write ``corpus/``, ``gold/``, ``side/``, ``images/`` and ``audit/`` of a data set of your own.

    Args:
        name: The name of the data set.
        entry: Its files.
        folder: Where it is written, ``data/<name>``.
        root: What the entry's relative paths are relative to.

    Returns:
        What was read, a line each.

    Raises:
        FileNotFoundError: a file is not there.
        UnreadableFileError: a file cannot be read.
        ImageError: the folder of pictures is none.
    """
    read = read_own(entry, root)
    wanted = sorted({one.image for split in SPLITS for one in read.splits[split] if one.image})
    source = entry.file("images", root)
    scan = ImageScan(missing=wanted) if source is None else scan_images(source, wanted, {})
    pixels = {} if source is None else _copy_pictures(scan, source, folder)
    _remove_stale(folder, pixels)
    write_corpus(folder, read.splits)
    write_side(
        folder,
        captions={} if read.captions is None else {SOURCE: read.captions},
        objects={},
        retrieval={"k": LIST_LENGTH, **{split: [None] * len(read.splits[split]) for split in SPLITS}},
        invalid=sorted(scan.unreadable),
        pixels=pixels,
    )
    captions = {} if read.captions is None else {SOURCE: read.captions}
    images = None if source is None else scan
    material = Material(name, read.splits, captions=captions, images=images, version=VERSION)
    write_audit(folder, name, [*audit(material), *_findings(read, scan)])
    return list(_said(name, read, scan, source))


def read_captions(path: Path) -> dict[str, str]:
    """Read captions by image id; ids may carry the suffix of a picture file.

    Raises:
        FileNotFoundError: no such file.
        UnreadableFileError: neither a JSON object of texts nor lines of id, tab and caption.
    """
    text = read_text(path, _CAPTIONS)
    if text.lstrip().startswith("{"):
        try:
            table = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UnreadableFileError(path, None, _CAPTIONS, f"damaged JSON ({error})") from error
        odd = next((key for key, value in table.items() if not isinstance(value, str)), None)
        if odd is not None:
            raise UnreadableFileError(path, None, _CAPTIONS, f"no text under {quoted(odd)}")
        return {without_suffix(key): caption for key, caption in table.items()}
    captions = {}
    for number, line in enumerate(text.split("\n"), start=1):
        image, tab, caption = line.partition("\t")
        if not line.strip():
            continue
        if not tab or not image.strip():
            raise UnreadableFileError(path, number, _CAPTIONS, quoted(line))
        captions[without_suffix(image.strip())] = caption.strip()
    return captions


def with_hashes(entry: OwnDataset, root: Path) -> OwnDataset:
    """Pin every file of an entry by its SHA-256.

    Raises:
        FileNotFoundError: a file is not there.
        RefusedFileError: a file is no regular file, or too large.
    """
    paths = {name: entry.file(name, root) for name in FILES}
    hashes = {name: sha256_of(regular_file(path, LARGEST)) for name, path in paths.items() if path is not None}
    return replace(entry, sha256=hashes)


def _pinned(entry: OwnDataset, name: str, root: Path) -> Path:
    path = entry.file(name, root)
    assert path is not None
    expected = entry.sha256.get(name)
    if expected is not None and (found := sha256_of(regular_file(path, LARGEST))) != expected:
        raise UnreadableFileError(
            path, None, f"SHA-256 {expected}, as params.yaml pins it; `mner dataset add` pins it anew", found
        )
    return path


def _read_split(path: Path, entry: OwnDataset) -> tuple[tuple[Sentence, ...], tuple[str, ...]]:
    read = read_conll_file(path, entry.columns or None)
    named = [name for name in read.column_names if name in (TAGS, GOLD)]
    if len(read.column_names) != 1 or not named:
        found = f"columns {', '.join(read.column_names)}"
        expected = "one column of tags; name the columns, such as columns: [word, tags, fine]"
        raise UnreadableFileError(path, read.sentences[0].line, expected, found)
    converted = convert_tags(read, entry.scheme, named, own_names=True)
    sentences = []
    for one, tags in zip(read.sentences, converted.columns[named[0]], strict=True):
        try:
            sentences.append(Sentence(one.index, one.image, one.words, tuple(map(_public_name, tags))))
        except CorpusError as error:
            raise UnreadableFileError(path, one.line, "words with BIO tags", str(error)) from error
    return tuple(sentences), (*read.findings, *converted.notes)


def _public_name(tag: str) -> str:
    return f"{tag[:2]}{TYPE_ALIASES.get(tag[2:], tag[2:])}"


def _copy_pictures(scan: ImageScan, source: Path, folder: Path) -> dict[str, dict[str, str]]:
    """Copy every readable picture to ``images/<image id><suffix>``; one that changed meanwhile is left out."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    pixels = {}
    for image, entry in scan.pixels.items():
        file = f"images/{image}{Path(entry['file']).suffix.lower()}"
        if not ((folder / file).is_file() and sha256_of(folder / file) == entry["sha256"]):
            content = read_content(source / entry["file"], source)
            if not isinstance(content, Content) or content.sha256 != entry["sha256"]:
                scan.unreadable[image] = f"{entry['file']}: changed while it was read"
                continue
            (folder / file).write_bytes(content.bytes)
        pixels[image] = {"file": file, "sha256": entry["sha256"]}
    return pixels


def _remove_stale(folder: Path, pixels: Mapping[str, Mapping[str, str]]) -> None:
    images, kept = folder / "images", {entry["file"] for entry in pixels.values()}
    images.mkdir(parents=True, exist_ok=True)
    for path in images.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif f"images/{path.name}" not in kept:
            path.unlink()


def _findings(read: OwnFiles, scan: ImageScan) -> Iterator[Finding]:
    for split in SPLITS:
        sentences = read.splits[split]
        without = sum(not one.image for one in sentences)
        yield finding(f"{split}.images.none", "sentences without an image id", without)
        ids = [one.image for one in sentences if one.image]
        yield finding(f"{split}.images.repeated", "sentences that repeat an image id", len(ids) - len(set(ids)))
        for number, note in enumerate(read.notes.get(split, ()), start=1):
            yield finding(f"{split}.reading-{number}", note, 1)
    if scan.ignored:
        what = "files that are no pictures by their suffix (.jpg, .jpeg, .png, .webp, .gif)"
        yield finding("pixels.ignored", what, len(scan.ignored), images=sorted(scan.ignored))


def _said(name: str, read: OwnFiles, scan: ImageScan, source: Path | None) -> Iterator[str]:
    sizes = ", ".join(f"{split} {len(read.splits[split]):,}" for split in SPLITS)
    yield f"{name}: {sizes} sentences; types {', '.join(read.types)}"
    for split, notes in read.notes.items():
        yield from (f"{name} {split}: {note}" for note in notes)
    if source is None:
        yield f"{name}: no folder of pictures; rows that read pixels are skipped"
    else:
        yield f"{name}: {len(scan.pixels):,} pictures, {len(scan.missing):,} missing"
        yield from _first("not readable", [scan.unreadable[image] for image in sorted(scan.unreadable)])
        yield from _first("no picture by its suffix", scan.ignored)
    if read.captions is None:
        yield f"{name}: no captions; rows that read captions or regions made of them are skipped"


def _first(what: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        more = f" and {len(items) - 5} more" if len(items) > 5 else ""
        yield f"  {what}: {', '.join(items[:5])}{more}"

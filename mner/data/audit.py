"""Count a data set against what is documented of it; what is wrong becomes a finding, never an exception."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Protocol

from mner.config.schema import CANONICAL
from mner.data import audit_findings as documented
from mner.data.audit_findings import Finding, finding
from mner.data.corpus import SPLITS, Sentence
from mner.data.labels import TYPES, types_in
from mner.data.readers import Alignment
from mner.data.retrieval_audit import retrieval_findings
from mner.data.sentence_diff import compare

SHARED_CAPTION = 100
"""A caption that so many pictures share word for word is taken for the caption of a placeholder."""

Splits = Mapping[str, Sequence[Sentence]]
_Texts = dict[tuple[str, ...], list[Sentence]]


class Pixels(Protocol):
    """What a scan of a folder of pictures found."""

    @property
    def pixels(self) -> Mapping[str, object]:
        """The record of every usable picture, by image id."""

    @property
    def missing(self) -> Sequence[str]:
        """Ids without a file."""

    @property
    def unreadable(self) -> Mapping[str, str]:
        """Why a picture cannot be read, by image id."""

    @property
    def changed(self) -> Mapping[str, str]:
        """How a picture differs from its first arrival, by image id."""


@dataclass(frozen=True, slots=True)
class Material:
    """Everything at hand about one data set.

    ``splits`` is the dataset version ``version``, canonical by default; ``copies`` the other copies by name;
    ``captions`` and ``objects`` are by source and image id; ``alignments`` lay the retrieval records beside the
    canonical splits; ``images`` is None where no folder of pictures was given; ``words`` are further words on
    pictures and ``strength`` scores of their relation to the text, by name and image id.
    """

    dataset: str
    splits: Splits
    copies: Mapping[str, Splits] = field(default_factory=dict)
    captions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    objects: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    alignments: Mapping[str, Alignment] = field(default_factory=dict)
    images: Pixels | None = None
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    strength: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    version: str = CANONICAL


def audit(material: Material) -> list[Finding]:
    """All findings about ``material``, in a fixed order."""
    invalid = invalid_images(material.captions.get("blip2", {}), _image_ids(material.splits))
    findings = [
        *_sizes(material),
        *_repetitions(material),
        *_pictures(material, invalid),
        *_coverage(material),
        *_copies(material),
    ]
    if material.alignments:
        findings += retrieval_findings(material.dataset, material.splits, material.alignments)
    return findings


def orphans(tags: Sequence[str]) -> int:
    """Number of I- tags that follow neither a B- nor an I- of their own type."""
    before = ["O", *tags[:-1]]
    return sum(tag.startswith("I-") and last[2:] != tag[2:] for last, tag in zip(before, tags, strict=True))


def entities(sentences: Iterable[Sentence], types: Sequence[str] = TYPES) -> dict[str, int]:
    """Count B- tags by type."""
    counts = Counter(tag[2:] for one in sentences for tag in one.tags or () if tag.startswith("B-"))
    return {kind: counts[kind] for kind in types}


def invalid_images(captions: Mapping[str, str], corpus_images: Iterable[str]) -> tuple[str, ...]:
    """Corpus images that are no pictures of their tweets, as their shared caption betrays.

    Where a file could not be had, Twitter-2017's picture archive holds one placeholder, so that the captioner
    wrote the same sentence for all of them: the most frequent non-empty caption, if at least
    :data:`SHARED_CAPTION` images of the corpus share it, marks them.
    """
    shared = defaultdict(list)
    for image in dict.fromkeys(corpus_images):
        if captions.get(image):
            shared[captions[image]].append(image)
    largest = max(shared.values(), key=len, default=[])
    return tuple(largest) if len(largest) >= SHARED_CAPTION else ()


def _image_ids(splits: Splits) -> Iterator[str]:
    return (sentence.image for name in SPLITS for sentence in splits[name])


def _sizes(material: Material) -> Iterator[Finding]:
    everything = {material.version: material.splits, **material.copies}
    types = types_in(one.tags or () for split in SPLITS for one in material.splits[split])
    for copy, splits in everything.items():
        for split in SPLITS:
            sentences = splits[split]
            key = (copy, material.dataset, split)
            place = f"{split}.{copy}"
            yield finding(f"{place}.sentences", "sentences", len(sentences), documented.SENTENCES.get(key))
            by_type = entities(sentences, types)
            yield finding(f"{place}.entities", "B- tags", sum(by_type.values()), documented.ENTITIES.get(key))
            if copy == material.version:
                expected = documented.ENTITIES_BY_TYPE.get((material.dataset, split), {})
                for kind, count in by_type.items():
                    yield finding(f"{place}.entities.{kind}", f"B-{kind} tags", count, expected.get(kind))
            orphaned = [one.image for one in sentences if orphans(one.tags or ())]
            yield finding(
                f"{place}.orphans",
                "I- tags that continue no entity of their type",
                sum(orphans(one.tags or ()) for one in sentences),
                documented.ORPHANS.get(key),
                defect=True,
                images=orphaned if copy == material.version else (),
            )


def _repetitions(material: Material) -> Iterator[Finding]:
    texts = {split: _by_text(material.splits[split]) for split in SPLITS}
    for split in SPLITS:
        repeated = [group for group in texts[split].values() if len(group) > 1]
        yield finding(
            f"{split}.repeated",
            "texts that appear more than once in the split",
            len(repeated),
            defect=True,
            images=[one.image for group in repeated for one in group],
        )
    for left, right in combinations(SPLITS, 2):
        yield from _shared(material, left, right, texts[left], texts[right])


def _shared(material: Material, left: str, right: str, ours: _Texts, theirs: _Texts) -> Iterator[Finding]:
    """Texts, and pictures, that two splits have in common."""
    groups = [[*ours[text], *theirs[text]] for text in ours if text in theirs]
    contradicting = [group for group in groups if len({one.tags for one in group}) > 1]
    images = {one.image for one in material.splits[left]} & {one.image for one in material.splits[right]}
    found = f"{left}-{right}"
    yield finding(
        f"{found}.repeated",
        "texts that both splits hold word for word",
        len(groups),
        documented.REPEATED.get((material.dataset, left, right)),
        defect=True,
        images=[one.image for group in groups for one in group],
    )
    yield finding(
        f"{found}.contradicting",
        "of these, texts with different tags",
        len(contradicting),
        defect=True,
        images=[one.image for group in contradicting for one in group],
    )
    yield finding(
        f"{found}.images", "image ids that both splits use", len(images), defect=True, images=sorted(images)
    )


def _by_text(sentences: Iterable[Sentence]) -> _Texts:
    groups: _Texts = defaultdict(list)
    for sentence in sentences:
        groups[sentence.words].append(sentence)
    return groups


def _pictures(material: Material, invalid: Sequence[str]) -> Iterator[Finding]:
    marked = frozenset(invalid)
    if "blip2" in material.captions:
        expected = documented.INVALID.get(material.dataset, {})
        for split in SPLITS:
            images = [one.image for one in material.splits[split] if one.image in marked]
            yield finding(
                f"{split}.images.invalid",
                f"invalid pictures (one caption shared by {SHARED_CAPTION} or more)",
                len(images),
                expected.get(split),
                defect=True,
                images=images,
            )
    for split in SPLITS:
        blank = [one.image for one in material.splits[split] if any(not word.strip() for word in one.words)]
        yield finding(
            f"{split}.blank-words", "sentences with a word of blanks only", len(blank), defect=True, images=blank
        )
    if material.images is not None:
        scan = material.images
        yield finding("pixels.found", "pictures found in the folder", len(scan.pixels))
        yield finding(
            "pixels.missing", "pictures not in the folder", len(scan.missing), images=sorted(scan.missing)
        )
        for name, ids in (("unreadable", scan.unreadable), ("changed", scan.changed)):
            yield finding(
                f"pixels.{name}", f"{name} pictures, left out", len(ids), defect=True, images=sorted(ids)
            )


def _coverage(material: Material) -> Iterator[Finding]:
    for source, captions in material.captions.items():
        expected = documented.WITHOUT_CAPTION.get((material.dataset, source), {})
        yield from _absent(material, f"captions.{source}", "no caption at all", captions, expected)
        for split in SPLITS:
            empty = [one.image for one in material.splits[split] if captions.get(one.image) == ""]
            name = f"{split}.captions.{source}.empty"
            yield finding(name, "an empty caption", len(empty), defect=True, images=empty)
    for source, objects in material.objects.items():
        expected = documented.WITHOUT_OBJECTS.get(material.dataset, {})
        yield from _absent(material, f"objects.{source}", "no object labels", objects, expected)
        labels = documented.OBJECT_LABELS.get(material.dataset, {})
        found_nothing = sum(not names for names in objects.values())
        yield finding(f"objects.{source}.labelled", "labelled images", len(objects), labels.get("images"))
        yield finding(f"objects.{source}.empty", "of these, no object found", found_nothing, labels.get("empty"))
    for name, words in material.words.items():
        expected = documented.WITHOUT_WORDS.get((material.dataset, name), {})
        yield from _absent(material, f"words.{name}", f"no {name}", words, expected)
    for name, scores in material.strength.items():
        yield from _absent(material, f"strength.{name}", f"no {name} strength", scores, {})


def _absent(
    material: Material, name: str, what: str, table: Mapping[str, object], expected: Mapping[str, int]
) -> Iterator[Finding]:
    for split in SPLITS:
        images = [one.image for one in material.splits[split] if one.image not in table]
        yield finding(f"{split}.{name}.absent", what, len(images), expected.get(split), defect=True, images=images)


def _copies(material: Material) -> Iterator[Finding]:
    for copy, splits in material.copies.items():
        for split in SPLITS:
            outcome = compare(material.splits[split], splits[split])
            key = (copy, material.dataset, split)
            counted: tuple[tuple[str, str, Sequence[Sentence], Mapping[tuple[str, str, str], int]], ...] = (
                ("lost", "canonical sentences the copy lacks", outcome.only_left, documented.LOST),
                ("added", "sentences only the copy has", outcome.only_right, {}),
                (
                    "retagged",
                    "sentences with other tags than the canonical copy",
                    [one.left for one in outcome.differing if one.tags],
                    documented.RETAGGED,
                ),
                (
                    "reworded",
                    "sentences with other words than the canonical copy",
                    [one.left for one in outcome.differing if one.words],
                    documented.REWORDED,
                ),
            )
            for name, what, sentences, table in counted:
                yield finding(
                    f"{split}.{copy}.{name}",
                    what,
                    len(sentences),
                    table.get(key),
                    defect=True,
                    images=[one.image for one in sentences],
                )

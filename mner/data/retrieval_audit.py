"""What the released retrieval lists are made of: where neighbours come from, hubs, ties, own pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from mner.data.audit_findings import LOST, Finding, finding
from mner.data.corpus import SPLITS, Sentence
from mner.data.readers import Alignment, RetrievalRecord

USED = 5
"""Neighbours that R-GCN uses of the ten it released."""

_TOP_HUBS = 100
_KINDS = ("inter", "intra")


def retrieval_findings(
    dataset: str, splits: Mapping[str, Sequence[Sentence]], alignments: Mapping[str, Alignment]
) -> list[Finding]:
    """Findings on both lists of every split.

    Shares lie in [0, 1]. Origins and hubs count the first :data:`USED` neighbours, hubs over all three splits;
    the other findings are about whole lists.
    """
    home = {one.image: split for split in SPLITS for one in splits[split]}
    findings: list[Finding] = []
    for split in SPLITS:
        findings += _alignment(dataset, split, splits[split], alignments[split])
        records = [record for record in alignments[split].records if record is not None]
        for kind in _KINDS:
            findings += _lists(f"{split}.retrieval.{kind}", kind, records, home)
    everything = [record for split in SPLITS for record in alignments[split].records if record is not None]
    for kind in _KINDS:
        findings += _hubs(kind, everything)
    return findings


def _alignment(dataset: str, split: str, sentences: Sequence[Sentence], alignment: Alignment) -> Iterator[Finding]:
    lacking = [sentences[index].image for index in alignment.missing]
    yield finding(
        f"{split}.retrieval.absent",
        "sentences without retrieval lists",
        len(lacking),
        LOST.get(("rgcn", dataset, split)),
        defect=True,
        images=lacking,
    )
    differing = [sentences[index].image for index in alignment.differing]
    yield finding(
        f"{split}.retrieval.reworded",
        "lists given to a sentence by its image although a word differs",
        len(differing),
        defect=True,
        images=differing,
    )
    yield finding(
        f"{split}.retrieval.unknown",
        "records that belong to no canonical sentence",
        len(alignment.unknown),
        0,
        defect=True,
    )


def _images(record: RetrievalRecord, kind: str) -> tuple[str, ...]:
    return record.lists.inter_images if kind == "inter" else record.lists.intra_images


def _scores(record: RetrievalRecord, kind: str) -> tuple[float, ...]:
    return record.lists.inter_scores if kind == "inter" else record.lists.intra_scores


def _lists(name: str, kind: str, records: Sequence[RetrievalRecord], home: Mapping[str, str]) -> Iterator[Finding]:
    origins = Counter(home.get(image, "nowhere") for record in records for image in _images(record, kind)[:USED])
    total = max(1, sum(origins.values()))
    for place in (*SPLITS, "nowhere"):
        share = round(origins[place] / total, 4)
        yield finding(f"{name}.from-{place}", f"share of the first {USED} neighbours by split: {place}", share)
    own = [record.sentence.image for record in records if record.sentence.image in _images(record, kind)]
    yield finding(f"{name}.own", "lists that hold the tweet's own picture", len(own), 0, defect=True, images=own)
    twice = [one.sentence.image for one in records if len(set(_images(one, kind))) < len(_images(one, kind))]
    yield finding(f"{name}.twice", "lists that hold a picture twice", len(twice), 0, defect=True, images=twice)
    unsorted = [one.sentence.image for one in records if list(_scores(one, kind)) != _descending(one, kind)]
    yield finding(f"{name}.unsorted", "lists not sorted by score", len(unsorted), 0, defect=True, images=unsorted)
    used = [_scores(record, kind)[:USED] for record in records]
    whole = [_scores(record, kind) for record in records]
    lists = max(1, len(records))
    degenerate = {
        "tied": ("share of lists with a tie", sum(len(set(one)) < len(one) for one in whole)),
        "ones": (f"share of lists whose first {USED} scores are all 1", sum(set(one) == {1.0} for one in used)),
        "zeros": ("share of lists whose scores are all 0", sum(set(one) == {0.0} for one in whole)),
    }
    for what, (text, count) in degenerate.items():
        yield finding(f"{name}.{what}", text, round(count / lists, 4), defect=True)


def _descending(record: RetrievalRecord, kind: str) -> list[float]:
    return sorted(_scores(record, kind), reverse=True)


def _hubs(kind: str, records: Sequence[RetrievalRecord]) -> Iterator[Finding]:
    slots = Counter(image for record in records for image in _images(record, kind)[:USED])
    total = sum(slots.values())
    if not total:
        return
    top = slots.most_common(_TOP_HUBS)
    share = round(sum(count for _, count in top) / total, 4)
    first = round(top[0][1] / len(records), 4)
    name = f"retrieval.{kind}.hubs"
    yield finding(f"{name}.places", f"first {USED} places of all lists together", total)
    yield finding(f"{name}.distinct", "distinct pictures in these places", len(slots))
    yield finding(
        f"{name}.largest", "share of lists with the most frequent one", first, defect=True, images=[top[0][0]]
    )
    yield finding(f"{name}.share", f"share of places held by the {_TOP_HUBS} most frequent", share, defect=True)

"""Hold a run's record against the files beside it: one check for every command that believes a run.

A run lies in a folder as training left it (``test.own.jsonl`` and so on), or as kept results hold it
(``tags.json.xz``). Both are checked alike.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from mner.base.files import cached_sha256_of, reading, sha256_of, sha256_of_text
from mner.data.corpus import CorpusError, sentences_at, tags_of_text
from mner.data.spans import sentence_counts
from mner.data.tag_codes import OUTSIDE_CODE, EncodedTags, TagError, encode, encode_lines
from mner.tracking.identity import identity_of_record
from mner.tracking.meter_checks import implausible
from mner.tracking.record import CONTENT, Record

CURVE = "curve.csv"
WEIGHTS = "weights.safetensors"
TAGS = "tags.json.xz"
SAME_F1 = 1e-6
"""Percent by which dev F1 may differ: the curve holds ten digits."""
GOLD_IS_LIKELY_FROM = 95.0
"""Dev F1 in percent from which a test split without an error is believed; planted data is as easy as that."""
NEARLY_GOLD = 0.01
"""Wrong words a word of a gold entity, up to which tags count as the gold ones; kept runs have 0.28 and more."""


class EvidenceError(ValueError):
    """A run whose files contradict its record.

    Attributes:
        path: the file that contradicts.
        field: the record's field that it contradicts.
    """

    def __init__(
        self, path: Path, field: str, why: str, remedy: str = "or delete the run's folder and train it again"
    ) -> None:
        self.path, self.field = path, field
        super().__init__(f"{path}: {why}; restore the file, {remedy}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the check of one run found.

    Attributes:
        record: the run's record.
        sealed: whether the record holds a digest of itself and of the files beside it. Older ones do not.
        not_recomputed: why dev F1 was not recomputed from the dev tags; None where it was.
    """

    record: Record
    sealed: bool
    not_recomputed: str | None


def check_evidence(folder: Path, data: Path | None = None) -> Evidence:
    """Check a run's record against its digest, tags, curve and meters, and recompute its dev F1.

    Args:
        folder: of the run, or of the kept run.
        data: the folder that holds ``<dataset>/corpus/dev.jsonl``. Dev F1 is recomputed if that file is the one
            the run read.

    Returns:
        The record, and what could not be checked.

    Raises:
        RecordError: the record contradicts itself.
        EvidenceError: a file contradicts the record, or a meter is impossible.
    """
    record = Record.read(folder / "record.json")
    sealed = _check_seal(folder, record)
    not_recomputed: str | None = "the run was skipped"
    if record.status == "finished":
        tags = predicted_tags(folder, record)
        _check_curve(folder, record)
        not_recomputed = _check_dev_f1(folder, record, tags, data)
        _check_key(folder, record)
    if problem := implausible(record):
        raise EvidenceError(folder / "record.json", *problem)
    return Evidence(record, sealed, not_recomputed)


def files_beside(folder: Path) -> dict[str, str]:
    """SHA-256 of the curve and, where they were kept, of the weights."""
    return {name: sha256_of(folder / name) for name in (CURVE, WEIGHTS) if (folder / name).is_file()}


def predicted_tags(folder: Path, record: Record) -> Mapping[str, str]:
    """Read all predicted tags of a run, by name, as the text of their files.

    Raises:
        EvidenceError: a file is missing, is not in the record, or is another than the record states.
    """
    packed = folder / TAGS
    if packed.is_file():
        with reading(packed):
            tags: dict[str, str] = json.loads(lzma.decompress(packed.read_bytes()))
    else:
        tags = {}
        for path in sorted(folder.glob("*.jsonl")):
            with reading(path):
                tags[path.stem] = path.read_text(encoding="utf-8")
    for name in sorted(tags.keys() | record.predictions.keys()):
        path = packed if packed.is_file() else folder / f"{name}.jsonl"
        if name not in tags:
            raise EvidenceError(path, "predictions", f"the tags {name} are missing")
        if name not in record.predictions:
            raise EvidenceError(path, "predictions", f"the record does not list the tags {name}")
        if sha256_of_text(tags[name]) != record.predictions[name]:
            raise EvidenceError(
                path, "predictions", f"the tags {name} do not have the hash that the record states"
            )
    return tags


def _check_seal(folder: Path, record: Record) -> bool:
    if record.evidence is None:
        return False
    if record.evidence.get(CONTENT) != record.content_digest():
        raise EvidenceError(folder / "record.json", "evidence", "the record was changed after the run")
    for name, digest in record.evidence.items():
        path = folder / name
        if name == CONTENT or (name == WEIGHTS and not path.is_file()):  # weights stay behind
            continue
        if not path.is_file() or sha256_of(path) != digest:
            raise EvidenceError(path, "evidence", "missing, or not the file that the record states")
    return True


def _check_key(folder: Path, record: Record) -> None:
    """Compare the key with what the record says the run was: a sealed record may state any version or data."""
    if record.evidence is not None and identity_of_record(record).key != record.key:
        why = "the key is not that of the data, versions and parameters that the record states"
        raise EvidenceError(folder / "record.json", "key", why)


def _check_curve(folder: Path, record: Record) -> None:
    """Compare the curve with ``dev_f1``, and ``best_epoch`` with both."""
    best = max(range(len(record.dev_f1)), key=record.dev_f1.__getitem__, default=None)
    if record.best_epoch is not None and best != record.best_epoch:
        raise EvidenceError(
            folder / "record.json",
            "best_epoch",
            f"epoch {record.best_epoch} is not the first of the highest dev F1",
        )
    path = folder / CURVE
    if not path.is_file():
        return
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    if "dev_f1" not in header.split(","):
        raise EvidenceError(path, "dev_f1", "the curve has no column dev_f1")
    column = header.split(",").index("dev_f1")
    curve = [row.split(",")[column] for row in rows]
    if curve != [f"{value:.10g}" for value in record.dev_f1]:
        raise EvidenceError(path, "dev_f1", "the curve does not show the dev F1 that the record states")


def _check_dev_f1(folder: Path, record: Record, tags: Mapping[str, str], data: Path | None) -> str | None:
    """Recompute dev F1 of the chosen epoch; returns why that was not possible, or None."""
    name = f"data/{record.dataset}/corpus/dev.jsonl"
    gold = None if data is None else data / record.dataset / "corpus" / "dev.jsonl"
    views = [f"dev.{view}" for view in record.recipe.get("select", ("own",))]
    if gold is None or not gold.is_file():
        return "the data is not here"
    if cached_sha256_of(gold) != record.inputs.get(name):
        return "the data here is not what the run read"
    if record.best_dev_f1 is None or not set(views) <= set(tags):
        return "the run kept no dev tags"
    wanted = gold_tags(gold)
    batch = record.recipe.get("dev_batch")
    found = float(np.mean([_f1_of(folder, wanted, view, tags[view], batch) for view in views]))
    if abs(found - record.best_dev_f1) > SAME_F1:
        raise EvidenceError(
            folder / "record.json",
            "dev_f1",
            f"states dev F1 {record.best_dev_f1:.2f}, but its own dev tags score {found:.2f}",
        )
    _check_test_tags(folder, record, tags, data)
    return None


def _check_test_tags(folder: Path, record: Record, tags: Mapping[str, str], data: Path | None) -> None:
    """Refuse test tags that are nearly the gold, where dev F1 says that the model cannot be that good."""
    gold = None if data is None else data / record.dataset / "gold" / "test.jsonl"
    best = record.best_dev_f1
    if gold is None or not gold.is_file() or best is None or best >= GOLD_IS_LIKELY_FROM:
        return
    wanted = gold_tags(gold)
    most = NEARLY_GOLD * np.count_nonzero(wanted.codes != OUTSIDE_CODE)
    for name in (name for name in tags if name.startswith("test.")):
        found = encoded(folder, name, tags[name])
        if np.array_equal(wanted.lengths, found.lengths) and (wanted.codes != found.codes).sum() <= most:
            why = f"the tags {name} are nearly the gold tags, but the dev tags score {best:.2f}"
            raise EvidenceError(folder, "predictions", why)


def _f1_of(folder: Path, gold: EncodedTags, name: str, text: str, batch: int | None) -> float:
    """F1 in percent by conlleval's rule, which is seqeval's default, counted over arrays; 0 where nothing is.

    With ``batch`` it is the mean over whole batches, as ``mner.tracking.dev_score.mean_dev_f1`` has it.
    """
    found = encoded(folder, name, text)
    if not np.array_equal(found.lengths, gold.lengths):
        raise EvidenceError(folder, "predictions", f"the tags {name} are not one a word of the dev split")
    counts = sentence_counts(gold, found)
    size = max(1, len(counts)) if batch is None or batch > len(counts) else batch
    whole = counts[: len(counts) - len(counts) % size].reshape(-1, size, 3).sum(axis=1).tolist()
    found_f1 = [200.0 * right / (named + wanted) if right else 0.0 for right, named, wanted in whole]
    return float(np.mean(found_f1)) if found_f1 else 0.0


def encoded(folder: Path, name: str, text: str) -> EncodedTags:
    """Read the predicted tags ``name`` of a run from the text of their file.

    Raises:
        EvidenceError: they are no tags.
    """
    try:
        return _encoded_lines(text) or encode(tags_of_text(text, folder / f"{name}.jsonl"))
    except (CorpusError, TagError) as error:
        raise EvidenceError(folder, "predictions", f"the tags {name} cannot be read ({error})") from error


_encoded_lines = lru_cache(maxsize=8)(encode_lines)
"""The tags of a run are read for several checks, one after the other."""


def gold_tags(path: Path) -> EncodedTags:
    """Read the tags of a split; encoded once as long as the file does not change."""
    return _gold_tags(path, cached_sha256_of(path))


@lru_cache(maxsize=16)
def _gold_tags(path: Path, digest: str) -> EncodedTags:
    """The tags of a split, encoded once in a process as long as the file has this digest."""
    return encode([sentence.tags or () for sentence in sentences_at(path, digest)])

"""Hash what scoring reads, and compare it with what records and committed scores say was read.

Gold decides every number and no run reads it, so no run's key holds it. Scores say its hash instead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from mner.base.files import cached_sha256_of, sha256_of
from mner.data.corpus import Sentence, read_sentences
from mner.data.sources import ANNOTATIONS, annotation_file
from mner.evaluation.averages import ScoringError

GOLD = "gold/test.jsonl"
BLIND = "corpus/test.blind.jsonl"
FILES = (GOLD, "corpus/train.jsonl", "corpus/dev.jsonl", BLIND, "side/retrieval.json")


class ChangedInputError(ScoringError):
    """A file that scoring reads is not the one that a record or committed scores were made with.

    Attributes:
        path: the file, as ``data/<data set>/...``.
        expected: its SHA-256 then.
        found: its SHA-256 now.
    """

    def __init__(self, path: str, expected: str, found: str, said_by: str) -> None:
        self.path, self.expected, self.found = path, expected, found
        super().__init__(
            f"{path} has SHA-256 {found[:12]}, but {said_by} says {expected[:12]}; nothing was scored. Restore it "
            "(`dvc checkout`, or delete it and `dvc repro`); if the change is meant, train again or, for gold, "
            "`mner score --from-reference --accept`"
        )


class ForeignGoldError(ScoringError):
    """Gold holds another sentence than the blind test split that runs read; ``index`` is the first such one."""

    def __init__(self, dataset: str, index: int) -> None:
        self.dataset, self.index = dataset, index
        super().__init__(
            f"data/{dataset}/{GOLD}: sentence {index} is not that of {BLIND}; run `dvc repro data@{dataset}`"
        )


def hashes_of_inputs(data: Path, datasets: Iterable[str]) -> dict[str, str]:
    """Hash every file that scoring reads of these data sets.

    Returns:
        SHA-256 by ``data/<data set>/<file>``, wherever ``data`` lies; files that are not there are left out.
    """
    found: dict[str, str] = {}
    for dataset in datasets:
        folder = data / dataset
        paths = [*(folder / name for name in FILES), *(annotation_file(folder, n) for n in ANNOTATIONS.values())]
        found |= {
            f"data/{dataset}/{path.relative_to(folder).as_posix()}": sha256_of(path)
            for path in sorted(paths)
            if path.is_file()
        }
    return found


def committed_pins(
    pinned: Mapping[str, str], found: Mapping[str, str], datasets: Iterable[str], in_records: Collection[str]
) -> dict[str, str]:
    """Select the hashes of committed scores that the files here must have.

    They stand for what no record names, such as gold. A data set whose test sentences are others (a generated
    corpus of another size) is another version: its committed hashes say nothing of the files here.

    Args:
        pinned: SHA-256 by file, as the committed scores say.
        found: SHA-256 by file, as it is here.
        datasets: Those that runs were trained on.
        in_records: Files whose hash a run's record holds; the record decides.

    Returns:
        SHA-256 by file, to be given to :func:`check_inputs`.
    """
    same = {name for name in datasets if pinned.get(f"data/{name}/{BLIND}") == found.get(f"data/{name}/{BLIND}")}
    return {
        path: digest for path, digest in pinned.items() if path.split("/")[1] in same and path not in in_records
    }


def check_inputs(found: Mapping[str, str], expected: Mapping[str, str], said_by: str) -> None:
    """Compare hashes of the files that both sides name.

    Raises:
        ChangedInputError: the first file that differs.
    """
    for path in sorted(found.keys() & expected.keys()):
        if found[path] != expected[path]:
            raise ChangedInputError(path, expected[path], found[path], said_by)


def other_gold(inputs: Mapping[str, str] | None, dataset: str | None = None) -> list[str]:
    """Name the files of gold, of all data sets or of one, that are here and not those whose hashes scores hold."""
    gold = {path: digest for path, digest in (inputs or {}).items() if path.endswith(f"/{GOLD}")}
    asked = [path for path in gold if dataset is None or path == f"data/{dataset}/{GOLD}"]
    return [path for path in asked if Path(path).is_file() and cached_sha256_of(Path(path)) != gold[path]]


def check_gold(data: Path, dataset: str, gold: Sequence[Sentence]) -> None:
    """Compare gold, its tags apart, with the blind test split, whose hash is in every record.

    Raises:
        ForeignGoldError: a sentence has other words or another picture, or one side has more sentences.
    """
    path = data / dataset / BLIND
    if not path.is_file():
        return
    blind = read_sentences(path)
    for index, (one, other) in enumerate(zip(gold, blind, strict=False)):
        if (one.words, one.image) != (other.words, other.image):
            raise ForeignGoldError(dataset, index)
    if len(gold) != len(blind):
        raise ForeignGoldError(dataset, min(len(gold), len(blind)))

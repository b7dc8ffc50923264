"""Runs here compared with the committed runs of their places, tag by tag: how far one repeats on another machine.

A key promises the same experiment, not the same last digits: another processor sums in another order, and training
carries the difference on. What that is worth is counted here, next to what another seed is worth.
"""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mner.base.files import sha256_of
from mner.base.terminal import aligned, aligned_with_notes
from mner.data.corpus import tags_of_text
from mner.data.tag_codes import CODES, EncodedTags, encode, encode_lines
from mner.evaluation.kept_results import committed_record, kept_tags
from mner.evaluation.score_results import ScoreResults
from mner.tracking.identity import differences, identity_of_record
from mner.tracking.record import Record
from mner.tracking.run_places import run_folder

VIEW = "test.own"
NAMED_FILES = 2
Tags = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A run here and the committed one of the same data set, system and seed.

    ``otherwise`` of ``words`` test words are tagged otherwise (both None where the two predict other sentences).
    ``points`` is F1 here minus F1 committed. ``making`` names the kinds of what differs (``identity.KINDS``),
    ``files`` the inputs whose content does. ``here`` and ``there`` are the machines.
    """

    dataset: str
    system: str
    seed: int
    words: int | None
    otherwise: int | None
    points: float
    making: tuple[str, ...]
    files: tuple[str, ...]
    here: str
    there: str

    @property
    def share(self) -> float | None:
        """Words tagged otherwise, in percent."""
        return None if self.otherwise is None or not self.words else 100 * self.otherwise / self.words

    @property
    def differences(self) -> tuple[str, ...]:
        """What of the two records differs, in words: ``version``, ``inputs``, ``machine``."""
        files, machine = ("inputs",) if self.files else (), ("machine",) if self.here != self.there else ()
        return (*self.making, *files, *machine)


@dataclass(frozen=True, slots=True)
class Repetition:
    """All runs that can be compared, and how far two seeds of a cell here lie apart (percent of words)."""

    repeats: tuple[Repeat, ...]
    between_seeds: float | None

    def render(self) -> str:
        """A few aligned lines for a terminal; nothing where there is nothing to compare."""
        if not self.repeats:
            return ""
        lines = aligned_with_notes(list(self._facts()), "  ")
        return (
            "\n".join(["runs here compared with the committed runs of their places (test, own picture):", *lines])
            + "\n"
        )

    def table(self) -> str:
        """One line a run."""
        header = ("data set", "system", "seed", "otherwise", "of words", "", "F1", "differs in")
        rows = [
            (
                one.dataset,
                one.system,
                str(one.seed),
                "-" if one.otherwise is None else str(one.otherwise),
                "-" if one.words is None else str(one.words),
                "-" if one.share is None else f"{one.share:.2f} %",
                f"{one.points:+.2f}",
                ", ".join(one.differences) or "nothing recorded",
            )
            for one in self.repeats
        ]
        return "\n".join(aligned([header, *rows], numbers=(2, 3, 4, 5, 6), header=True)) + "\n"

    def _facts(self) -> Iterator[tuple[str, str]]:
        shares = [one.share for one in self.repeats if one.share is not None]
        yield "tags", f"{shares.count(0.0)} of {len(self.repeats)} runs are the same, tag for tag"
        if others := [share for share in shares if share]:
            median = f", median {statistics.median(others):.2f} %" if len(others) > 1 else ""
            yield "", f"{_range(others)} of words are tagged otherwise in the others{median}"
        if len(shares) < len(self.repeats):
            yield "", f"{len(self.repeats) - len(shares)} predict other sentences than the committed ones"
        if self.between_seeds is not None:
            yield "seeds", f"two seeds of a cell here differ in {self.between_seeds:.2f} % of words in the mean"
        points = [one.points for one in self.repeats]
        yield "F1", f"{statistics.fmean(points):+.2f} in the mean, at most {max(map(abs, points)):.2f} for one run"
        yield "here", "; ".join(sorted({one.here for one in self.repeats}))
        yield "committed", "; ".join(sorted({one.there for one in self.repeats}))
        counts = Counter(name for one in self.repeats for name in one.differences if name != "machine")
        files = sorted({file for one in self.repeats for file in one.files})
        more = f" and {len(files) - NAMED_FILES} more" if len(files) > NAMED_FILES else ""
        for name, count in counts.items():
            named = f": {', '.join(files[:NAMED_FILES])}{more}" if name == "inputs" else ""
            yield "other", f"{name}, {count} of {len(self.repeats)} runs{named}"


def repetition_of(scores: ScoreResults, reference: ScoreResults | None) -> Repetition:
    """Compare the runs that ``scores`` were made of with those ``reference`` (committed scores) was made of.

    Left out are runs that are not here, that are not the ones that were scored, that were not committed, or that
    are the committed ones themselves.

    Raises:
        NoResultsError: a committed run without its tags.
    """
    f1, f1_committed = _f1_by_run(scores), {} if reference is None else _f1_by_run(reference)
    scored = {(run.dataset, run.system, run.seed): run.record_sha256 for run in scores.runs}
    repeats, apart = [], _Disagreement()
    for place in f1:
        here = run_folder(Path(), scores.profile, *place) / "record.json"
        there = committed_record(scores.profile, *place)
        if not here.is_file() or sha256_of(here) != scored[place]:
            continue
        path = here.with_name(f"{VIEW}.jsonl")
        text = path.read_text(encoding="utf-8")
        apart.add(place[:2], encode_lines(text) or tags_of_text(text, path))
        if place in f1_committed and there.is_file() and here.read_bytes() != there.read_bytes():
            points = f1[place] - f1_committed[place]
            tags = tags_of_text(text, path)
            repeats.append(_repeat(Record.read(here), Record.read(there), tags, there, points))
    return Repetition(tuple(repeats), apart.mean())


def words_otherwise(one: Tags, other: Tags) -> tuple[int, int] | None:
    """How many words, and how many of them are tagged otherwise; None where these are not the same sentences."""
    if [len(tags) for tags in one] != [len(tags) for tags in other]:
        return None
    pairs = [pair for tags, others in zip(one, other, strict=True) for pair in zip(tags, others, strict=True)]
    return len(pairs), sum(tag != counterpart for tag, counterpart in pairs)


def _repeat(here: Record, there: Record, tags: Tags, committed: Path, points: float) -> Repeat:
    lines = kept_tags(committed)[VIEW].splitlines()
    counted = words_otherwise(tags, [json.loads(line) for line in lines])
    found = differences(identity_of_record(here), identity_of_record(there))
    files = tuple(one.name for one in found if one.kind == "file")
    making = tuple(dict.fromkeys(one.kind for one in found if one.kind != "file"))
    if here.data_copy != there.data_copy:
        making = (*making, "data copy")
    words, otherwise = counted or (None, None)
    place = here.dataset, here.system, here.seed
    return Repeat(*place, words, otherwise, points, making, files, _machine(here), _machine(there))


def _machine(record: Record) -> str:
    """Device, precision and torch, as far as the record says them."""
    held = record.environment
    device = (record.throughput or {}).get("device") or held.get("gpu") or held.get("cpu") or "unknown device"
    torch = f"torch {held['torch']}" if held.get("torch") else None
    return ", ".join(part for part in (device, held.get("precision"), torch) if part)


def _f1_by_run(scores: ScoreResults) -> dict[tuple[str, str, int], float]:
    f1_by_cell = {place: cell.own_f1 for place, cell in scores.finished_cells.items()}
    return {
        (*place, seed): value
        for place, f1 in f1_by_cell.items()
        for seed, value in zip(f1.seeds, f1.values, strict=True)
    }


class _Disagreement:
    """How far runs of one cell lie apart, added up run by run: time and memory do not grow with pairs of runs.

    Of n runs that tag the same words, the pairs that disagree on a word are all pairs less those that agree on it,
    so it is enough to count, word by word, the runs that give each tag.
    """

    def __init__(self) -> None:
        # By the lengths of the sentences: counts (words, tags) of runs that predict these sentences.
        self._counts: dict[tuple[tuple[str, str], bytes], np.ndarray] = {}

    def add(self, cell: tuple[str, str], tags: Tags | EncodedTags) -> None:
        """Count one run's tags."""
        encoded = encode(tags)
        place = cell, encoded.lengths.tobytes()
        counts = self._counts.get(place, np.zeros((len(encoded.codes), CODES), dtype=np.int32))
        wider = max(0, int(encoded.codes.max(initial=0)) + 1 - counts.shape[1])
        counts = self._counts[place] = np.pad(counts, ((0, 0), (0, wider)))
        counts[np.arange(len(encoded.codes)), encoded.codes] += 1

    def mean(self) -> float | None:
        """Mean over pairs of runs of one cell, in percent of words; None where no cell has two runs."""
        total, pairs = 0.0, 0
        for counts in self._counts.values():
            words = len(counts)
            runs = int(counts[0].sum()) if words else 0
            of_cell = runs * (runs - 1) // 2
            wide = counts.astype(np.int64)
            agreeing = int((wide * (wide - 1) // 2).sum())
            if of_cell and words:
                total += 100 * (of_cell * words - agreeing) / words
                pairs += of_cell
        return total / pairs if pairs else None


def _range(shares: Sequence[float]) -> str:
    low, high = f"{min(shares):.2f}", f"{max(shares):.2f}"
    return f"{low} %" if low == high else f"{low} to {high} %"

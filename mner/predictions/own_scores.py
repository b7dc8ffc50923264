"""Score a user's predictions by every scorer, on every dataset version, per type; a file is a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mner.data.alignment import Alignment, align
from mner.data.conll_forms import GOLD, PREDICTED, TAGS, ReadFile
from mner.data.corpus import TYPES
from mner.data.json_forms import read_user_file
from mner.data.label_schemes import Converted, convert_tags
from mner.data.tag_codes import EncodedTags, TagError, encode
from mner.data.user_file import UnreadableFileError
from mner.evaluation.rescoring import ALL_SCORERS
from mner.predictions.bert_subwords import PACKAGE, subword_counts
from mner.predictions.seqeval_scores import Rates, ScorerResult, TagRows, seqeval_conlleval, seqeval_strict
from mner.predictions.split_versions import GoldSplit

OWN_GOLD = "file"
"""Name of the version that is the file's own gold column."""

BY_SEQEVAL = {"conlleval": seqeval_conlleval, "strict": seqeval_strict}
ByScorer = Mapping[str, ScorerResult | str]
"""Results by scorer; a text says why a scorer was left out."""


@dataclass(frozen=True, slots=True)
class OwnRun:
    """One file of predictions: what was read, and its tags laid beside a split.

    Attributes:
        read: The file.
        notes: What was converted and found.
        predicted: Predicted tags by sentence of the file.
        gold: The file's gold column, or None.
        alignment: Where its sentences stand in the split; None where it is scored against its own gold.
    """

    read: ReadFile
    notes: tuple[str, ...]
    predicted: tuple[tuple[str, ...], ...]
    gold: tuple[tuple[str, ...], ...] | None
    alignment: Alignment | None

    def covered(self) -> list[tuple[int, int]]:
        """(sentence of the split, sentence of the file) of all that is aligned, in the split's order."""
        places = self.alignment.places if self.alignment else ()
        return sorted((place, index) for index, place in enumerate(places) if place is not None)


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """The scores of one file.

    Attributes:
        run: The file.
        primary: Name of the version behind ``scores``: the canonical one, or :data:`OWN_GOLD`.
        scores: By scorer, against the primary version.
        versions: By version and scorer; the primary one included.
        sentences: Sentences scored, by version.
        gold_agrees: By version, sentences whose gold column has the version's tags; empty without a gold column.
    """

    run: OwnRun
    primary: str
    scores: ByScorer
    versions: Mapping[str, ByScorer]
    sentences: Mapping[str, int]
    gold_agrees: Mapping[str, int] = field(default_factory=dict)

    @property
    def gold_version(self) -> str | None:
        """The version whose tags the gold column has everywhere; None without one."""
        covered = len(self.run.covered())
        exact = [name for name, count in self.gold_agrees.items() if count == covered and covered]
        return exact[0] if exact else None


def read_run(
    path: Path, split: GoldSplit | None, *, scheme: str | None = None, columns: Sequence[str] | None = None
) -> OwnRun:
    """Read a file of predictions and lay it beside ``split``; None scores it against its own gold column.

    A file that shares no sentence with the split is scored against its own gold column, if it has one.

    Raises:
        FileNotFoundError: no such file.
        UnreadableFileError: it cannot be read, or holds neither a sentence of the split nor gold.
    """
    read = read_user_file(path, columns)
    converted = convert_tags(read, scheme)
    predicted = converted.columns.get(PREDICTED, converted.columns.get(TAGS))
    if predicted is None:
        raise UnreadableFileError(path, None, "a column of predictions", f"only {', '.join(converted.columns)}")
    gold = converted.columns.get(GOLD)
    if gold is not None:
        _refuse_levels(read, converted)
    notes = (*read.findings, *converted.notes)
    alignment = None if split is None else _aligned(read, split, gold is not None)
    if alignment is None and gold is None:
        known = (
            "no test sentences are at hand" if split is None else f"no sentence of {split.dataset}'s test split"
        )
        raise UnreadableFileError(
            path, None, "a gold column (word, gold, predicted), or sentences of the split", known
        )
    return OwnRun(read, notes, predicted, gold, alignment)


def _aligned(read: ReadFile, split: GoldSplit, has_gold: bool) -> Alignment | None:
    try:
        found = align(read, split.sentences)
    except UnreadableFileError:
        if has_gold:
            return None
        raise
    return found if found.covered else None


def _refuse_levels(read: ReadFile, converted: Converted) -> None:
    """Refuse two columns that hold two levels of labels and no predictions."""
    kinds = [
        {tag[2:] for row in converted.columns[name] for tag in row if tag[1:2] == "-"}
        for name in (GOLD, PREDICTED)
    ]
    shapes = [[tag[:1] for row in converted.columns[name] for tag in row] for name in (GOLD, PREDICTED)]
    if all(kinds) and not (kinds[0] & kinds[1]) and shapes[0] == shapes[1] and kinds[1] - set(TYPES):
        raise UnreadableFileError(
            read.path,
            read.sentences[0].line,
            "gold and predicted tags of one label set; --columns word,gold,fine,predicted names the columns",
            "two levels of labels in columns 2 and 3 (no type in common, entities at the same words)",
        )


def score_run_file(run: OwnRun, split: GoldSplit | None) -> ScoredRun:
    """All scores of a file that has been read."""
    if run.alignment is None or split is None:
        gold = run.gold or ()
        words = [one.words or ("",) * one.length for one in run.read.sentences]
        with_words = any(one.words for one in run.read.sentences)
        scores = _scores(gold, run.predicted, words if with_words else None)
        return ScoredRun(run, OWN_GOLD, scores, {OWN_GOLD: scores}, {OWN_GOLD: len(gold)})
    pairs = run.covered()
    words = [split.sentences[place].words for place, _ in pairs]
    counts = subword_counts(words)
    versions: dict[str, ByScorer] = {}
    sentences: dict[str, int] = {}
    agrees: dict[str, int] = {}
    primary = split.versions[0].name
    for version in split.versions:
        held = [(place, index) for place, index in pairs if version.tags[place] is not None]
        rows = [version.tags[place] or () for place, _ in held]
        predicted = [run.predicted[index] for _, index in held]
        kept = {place for place, _ in held}
        numbers = None
        if counts is not None:
            numbers = [row for row, (place, _) in zip(counts, pairs, strict=True) if place in kept]
        versions[version.name] = _scores(rows, predicted, None, numbers)
        sentences[version.name] = len(held)
        if run.gold is not None:
            agrees[version.name] = sum(version.tags[place] == run.gold[index] for place, index in held)
    if run.gold is not None and not any(count == len(pairs) for count in agrees.values()):
        column = [run.gold[index] for _, index in pairs]
        versions[OWN_GOLD] = _scores(column, [run.predicted[index] for _, index in pairs], None, counts)
        sentences[OWN_GOLD] = len(pairs)
    return ScoredRun(run, primary, versions[primary], versions, sentences, agrees)


def _scores(
    gold: TagRows,
    predicted: TagRows,
    words: Sequence[Sequence[str]] | None,
    numbers: list[list[int]] | None = None,
) -> ByScorer:
    """Every scorer, conlleval and strict by seqeval itself; ``words`` are counted where ``numbers`` are absent."""
    if numbers is None and words is not None:
        numbers = subword_counts(words)
    encoded = encode(gold), encode(predicted)
    return {
        name: BY_SEQEVAL[name](gold, predicted) if name in BY_SEQEVAL else _under(name, *encoded, numbers)
        for name in ALL_SCORERS
    }


def _under(
    name: str, gold: EncodedTags, predicted: EncodedTags, numbers: list[list[int]] | None
) -> ScorerResult | str:
    if numbers is None and name.startswith("rgcn"):
        return (
            "left out: it counts subwords of BERT's uncased vocabulary, which takes the file's words and the "
            f"installed package {PACKAGE}"
        )
    try:
        scores = ALL_SCORERS[name].score(gold, predicted, numbers)
    except TagError as error:
        return f"left out: {error}"
    return ScorerResult(
        Rates(100 * scores.precision, 100 * scores.recall, 100 * scores.f1),
        {kind: Rates(*(100 * value for value in row)) for kind, row in scores.per_type.items()},
    )

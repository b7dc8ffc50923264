"""What the controls hold and what a tagger can reach on them, counted and reasoned from the planted truth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mner.data.audit_findings import Finding, finding
from mner.data.controls.scenes import listed_types, shown_type
from mner.data.controls.sentences import Example
from mner.data.corpus import TYPES


def best_expected_f1(known: int, unknown: int) -> float:
    """Highest expected micro F1 (0-100) of a tagger that knows every span, and the type of ``known`` of them.

    The type of each of the ``unknown`` is uniform over four types given all the tagger sees. Predicting k of
    them finds k/4 in expectation, so F1 = 2 (known + k/4) / (2 known + unknown + k): a ratio of two linear
    functions of k, hence monotone, hence best at k = 0 (leave them out) or k = unknown (guess them all).
    """
    left_out = 100 * 2 * known / (2 * known + unknown)
    return max(left_out, guessing_f1(known, unknown))


def guessing_f1(known: int, unknown: int) -> float:
    """Expected micro F1 (0-100) of the same tagger if it always names a type, as taggers trained on tags do."""
    return 100 * (known + unknown / len(TYPES)) / (known + unknown)


def mutual_information(pairs: Sequence[tuple[str | None, str | None]]) -> float:
    """Plug-in mutual information of two discrete variables in bits; on independent ones it is slightly above 0.

    The bias is about (a - 1) (b - 1) / (2 n ln 2) bits for n pairs of variables with a and b values.
    """
    total = len(pairs)
    left, right = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    return sum(
        count / total * math.log2(count * total / (left[one] * right[other]))
        for (one, other), count in Counter(pairs).items()
    )


def audit_controls(
    splits: Mapping[str, Sequence[Example]],
    captions: Mapping[str, str],
    lists: Mapping[str, Sequence[Mapping[str, Any] | None]],
    names: Sequence[str],
    *,
    informative: bool,
) -> list[Finding]:
    """Findings about one control; ``informative`` says whether its pictures show the ambiguous names' types.

    ``lists`` are its retrieval lists (None: a sentence has none). Ids are ``<split>.<subject>``; the F1 ceilings
    (0-100) are ``<split>.ceiling-text-only``, ``<split>.ceiling-multimodal``, where there are lists
    ``<split>.ceiling-neighbours``, and the same with ``guessing`` for ``ceiling``. A multimodal tagger that is
    denied its picture, or its neighbours where they tell, is bounded by the text-only ceiling.
    """
    texts = [one.draft.words for examples in splits.values() for one in examples]
    findings = [finding("duplicate-texts", "texts that occur more than once", len(texts) - len(set(texts)), 0)]
    for split, examples in splits.items():
        findings += _counts(split, examples)
        findings += _planted(split, examples, captions, names, informative)
        findings += _ceilings(split, examples, informative)
        if any(lists[split]):
            findings += _listed(split, examples, lists[split])
    return findings


def _counts(split: str, examples: Sequence[Example]) -> list[Finding]:
    absent = [one.image for one in examples if one.shown is None]
    plain = sum(one.draft.subject is None for one in examples)
    ambiguous = sum(one.draft.ambiguous is not None for one in examples)
    tags = Counter(tag for one in examples for tag in one.draft.tags)
    return [
        finding(f"{split}.sentences", "sentences", len(examples)),
        finding(f"{split}.plain-sentences", "sentences without entities", plain),
        *(finding(f"{split}.entities-{kind}", f"entities {kind}", tags[f"B-{kind}"]) for kind in TYPES),
        finding(f"{split}.ambiguous-names", "entities whose type no text tells", ambiguous),
        finding(f"{split}.absent-pictures", "pictures left out on purpose", len(absent), images=absent),
    ]


def _planted(
    split: str,
    examples: Sequence[Example],
    captions: Mapping[str, str],
    names: Sequence[str],
    informative: bool,
) -> list[Finding]:
    wanted = {(tuple(name.split()), kind) for name in names for kind in TYPES}
    ambiguous = [one for one in examples if one.draft.ambiguous]
    named = {(_ambiguous_name(one), one.draft.ambiguous) for one in ambiguous}
    pairs = [(shown_type(captions[one.image]), one.draft.ambiguous) for one in ambiguous if one.image in captions]
    entropy = round(mutual_information([(kind, kind) for _, kind in pairs]), 4)
    told = round(mutual_information(pairs), 4)
    return [
        finding(
            f"{split}.missing-pairs", "pairs of ambiguous name and type that are missing", len(wanted - named), 0
        ),
        finding(f"{split}.type-bits", "entropy of the ambiguous types, bits", entropy),
        finding(f"{split}.caption-bits", "bits of it the captions tell", told, entropy if informative else None),
    ]


def _listed(split: str, examples: Sequence[Example], lists: Sequence[Mapping[str, Any] | None]) -> list[Finding]:
    """How far the retrieval lists tell the ambiguous types, and what a tagger that reads them can reach."""
    shown = zip(examples, listed_types(examples, lists), strict=True)
    ambiguous = [(one.draft.ambiguous, types) for one, types in shown if one.draft.ambiguous]
    told = sum(types == {kind} for kind, types in ambiguous)
    astray = sum(bool(types - {kind}) for kind, types in ambiguous)
    return [
        finding(f"{split}.listed", "ambiguous names whose neighbours tell the type", told, len(ambiguous)),
        finding(f"{split}.listed-astray", "ambiguous names with a neighbour that shows another type", astray, 0),
        *_reachable(split, "neighbours", examples, len(ambiguous) - told),
    ]


def _ambiguous_name(example: Example) -> tuple[str, ...]:
    """The words of an ambiguous sentence's first entity, which is its ambiguous name."""
    tags = example.draft.tags
    start = next(index for index, tag in enumerate(tags) if tag.startswith("B-"))
    stop = start + 1
    while stop < len(tags) and tags[stop].startswith("I-"):
        stop += 1
    return example.draft.words[start:stop]


def _ceilings(split: str, examples: Sequence[Example], informative: bool) -> list[Finding]:
    ambiguous = [one for one in examples if one.draft.ambiguous]
    told = sum(one.shown is not None for one in ambiguous) if informative else 0
    return [
        finding(f"{split}.told", "ambiguous names whose picture tells the type", told),
        *_reachable(split, "text-only", examples, len(ambiguous)),
        *_reachable(split, "multimodal", examples, len(ambiguous) - told),
    ]


def _reachable(split: str, sight: str, examples: Sequence[Example], unknown: int) -> list[Finding]:
    """What a perfect tagger of one ``sight`` reaches, which cannot tell the types of ``unknown`` names."""
    entities = sum(tag.startswith("B-") for one in examples for tag in one.draft.tags)
    what = f"expected F1 of a perfect {sight} tagger"
    best, guessing = (round(f1(entities - unknown, unknown), 4) for f1 in (best_expected_f1, guessing_f1))
    return [
        finding(f"{split}.ceiling-{sight}", what, best),
        finding(f"{split}.guessing-{sight}", f"{what} that leaves no name out", guessing),
    ]

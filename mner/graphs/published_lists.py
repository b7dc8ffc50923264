"""How much of a published neighbour list a similarity would allow, where ties may be broken in any way."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mner.data.corpus import ABSENT, SPLITS, Corpus, Sentence
from mner.graphs.rebuilt_graphs import object_vectors
from mner.graphs.relations import GraphError

BLOCK = 1024
TOLERANCE = 1e-6


def share_within_ties(
    queries: Float[Tensor, "lists width"],
    keys: Float[Tensor, "pictures width"],
    listed: Sequence[Sequence[int]],
    own: Sequence[int],
    k: int,
) -> float:
    """Share of listed pictures whose inner product with their query reaches that of its k-th best picture.

    ``listed[i]`` are rows of ``keys``, ``own[i]`` the row that query i may not get, or ``ABSENT``. A list that was
    drawn among ties by another rule, as a plain overlap cannot see, reaches 1 here.

    Raises:
        GraphError: no list names a picture, or there are not more than k pictures.
    """
    if not k < len(keys):
        raise GraphError(f"the {k} best of {len(keys)} pictures are all of them; give a smaller k")
    good = [score >= last - TOLERANCE for score, last in _scores(queries, keys, listed, own, k)]
    if not good:
        raise GraphError("no list names a picture of the pool")
    return sum(good) / len(good)


def _scores(
    queries: Tensor, keys: Tensor, listed: Sequence[Sequence[int]], own: Sequence[int], k: int
) -> Iterator[tuple[float, float]]:
    """Of every listed picture its similarity, and that of its query's k-th best."""
    for start in range(0, len(queries), BLOCK):
        similarity = queries[start : start + BLOCK] @ keys.T
        for row, values in enumerate(similarity, start):
            if own[row] != ABSENT:
                values[own[row]] = -torch.inf
        last = similarity.topk(k).values[:, -1].tolist()
        for row, values in enumerate(similarity):
            for column in listed[start + row]:
                yield float(values[column]), last[row]


@dataclass(frozen=True, slots=True)
class Fact:
    """One count or pair of counts, in words."""

    what: str
    value: str


NEAR = 200
"""Positions of a corpus file, train, dev and test one after another."""
Listed = Sequence[tuple[Sentence, Mapping[str, Any]]]


def published_facts(
    corpus: Corpus,
    retrieval: Mapping[str, Sequence[Mapping[str, Any] | None]],
    captions: Mapping[str, Mapping[str, str]],
    objects: Mapping[str, Sequence[str]] | None,
) -> list[Fact]:
    """Facts on both published lists; ``captions`` by source."""
    listed = [
        (sentence, entry)
        for split in SPLITS
        for sentence, entry in zip(corpus.split(split), retrieval[split], strict=True)
        if entry is not None
    ]
    return [*inter_facts(listed, captions), *intra_facts(listed, objects)]


def inter_facts(listed: Listed, captions: Mapping[str, Mapping[str, str]]) -> list[Fact]:
    """Whether text->image lists go with the tweet, with its own picture's caption, and where they tie."""
    lists = [_list(entry, "inter") for _, entry in listed]
    same_words = list(_pairs(tuple(word.lower() for word in one.words) for one, _ in listed))
    facts = [
        Fact("inter: pairs of tweets with the same words", str(len(same_words))),
        Fact("inter: of them, pairs with the same list", str(sum(lists[a] == lists[b] for a, b in same_words))),
    ]
    same_list = list(_pairs(lists))
    agreeing = sum(listed[a][0].words == listed[b][0].words for a, b in same_list)
    facts += [
        Fact("inter: pairs of equal lists, all scores included", str(len(same_list))),
        Fact("inter: of them, pairs of tweets with the same words", str(agreeing)),
        *_group_facts(lists),
    ]
    for source, table in captions.items():
        ties = [
            (table[x] == table[y], score == other)
            for _, entry in listed
            for (x, score), (y, other) in combinations(_list(entry, "inter"), 2)
            if x in table and y in table and (score == other or table[x] == table[y])
        ]
        tied = [same for same, tie in ties if tie]
        equal = [tie for same, tie in ties if same]
        facts += [
            Fact(f"inter: tied neighbours with the same {source} caption", f"{sum(tied)} of {len(tied)}"),
            Fact(f"inter: neighbours with the same {source} caption that tie", f"{sum(equal)} of {len(equal)}"),
        ]
    return facts


def intra_facts(listed: Listed, objects: Mapping[str, Sequence[str]] | None) -> list[Fact]:
    """Whether image->image scores make classes of pictures, and whether these are like sets or counts."""
    edges = [(one.image, other, score) for one, entry in listed for other, score in _list(entry, "intra")]
    class_of = _classes([(a, b) for a, b, score in edges if score == 1.0])
    blank = {one.image for one, entry in listed if not any(entry["intra_scores"])}
    between: dict[frozenset, list[float]] = defaultdict(list)
    for a, b, score in edges:
        if 0 < score < 1:
            between[frozenset((class_of.get(a, a), class_of.get(b, b)))].append(score)
    several = [scores for scores in between.values() if len(scores) > 1]
    own = {one.image for one, _ in listed} - blank
    sizes = Counter(class_of.get(image, image) for image in own)
    facts = [
        Fact("intra: pictures all of whose scores are 0", f"{len(blank)} of {len(own) + len(blank)}"),
        Fact("intra: classes of pictures joined by score 1", _sizes(sizes)),
        Fact(
            "intra: pairs inside a class with another score than 1", str(sum(len(pair) == 1 for pair in between))
        ),
        Fact(
            "intra: pairs of classes with several scores, all of them equal",
            f"{sum(len(set(scores)) == 1 for scores in several)} of {len(several)}",
        ),
        Fact("intra: range of scores between classes", _range([s for scores in between.values() for s in scores])),
    ]
    if objects:
        labels = [objects[image] for image in {one.image for one, _ in listed} if objects.get(image)]
        kinds = Counter(tuple(sorted(set(one))) for one in labels)
        counts = Counter(tuple(sorted(one)) for one in labels)
        facts += [
            Fact("intra, for comparison: distinct sets of kinds in the object labels", _sizes(kinds)),
            Fact("intra, for comparison: distinct counts of kinds in the object labels", _sizes(counts)),
            *_formula_facts(listed, objects),
        ]
    return facts


def _formula_facts(listed: Listed, objects: Mapping[str, Sequence[str]]) -> Iterable[Fact]:
    """How many neighbours the cosine of sets, or of counts, allows among its best, ties granted.

    Next to it, the same when every picture is given the list of the next one.
    """
    seen = {one.image: entry for one, entry in listed if objects.get(one.image) and any(entry["intra_scores"])}
    images = sorted({image for image, found in objects.items() if found})
    labels = [objects[image] for image in images]
    row_of = {image: row for row, image in enumerate(images)}
    own = [row_of[image] for image in seen]
    lists = [[row_of[other] for other, _ in _list(entry, "intra") if other in row_of] for entry in seen.values()]
    places = max(map(len, lists), default=0)
    if not 0 < places < len(images):
        return
    for name, weighting in (("sets", "binary"), ("counts", "count")):
        vectors = object_vectors(labels, {kind for found in labels for kind in found}, weighting)
        shares = [
            share_within_ties(vectors[own], vectors, given, own, places)
            for given in (lists, [*lists[1:], lists[0]])
        ]
        said = f"{100 * shares[0]:.1f} %, exchanged {100 * shares[1]:.1f} %"
        yield Fact(
            f"intra, for comparison: neighbours among the {places} best by {name} of kinds, ties granted", said
        )


def _list(entry: Mapping[str, Any], kind: str) -> tuple[tuple[str, float], ...]:
    return tuple(zip(entry[f"{kind}_images"], entry[f"{kind}_scores"], strict=True))


def _group_facts(lists: Sequence[Hashable]) -> list[Fact]:
    """Groups of equal lists, near to each other in the files and far apart."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for position, one in enumerate(lists):
        groups[one].append(position)
    repeated = [group for group in groups.values() if len(group) > 1]
    far = [group for group in repeated if group[-1] - group[0] > NEAR]
    sizes = Counter(len(group) for group in far)
    said = ", ".join(f"{count} of {size} lists" for size, count in sorted(sizes.items())) or "none"
    return [
        Fact(
            f"inter: groups of equal lists within {NEAR} positions",
            f"{len(repeated) - len(far)} of {len(repeated)}",
        ),
        Fact(f"inter: groups of equal lists further apart than {NEAR} positions", said),
    ]


def _pairs(values: Iterable[Hashable]) -> Iterable[tuple[int, int]]:
    """Positions of equal values, two at a time."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for position, value in enumerate(values):
        places[value].append(position)
    return (pair for group in places.values() for pair in combinations(group, 2))


def _classes(links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Connected pictures share one representative."""
    parent: dict[str, str] = {}

    def root(image: str) -> str:
        parent.setdefault(image, image)
        while parent[image] != image:
            parent[image] = parent[parent[image]]
            image = parent[image]
        return image

    for a, b in links:
        parent[root(a)] = root(b)
    return {image: root(image) for image in parent}


def _sizes(groups: Counter) -> str:
    largest = ", ".join(str(size) for _, size in groups.most_common(5))
    return f"{len(groups)}, the largest of {largest}"


def _range(scores: Sequence[float]) -> str:
    return f"{min(scores):.5f} to {max(scores):.5f}" if scores else "none"

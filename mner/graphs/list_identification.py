"""Which encoder made the published text-to-picture lists? Ask whether its similarities reproduce their scores.

A list names ten pictures with their scores. If scores are cosines of a tweet's and a caption's mean-pooled states,
the right encoder, layer and captions give some tweet the very ten scores, be it the list's own tweet or, where the
published lists were mixed up, another: matches then make a permutation. Scores are compared with all tweets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm

from mner.data.batch import moved
from mner.data.corpus import ABSENT, SPLITS, Corpus
from mner.data.subwords import WordPieces
from mner.features.feature_building import by_length
from mner.graphs.relations import GraphError
from mner.models.encoders import TextEncoder

EXACT, NEAR = 1e-4, 1e-2
"""Largest deviation of a list's scores: the same numbers but for rounding; the same but for small differences."""

LAYERS = ("last", "second-last")
_LIST_CHUNK = 32
_EQUAL = 1e-9

Embed = Callable[[list[list[str]], str], Mapping[str, Float[Tensor, "texts width"]]]


@dataclass(frozen=True, slots=True)
class Listed:
    """One published list: position of its tweet among all splits' tweets, rows of its captions, their scores."""

    own: int
    rows: tuple[int, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Identified:
    """How well one layer of an encoder, over captions of one source, reproduces the published lists.

    ``exact`` and ``near`` count lists whose scores some tweet reproduces within those limits, ``own`` the near
    ones whose tweet is the list's own. ``deviation`` is the median over lists of the smallest deviation that any
    tweet reaches, ``own_deviation`` that of the list's own tweet. ``overlap`` is the mean number of a list's
    pictures among as many of its own tweet's nearest. ``order`` gives every list's tweet (``ABSENT`` where none
    fits exactly) if at least half of them fit exactly, each another tweet; else it is None.
    """

    captions: str
    layer: str
    lists: int
    exact: int
    near: int
    own: int
    deviation: float
    own_deviation: float
    overlap: float
    order: tuple[int, ...] | None

    @property
    def says(self) -> str:
        """What the counts mean, in words."""
        if self.order is None:
            return "does not make the lists"
        fits = [tweet for tweet in self.order if tweet != ABSENT]
        moved = self.exact - self.own if self.own < self.exact else 0
        return "makes the lists" if not moved else f"makes the lists, {moved} of {len(fits)} at another tweet"


def identify(
    corpus: Corpus,
    retrieval: Mapping[str, Sequence[Mapping[str, Any] | None]],
    captions: Mapping[str, Mapping[str, str]],
    embed: Embed,
) -> list[Identified]:
    """Hold the published lists against an encoder, by source of captions and layer.

    Raises:
        GraphError: no published list names a picture with a caption.
    """
    sentences = [sentence for split in SPLITS for sentence in corpus.split(split)]
    entries = [entry for split in SPLITS for entry in retrieval[split]]
    tweets = embed([list(one.words) for one in sentences], "tweets")
    found = []
    for source, table in captions.items():
        images = sorted(image for image, caption in table.items() if caption.strip())
        row_of = {image: row for row, image in enumerate(images)}
        listed = _listed(entries, row_of)
        if not listed:
            raise GraphError(f"no published list names a picture with a caption of {source}")
        described = embed([table[image].split() for image in images], f"captions, {source}")
        own_rows = torch.tensor([row_of.get(one.image, ABSENT) for one in sentences])
        for layer in tweets:
            similarity = tweets[layer].float() @ described[layer].float().T
            found.append(match_lists(similarity, listed, own_rows, source, layer))
    return found


def match_lists(
    similarity: Float[Tensor, "tweets captions"],
    listed: Sequence[Listed],
    own_rows: Int[Tensor, " tweets"],
    captions: str,
    layer: str,
) -> Identified:
    """Look for every list among all tweets by the equality of its scores.

    ``own_rows[i]`` is the caption of tweet i's own picture (or ``ABSENT``), which is never in its list.
    """
    used: set[int] = set()
    order, smallest, of_own, overlaps = [], [], [], []
    own = 0
    for start in tqdm(range(0, len(listed), _LIST_CHUNK), desc=f"lists, {captions}, {layer}", disable=None):
        for one in listed[start : start + _LIST_CHUNK]:
            scores = similarity.new_tensor(one.scores)
            deviation = (similarity[:, list(one.rows)] - scores).abs().amax(1)
            least = float(deviation.min())
            mine = float(deviation[one.own])
            fitting = (deviation <= least + _EQUAL).nonzero().flatten().tolist()
            if one.own in fitting:
                tweet = one.own
            else:
                tweet = next((other for other in fitting if other not in used), fitting[0])
            if least <= EXACT:
                used.add(tweet)
            own += tweet == one.own and least <= NEAR
            order.append(tweet if least <= EXACT else ABSENT)
            smallest.append(least)
            of_own.append(mine)
            overlaps.append(_overlap(similarity[one.own], one, int(own_rows[one.own])))
    fits = [tweet for tweet in order if tweet != ABSENT]
    one_each = 2 * len(fits) >= len(listed) and len(set(fits)) == len(fits)
    return Identified(
        captions,
        layer,
        len(listed),
        len(fits),
        sum(value <= NEAR for value in smallest),
        own,
        _median(smallest),
        _median(of_own),
        sum(overlaps) / len(overlaps),
        tuple(order) if one_each else None,
    )


def layer_means(
    texts: list[list[str]],
    encoder: TextEncoder,
    tokenizer: Any,
    *,
    batch_size: int,
    device: torch.device,
    desc: str,
) -> dict[str, Float[Tensor, "texts width"]]:
    """Mean over the subwords of a text, special ones included, of both upper layers; L2-normalised, float32."""
    table = WordPieces(tokenizer).table(texts, max_pieces=128)
    encoder = encoder.to(device).eval()
    found = {layer: torch.zeros(len(texts), encoder.width) for layer in LAYERS}
    with tqdm(total=len(texts), desc=desc, unit="text", disable=None) as progress, torch.no_grad():
        for rows in by_length(table.lengths().tolist(), batch_size):
            text = moved(table.rows(rows, max(len(table.first_piece[row]) for row in rows)), device)
            weight = text.attention_mask.float()[..., None]
            for layer, states in zip(reversed(LAYERS), encoder.upper(text), strict=True):
                mean = (states * weight).sum(1) / weight.sum(1)
                found[layer][rows] = torch.nn.functional.normalize(mean, dim=-1).cpu()
            progress.update(len(rows))
    return found


def _listed(entries: Sequence[Mapping[str, Any] | None], row_of: Mapping[str, int]) -> list[Listed]:
    found = []
    for own, entry in enumerate(entries):
        if entry is None:
            continue
        pairs = zip(entry["inter_images"], entry["inter_scores"], strict=True)
        kept = [(row_of[image], score) for image, score in pairs if image in row_of]
        if kept:
            found.append(Listed(own, tuple(row for row, _ in kept), tuple(score for _, score in kept)))
    return found


def _overlap(similarities: Tensor, one: Listed, own_row: int) -> int:
    values = similarities.clone()
    if own_row != ABSENT:
        values[own_row] = -torch.inf
    best = values.topk(min(len(one.rows), len(values))).indices.tolist()
    return len(set(best) & set(one.rows))


def _median(values: Sequence[float]) -> float:
    return float(torch.tensor(values).median())

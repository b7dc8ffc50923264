"""How far the picture reaches: what it moves in each word's emissions, beside what would move the word's label.

Two scores of a system can agree with and without its pictures because it ignores them, or because what they change
cancels out, or falls on words whose label is not in doubt. The tags alone cannot tell; the emissions can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mner.base.terminal import aligned
from mner.config.training_recipe import Recipe
from mner.data.corpus import LABELS
from mner.models.model import Model
from mner.training.batching import SplitData, batches_in_order
from mner.training.determinism import autocast

OTHER_PICTURES = {
    "none": "no picture",
    "shuffled": "another tweet's picture",
    "neighbours": "another tweet's neighbours",
}
OUTSIDE = LABELS.index("O")


class NothingToCompareError(ValueError):
    """A system without emissions, or read in one view only; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Words:
    """Every word of a split: its margin, the label that scores best, and what other pictures change.

    ``margin`` is the best emission minus the second best; ``change`` the largest absolute difference of an
    emission to that with the own picture; ``moved`` whether another label scores best.
    """

    margin: Float[Tensor, " words"]
    named: Bool[Tensor, " words"]
    change: Mapping[str, Float[Tensor, " words"]]
    moved: Mapping[str, Bool[Tensor, " words"]]


@dataclass(frozen=True, slots=True)
class Reach:
    """The words of a test split, and how many of its sentences are tagged otherwise, view by view."""

    words: Words
    sentences: int
    retagged: Mapping[str, int]


def measure(model: Model, splits: Mapping[str, SplitData], recipe: Recipe, device: torch.device) -> Reach:
    """Compare the emissions of the view ``own`` with those of every other view of the same sentences.

    ``splits`` holds one split a view. Batches are those of testing, so that a system whose emissions depend on the
    batch is compared as it was tested.

    Raises:
        NothingToCompareError: the system decodes by itself and gives no emissions per word, or there is one view.
    """
    if len(splits) < 2:
        raise NothingToCompareError(
            f"{model.card.name} was tested in one view: it reads no picture, or `views` of the recipe names one"
        )
    if type(model.tagger).forward is nn.Module.forward:
        raise NothingToCompareError(f"{model.card.name} decodes by itself and has no emissions a word to compare")
    own = splits["own"]
    parts: list[Words] = []
    retagged = {view: 0 for view in splits if view != "own"}
    lengths = (own.text if own.cross is None else own.cross).lengths()
    for rows in batches_in_order(lengths, recipe.evaluation_batch_size):
        scores, tags, mask = {}, {}, None
        for view, split in splits.items():
            batch = split.batch(rows).to(device)
            with torch.no_grad(), autocast(recipe, device):
                scores[view], tags[view], mask = (
                    model.tagger(batch).scores.float(),
                    model.decode(batch),
                    batch.word_mask,
                )
        parts.append(compare({view: emissions[mask] for view, emissions in scores.items()}))
        for view in retagged:
            retagged[view] += sum(one != other for one, other in zip(tags["own"], tags[view], strict=True))
    return Reach(_joined(parts), len(own), retagged)


def compare(scores: Mapping[str, Float[Tensor, "words labels"]]) -> Words:
    """Margins under the view ``own``, and what each other view changes."""
    own = scores["own"]
    best, second = own.topk(2, dim=-1).values.unbind(-1)
    label = own.argmax(-1)
    others = {view: other for view, other in scores.items() if view != "own"}
    return Words(
        margin=best - second,
        named=label != OUTSIDE,
        change={view: (other - own).abs().amax(-1) for view, other in others.items()},
        moved={view: other.argmax(-1) != label for view, other in others.items()},
    )


def _joined(parts: Sequence[Words]) -> Words:
    views = parts[0].change
    return Words(
        torch.cat([part.margin for part in parts]),
        torch.cat([part.named for part in parts]),
        {view: torch.cat([part.change[view] for part in parts]) for view in views},
        {view: torch.cat([part.moved[view] for part in parts]) for view in views},
    )


HEADER = ("words whose best label is", "words", "margin", "read with", "change", "99 %", "labels moved")


def render(reach: Reach) -> str:
    """An aligned table, one line a group of words and a view, and what its columns are."""
    words, rows = reach.words, [HEADER]
    for group, inside in (("O", ~words.named), ("part of a name", words.named)):
        count = int(inside.sum())
        for view, change in words.change.items():
            first = view == next(iter(words.change))
            margin = _number(words.margin[inside], 0.5)
            rows.append(
                (
                    group if first else "",
                    f"{count:,}" if first else "",
                    margin if first else "",
                    OTHER_PICTURES.get(view, view),
                    _number(change[inside], 0.5),
                    _number(change[inside], 0.99),
                    f"{int(words.moved[view][inside].sum()):,}",
                )
            )
    lines = aligned(rows, numbers={1, 2, 4, 5, 6}, header=True)
    lines += ["", *(_retagged(reach, view) for view in reach.retagged), NOTES]
    return "\n".join(lines) + "\n"


NOTES = (
    "margin: best emission minus second best, median\n"
    "change: largest difference of an emission to that with the own picture, median; 99 %: its 99th percentile\n"
    "labels moved: words where another label scores best then"
)


def _number(values: Float[Tensor, " words"], quantile: float) -> str:
    if not len(values):
        return "-"
    ordered = values.sort().values
    return f"{float(ordered[int(quantile * (len(ordered) - 1))]):.3f}"


def _retagged(reach: Reach, view: str) -> str:
    name = OTHER_PICTURES.get(view, view)
    return f"with {name}, {reach.retagged[view]:,} of {reach.sentences:,} sentences are tagged otherwise"

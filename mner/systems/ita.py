"""ITA: the picture becomes words behind the tweet, and the text view learns from the cross-modal view.

The encoder reads ``tweet <sep> captions <sep> objects ...``; only the tweet's words get emissions, so image
words act through attention alone, as in the released program, which cuts them out before its CRF. Inside, tags
are BIOES with the released CRF's states; at the border they are the harness's BIO tags.

Sources: Wang et al., NAACL 2022 (arXiv 2112.06482); the released tagger as described in golden/ITA.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mner.data.batch import Batch, TextInput
from mner.data.side_data import WORDS
from mner.data.subwords import SEPARATOR
from mner.models.cards import Card, ContractError
from mner.models.decoders import ChainScores, viterbi
from mner.models.system import BuildContext, checked_limit
from mner.models.tag_schemes import IMAGE_WORD, OUTSIDE, UNKNOWN, bio_to_bioes, bioes_to_bio
from mner.models.views import (
    WEIGHTINGS,
    WordDropout,
    align_views,
    chain_scores,
    initial_transitions,
    sentence_nll,
    tweet_weights,
)

if TYPE_CHECKING:
    from mner.data.side_data import ImageText

START, STOP = "<START>", "<STOP>"
PRINTED_PARTS = ("captions", "objects", "ocr")
PARTS = (*PRINTED_PARTS, *WORDS)
"""What a context may hold: what the paper's does, and what others wrote on the pictures since."""

ALIGNMENTS = {
    "none": "one view: NLL on the cross-modal view, or on the text view where the system reads no context",
    "kl": "both views, and KL(cross-modal || text) of tempered posteriors, the cross-modal side detached",
    "joint_no_kl": "control: both views without the KL term, so that its gain is not that of more training",
}

CARD = Card(
    name="ita",
    version=1,
    title="ITA",
    cite="Wang et al. 2022, ITA: Image-Text Alignments for Multi-Modal Named Entity Recognition, NAACL",
    needs=PRINTED_PARTS,
    decoder="own",
    published={
        "encoder": "XLM-R large in every released setting; BERT base in the paper, its settings not released",
        "optimiser": "AdamW, library defaults, clip 5.0",
        "learning rates": "5e-6 encoder and linear layer, 0.05 CRF transitions",
        "schedule": "linear decay to 0, no warm-up, 10 epochs",
        "batch": "1 item x 4 accumulated; with alignment a tweet is two items, so twice the updates",
        "dropout": "word dropout 0.1; nothing else in the head",
        "temperature": "4 for Twitter-2015 and SNAP, 2 for Twitter-2017",
        "context": "VinVL objects with attributes, 5 VinVL captions, Tesseract characters",
        "selection": "best dev micro F1 after an epoch; with alignment the mean over text and cross-modal view",
    },
    variants={**WEIGHTINGS, **ALIGNMENTS},
    caveats=(
        "Both views of a tweet sit in one batch and share one text pass for NLL and alignment; the released "
        "program shuffles them as two separate items and encodes the text view once for each.",
        "The loss is a mean over tweets of their weighted sum; the released updates average over items, two a "
        "tweet, so for the same gradient its clipping limit of 5 is reached at twice the loss.",
        "The released CVA also adds text-view training and doubles the updates; joint_no_kl separates them.",
        "Which dev view selects the epoch is set in the recipe; the released mean over views is one choice.",
        "In profile paper rows with both views take 2 tweets a batch, 4 items.",
        "The paper's own loss weights, the order of the parts, their separators, the number of objects and the "
        "runs behind each number are not verified.",
        "Captions, objects and characters come from other tools than the paper's, without attributes.",
        "A context longer than the encoder's limit is cut; the released program adds overlapping windows.",
        "The CRF keeps the released states for image words and unknown tags; on a tweet word they are read as O.",
    ),
    published_recipe={
        "epochs": 10,
        "batch_size": 4,
        "encoder_learning_rate": 5e-6,
        "head_learning_rate": 5e-6,
        "transition_learning_rate": 0.05,
        "weight_decay": 0.0,
        "optimiser": "adamw",
        "schedule": "linear",
        "warmup": 0.0,
        "clip": 5.0,
        "precision": "float32",
        "frozen_layers": 0,
    },
)


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """Which parts of a picture's description are read, in which order, and how much of them.

    ``n_captions`` and ``max_objects`` are upper limits; what a picture lacks is left out.
    """

    parts: tuple[str, ...]
    n_captions: int
    max_objects: int

    def __post_init__(self) -> None:
        unknown = [part for part in self.parts if part not in PARTS]
        if unknown or len(set(self.parts)) != len(self.parts):
            raise ContractError(f"ita: context {list(self.parts)}; list each of {', '.join(PARTS)} at most once")
        if self.n_captions < 1 or self.max_objects < 1:
            raise ContractError(
                "ita: n_captions and max_objects are at least 1; drop the part from context instead"
            )

    def words_of(self, part: str, image_text: ImageText) -> list[str]:
        """The words of one part: captions in order, object names once each in order, others as written."""
        if part == "captions":
            texts: Sequence[str] = image_text.captions[: self.n_captions]
        elif part == "objects":
            texts = list(dict.fromkeys(image_text.objects))[: self.max_objects]
        else:
            texts = [getattr(image_text, part)]
        return [word for text in texts for word in text.split()]


def context(image_text: ImageText, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The picture in words: a separator before each part that has any, none between captions.

    Raises:
        ContractError: the options name an unknown part or a limit below one.
    """
    chosen = ContextOptions(tuple(options["context"]), options["n_captions"], options["max_objects"])
    words: list[str] = []
    for part in chosen.parts:
        part_words = chosen.words_of(part, image_text)
        if part_words:
            words += [SEPARATOR, *part_words]
    return tuple(words)


def states_of(labels: Sequence[str]) -> tuple[str, ...]:
    """The CRF's states for the harness's BIO labels, in the released order of kinds."""
    kinds = list(dict.fromkeys(label[2:] for label in labels if label != OUTSIDE))
    bioes = [f"{prefix}-{kind}" for kind in kinds for prefix in "BIES"]
    return (UNKNOWN, OUTSIDE, *bioes, IMAGE_WORD, START, STOP)


class Tagger(nn.Module):
    """Emissions = W drop(h_w) + b over all CRF states, h_w the last-layer state of word w's first piece.

    ``cva`` is one of ``ALIGNMENTS``, ``weighting`` one of ``view_weights.WEIGHTINGS`` (read only where both
    views are trained); an empty ``context`` makes the text-only tagger. ``temperature`` flattens posteriors.
    ``max_subwords`` limits the context where its table is made (``mner.training.batching``).
    """

    def __init__(
        self,
        build: BuildContext,
        context: Sequence[str],
        n_captions: int,
        max_objects: int,
        cva: str,
        temperature: float,
        weighting: str,
        word_dropout: float,
        max_subwords: int | None = None,
    ) -> None:
        super().__init__()
        ContextOptions(tuple(context), n_captions, max_objects)
        checked_limit(max_subwords, "ita")
        _check(context, cva, temperature, weighting, word_dropout)
        self.reads_context = bool(context)
        self.cva, self.weighting = cva, weighting
        self.temperature = float(temperature)
        self.word_dropout = WordDropout(word_dropout)
        self.labels = build.labels
        self.states = states_of(build.labels)
        self.start, self.stop = self.states.index(START), self.states.index(STOP)
        self.encoder = build.encoder()
        self.emission = nn.Linear(self.encoder.width, len(self.states))
        self.transitions = nn.Parameter(initial_transitions(len(self.states), self.start, self.stop))

    def loss(self, batch: Batch, decoder: None = None) -> Float[Tensor, ""]:
        """Mean over the batch's tweets of their weighted losses (golden/ITA.md 4 and 7)."""
        gold, mask, scores = self._gold(batch), batch.word_mask, self._scores()
        cross = self.emissions(self._view(batch))
        if self.cva == "none":
            return sentence_nll(cross, gold, mask, scores).mean()
        assert batch.has_context is not None
        text = self.emissions(batch.text)
        weights = tweet_weights(self.weighting, batch.has_context.to(text.dtype))
        both = sentence_nll(torch.cat([text, cross]), gold.repeat(2, 1), mask.repeat(2, 1), scores)
        text_nll, cross_nll = both.chunk(2)
        per_tweet = weights.text * text_nll + weights.cross * cross_nll
        if self.cva == "kl":
            aligned = align_views(cross, text, mask, scores, self.temperature)
            per_tweet = per_tweet + weights.alignment * aligned.loss
        return per_tweet.mean()

    @torch.no_grad()
    def decode(self, batch: Batch, decoder: None = None) -> list[list[str]]:
        """BIO tags of every word: the best path over the cross-modal view, or over the only view there is."""
        paths, _ = viterbi(self.emissions(self._view(batch)), batch.word_mask, self._scores())
        return [bioes_to_bio([self.states[state] for state in path]) for path in paths]

    def emissions(self, text: TextInput) -> Float[Tensor, "batch words states"]:
        """State scores of the tweet's words in one view; in training whole words are dropped first."""
        scores = self.emission(self.word_dropout(self.encoder(text)))
        return scores if scores.dtype == torch.float64 else scores.float()

    def _scores(self) -> ChainScores:
        return chain_scores(self.transitions, self.start, self.stop)

    def _view(self, batch: Batch) -> TextInput:
        if not self.reads_context:
            return batch.text
        if batch.cross is None or batch.has_context is None:
            raise ContractError("ita: the batch has no cross-modal view; pass the system's context to batching")
        return batch.cross

    def _gold(self, batch: Batch) -> Int[Tensor, "batch words"]:
        if batch.tags is None:
            raise ContractError("ita: the batch carries no tags, so it has no loss; the test split is blind")
        gold = torch.zeros_like(batch.tags)
        for row, (tags, words) in enumerate(zip(batch.tags.tolist(), batch.words, strict=True)):
            bioes = bio_to_bioes([self.labels[tag] for tag in tags[: len(words)]])
            gold[row, : len(words)] = gold.new_tensor([self.states.index(tag) for tag in bioes])
        return gold


def _check(context: Sequence[str], cva: str, temperature: float, weighting: str, word_dropout: float) -> None:
    if cva not in ALIGNMENTS:
        raise ContractError(f"ita: cva {cva!r}; choose one of {', '.join(ALIGNMENTS)}")
    if cva != "none" and not context:
        raise ContractError(f"ita: cva {cva!r} aligns two views, but context is empty; set cva none")
    if weighting not in WEIGHTINGS:
        raise ContractError(f"ita: weighting {weighting!r}; choose one of {', '.join(WEIGHTINGS)}")
    if not temperature > 0 or not 0 <= word_dropout < 1:
        raise ContractError("ita: temperature must be above 0, word_dropout from 0 up to but not 1")

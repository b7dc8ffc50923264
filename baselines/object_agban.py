"""Object-AGBAN: words and objects pushed into one space by an adversary, then paired by bilinear attention.

A classifier tries to tell word states from object states while gradient reversal makes them alike. Attention
over all pairs of an object and a word, and a gate, decide what each word takes; a CRF reads the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mner.data.batch import Batch, Visual
from mner.models.adversary import ModalityAdversary, object_share, reversal_strength
from mner.models.cards import Card, ContractError
from mner.models.decoders import CRFDecoder
from mner.models.recurrent import make_hbilstm
from mner.models.system import BuildContext, Emissions, given, one_of, visual_size_of
from mner.models.word_object_attention import (
    BilinearAttention,
    MaskedBatchNorm,
    MaskedStack,
    NormedLinear,
    ObjectGate,
)

CARD = Card(
    name="object-agban",
    version=1,
    title="Object-AGBAN",
    cite="Zheng et al.: Object-Aware Multimodal Named Entity Recognition in Social Media Posts With Adversarial "
    "Learning. IEEE Transactions on Multimedia 2021, doi 10.1109/TMM.2020.3013398",
    needs=("regions",),
    decoder="crf",
    published={
        "text": "as OCSGA: GloVe-Twitter 200, characters 30 to 50, BiLSTM 200 (code)",
        "objects": "first three Mask R-CNN region vectors, 1024 values, through 512 and 256 to 200 (code)",
        "adversary": "200-100-50-2, reversal 2 / (1 + exp(-10 p)) - 1, frozen at every 8th update (code)",
        "loss": "CRF, objects and words of the adversary, each summed, weights 1, 1, 1 (code)",
        "dropout": "0.2 before bilinear layers, 0.5 elsewhere (code)",
        "optimiser": "SGD 0.005 without momentum, L2 1e-8, rate / (1 + 0.05 epoch), batch 10, 200 epochs (code)",
    },
    variants={
        "released": "one softmax over objects x padded words, so tags depend on the batch; padding in statistics",
        "paper": "padded words take no share of the picture, and no padding enters the batch statistics",
    },
    caveats=(
        "Detector vectors are not at hand: the first three regions of the picture stand for them.",
        "Our CRF loss is a mean over sentences, so the adversary's sums are divided by the batch size as well.",
        "The code's CRF keeps three extra states (padding and the borders) at -10000; ours has labels alone.",
        "Outside profile paper our recipe is the harness's, not the published one; which epoch was printed is not "
        "known, ours is the best on dev.",
    ),
    published_recipe={
        "epochs": 200,
        "batch_size": 10,
        "head_learning_rate": 0.005,
        "transition_learning_rate": 0.005,
        "weight_decay": 1e-8,
        "optimiser": "sgd",
        "schedule": "inverse_time",
        "decay": 0.05,
        "warmup": 0.0,
        "clip_by": "none",
        "precision": "float32",
        "loss": "sum",
        "image_encoder": "not trained",
    },
    missing=("region vectors of the authors' Mask R-CNN",),
)
FREEZE_EVERY = 8


class ObjectFusion(nn.Module):
    """Words, and what bilinear attention and a gate add of the objects (golden/OLDER.md 3, steps 4-7).

    A picture without objects adds nothing in either variant.
    """

    def __init__(self, width: int, *, input_dropout: float, dropout: float, variant: str) -> None:
        super().__init__()
        self.released = one_of(f"{CARD.name}: variant", variant, tuple(CARD.variants or ())) == "released"
        self.attention = BilinearAttention(width, input_dropout, dropout)
        self.value = NormedLinear(width, width, input_dropout)
        self.gate = ObjectGate(width)
        self.norm = MaskedBatchNorm(width)

    def forward(
        self,
        words: Float[Tensor, "batch words width"],
        word_mask: Bool[Tensor, "batch words"],
        objects: Float[Tensor, "batch objects width"],
        object_mask: Bool[Tensor, "batch objects"],
    ) -> Float[Tensor, "batch words width"]:
        shares = self.attention(words, objects, self.visible(word_mask, object_mask))
        attended = shares.mT @ F.relu(self.value(objects))
        return self.norm(self.gate(words, attended), None if self.released else word_mask)

    def visible(
        self, word_mask: Bool[Tensor, "batch words"], object_mask: Bool[Tensor, "batch objects"]
    ) -> Bool[Tensor, "batch objects words"]:
        """Pairs that share the softmax; the released program forgets to leave padded words out."""
        words = torch.ones_like(word_mask) if self.released else word_mask
        return object_mask[:, :, None] & words[:, None, :]


class Tagger(nn.Module):
    """Text BiLSTM, projected objects, adversary, fusion, linear layer; ``reader``: see ``ReaderOptions``.

    The training loop announces every update through :meth:`begin_update`, which sets the reversal's strength.
    """

    def __init__(
        self,
        build: BuildContext,
        *,
        variant: str,
        reader: Mapping[str, Any],
        max_objects: int,
        object_hidden: Sequence[int],
        adversary_hidden: Sequence[int],
        dropout: float,
        input_dropout: float,
    ) -> None:
        super().__init__()
        visual_size = visual_size_of(build, CARD.name)
        self.max_objects = max_objects
        self.vocabulary, self.text = make_hbilstm(build, reader)
        hidden = self.text.width
        self.projection = MaskedStack((visual_size, *object_hidden, hidden))
        share = object_share(build.words["train"], max_objects)
        self.adversary = ModalityAdversary(hidden, tuple(adversary_hidden), share)
        self.fusion = ObjectFusion(hidden, input_dropout=input_dropout, dropout=dropout, variant=variant)
        self.emission = nn.Linear(hidden, len(build.labels))
        self.update: tuple[int, int] | None = None

    def begin_update(self, update: int, total: int) -> None:
        """Training is at ``update`` (from 0) of ``total``."""
        self.update = update, total

    def forward(self, batch: Batch) -> Emissions:
        words, objects = self.states(batch)
        fused = self.fusion(words, batch.word_mask, objects.regions, objects.mask)
        return Emissions(self.emission(fused), batch.word_mask)

    def states(self, batch: Batch) -> tuple[Float[Tensor, "batch words hidden"], Visual]:
        """Word states, and at most ``max_objects`` projected objects; padded objects are projected zeros."""
        image, slots = given(batch.image, "image", CARD.name), self.max_objects
        mask = F.pad(image.mask, (0, slots), value=False)[:, :slots]
        objects = F.pad(image.regions, (0, 0, 0, slots))[:, :slots].masked_fill(~mask[..., None], 0)
        counted = None if self.fusion.released else mask
        words = self.text(self.vocabulary.encode(batch), batch.word_mask)
        return words, Visual(self.projection(objects, counted), mask)

    def loss(self, batch: Batch, decoder: CRFDecoder) -> Float[Tensor, ""]:
        """CRF loss plus the adversary's two losses, all per sentence."""
        if self.update is None:
            raise ContractError("object-agban trains by progress: call begin_update(update, total) before loss()")
        update, total = self.update
        words, objects = self.states(batch)
        tokens = (words, batch.word_mask, objects.regions, objects.mask)
        adversary = self.adversary(
            *tokens,
            strength=reversal_strength(update / total),
            frozen=(update + 1) % FREEZE_EVERY == 0,
            count_padding=self.fusion.released,
        )
        emissions = Emissions(self.emission(self.fusion(*tokens)), batch.word_mask)
        nll = decoder.nll(emissions, given(batch.tags, "tags", CARD.name, "a loss"))
        return nll + (adversary.objects + adversary.words) / len(batch.words)

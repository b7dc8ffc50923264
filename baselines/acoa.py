"""ACOA: each word looks at the picture, what it saw looks at the sentence, and gates decide what enters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mner.data.batch import Batch, Visual
from mner.models.cards import Card
from mner.models.coattention import CoAttended, CoAttention, FiltrationGate, Gated, GatedFusion
from mner.models.recurrent import ParallelCharCNN, WordBiLSTM
from mner.models.system import BuildContext, Emissions, given, one_of, visual_size_of
from mner.models.words import make_words

VARIANTS = {"released": "separate", "interacting": "interacting"}

CARD = Card(
    name="acoa",
    version=1,
    title="ACOA",
    cite="Zhang, Fu, Liu, Huang: Adaptive Co-attention Network for Named Entity Recognition in Tweets. AAAI 2018",
    needs=("regions",),
    published={
        "code read": "the PyTorch port monologg/NER-Multimodal-pytorch, which follows the paper's equations; the "
        "authors' own program (Keras 1.2) stacks convolutions, has two BiLSTMs and another gate",
        "visual input": "VGG-16, last pooling layer, 7×7×512, frozen",
        "text": "word vectors 200, characters 30 to 50 by convolutions of 2, 3, 4; BiLSTM 100 a direction",
        "recipe": "authors: RMSprop 1e-3, batch 10, 25 epochs, best dev F1. Port: Adam 1e-3, batch 16, 5 epochs, "
        "no selection",
        "vocabulary": "train, dev and test together, in both programs",
    },
    variants={
        "released": "scores w . tanh([query; key]): every word of a sentence attends alike, word and picture "
        "never meet (the equations as printed have this form too, from memory)",
        "interacting": "scores w . tanh(query + key): what the paper's prose claims",
    },
    absence="What the picture gives is added to what the last layer reads of every word, nearly the same whatever "
    "the picture; training that never sees a tweet without one takes it for granted (profile controls-all, "
    "negative control: own − none +6.5, own − shuffled +0.1)",
    caveats=(
        "The authors' code run by others, and the port (67.2 on TW15), both stay below the printed number.",
        "The port pads every sentence to 35 words and reads and attends to the padding; here padding is masked.",
        "The port drops sentences without a picture, and has two extra tags; here neither.",
        "In profile paper, what the recipe above leaves open is ours: neither decay nor clipping.",
        "The port reads numbers as one symbol and cuts the sign off #word and @word; option words sets ours.",
    ),
    published_recipe={
        "epochs": 25,
        "batch_size": 10,
        "head_learning_rate": 1e-3,
        "transition_learning_rate": 1e-3,
        "optimiser": "rmsprop",
        "schedule": "constant",
        "warmup": 0.0,
        "precision": "float32",
        "image_encoder": "not trained",
    },
)


@dataclass(frozen=True, slots=True)
class Trace:
    """Every step of a forward pass; ``reserved`` is what the filtration gate lets through."""

    spelled: Float[Tensor, "batch words spelled"]
    text: Float[Tensor, "batch words hidden"]
    regions: Float[Tensor, "batch regions hidden"]
    attended: CoAttended
    fused: Gated
    reserved: Gated
    emissions: Float[Tensor, "batch words labels"]


class Network(nn.Module):
    """Everything between numbers and emissions (golden/OLDER.md 1, steps 1-7).

    A sentence without picture receives nothing from the fused path: its emissions are those of the text alone.
    """

    def __init__(
        self, words: nn.Module, word_size: int, characters: ParallelCharCNN, *,
        visual_size: int, hidden: int, labels: int, scores: str,
    ) -> None:  # fmt: skip
        super().__init__()
        self.words = words
        self.characters = characters
        self.lstm = WordBiLSTM(word_size + characters.width, hidden)
        self.region = nn.Linear(visual_size, hidden)
        self.co_attention = CoAttention(hidden, scores)
        self.fusion = GatedFusion(hidden, hidden, hidden)
        self.filtration = FiltrationGate(hidden, hidden, hidden)
        self.emission = nn.Linear(2 * hidden, labels)

    def forward(
        self,
        words: Int[Tensor, "batch words"],
        characters: Int[Tensor, "batch words characters"],
        word_mask: Bool[Tensor, "batch words"],
        image: Visual,
    ) -> Trace:
        spelled = self.characters(characters)
        text = self.lstm(torch.cat([self.words(words), spelled], dim=-1), word_mask)
        regions = torch.tanh(self.region(image.regions))
        attended = self.co_attention(text, word_mask, regions, image.mask)
        fused = self.fusion(attended.image, attended.text)
        reserved = self.filtration(text, fused.states)
        has_picture = image.mask.any(-1)[:, None, None].to(text.dtype)
        emissions = self.emission(torch.cat([text, reserved.states * has_picture], dim=-1))
        return Trace(spelled, text, regions, attended, fused, reserved, emissions)


class Tagger(nn.Module):
    """The network on a batch. ``characters`` sets the sizes of ``ParallelCharCNN``, its dropout included."""

    def __init__(
        self,
        build: BuildContext,
        *,
        variant: str,
        words: Mapping[str, Any],
        characters: Mapping[str, Any],
        hidden: int,
    ) -> None:
        super().__init__()
        self.vocabulary, embedding = make_words(build, words)
        self.network = Network(
            embedding,
            embedding.width,
            ParallelCharCNN(self.vocabulary.n_characters, **characters),
            visual_size=visual_size_of(build, CARD.name),
            hidden=hidden,
            labels=len(build.labels),
            scores=VARIANTS[one_of(f"{CARD.name}: variant", variant, VARIANTS)],
        )

    def forward(self, batch: Batch) -> Emissions:
        ids = self.vocabulary.encode(batch)
        trace = self.network(ids.words, ids.characters, batch.word_mask, given(batch.image, "image", CARD.name))
        return Emissions(trace.emissions, batch.word_mask)

"""VG: a summary of the tweet asks the picture once; the answer starts the BiLSTM and is dosed word by word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mner.data.batch import Batch, Visual
from mner.models.cards import Card
from mner.models.coattention import AdditiveAttention
from mner.models.recurrent import CharLSTM, WordBiLSTM, run_packed
from mner.models.system import BuildContext, Emissions, given, one_of, visual_size_of
from mner.models.words import make_words

VARIANTS = {"paper": "separate", "interacting": "interacting"}

CARD = Card(
    name="vg",
    version=1,
    title="VG",
    cite="Lu, Neves, Carvalho, Zhang, Ji: Visual Attention Model for Name Tagging in Multimodal Social Media. "
    "ACL 2018",
    needs=("regions",),
    published={
        "code": "none by the authors was found; equations from memory, in agreement with an anonymous program",
        "visual input": "ResNet-152, last convolution, 7×7×2048",
        "recipe": "the paper's is not known. The anonymous program: frozen vectors of 200, Adam 1e-3, decay 1e-5",
        "data": "4290 / 1432 / 1459 tweets: the paper's own number cannot be the table's Twitter-2017 cell",
    },
    variants={
        "paper": "scores w . (tanh(query) + tanh(region)): the query's part is the same for all regions, softmax "
        "cancels it, and the tweet does not choose where to look",
        "interacting": "scores w . tanh(query + region): what the paper's prose claims",
    },
    caveats=(
        "The anonymous program has a score and a softmax for every channel; here one score a region. Both cancel.",
        "How the answer starts the BiLSTM is not said: here its halves are the first hidden states.",
        "The table's cells come from UMT's re-implementation (inferred), whose recipe is not stated.",
        "In profile paper, rates and decay are the anonymous program's; epochs and batch size are ours.",
    ),
    reconstructed="from memory of the paper's equations, and an anonymous program that agrees with them",
)


class ModulationGate(nn.Module):
    """``b_w * h + b_v * m``: gates b_w, b_v and the mix m are each a function of word h and answer v.

    ``b_v = sigmoid(W_v h + U_v v + c_v)``, b_w likewise, ``m = tanh(W_m h + U_m v + c_m)``. U has no bias, so a
    zero answer (no picture) adds nothing.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.of_word = nn.Linear(size, 3 * size)
        self.of_image = nn.Linear(size, 3 * size, bias=False)

    def forward(
        self, words: Float[Tensor, "batch words size"], image: Float[Tensor, "batch size"]
    ) -> Float[Tensor, "batch words size"]:
        image_gate, word_gate, mixed = (self.of_word(words) + self.of_image(image)[:, None]).chunk(3, dim=-1)
        return torch.sigmoid(word_gate) * words + torch.sigmoid(image_gate) * torch.tanh(mixed)


class Tagger(nn.Module):
    """Query LSTM, attention over regions, BiLSTM started by its answer, modulation gate, linear layer."""

    def __init__(
        self,
        build: BuildContext,
        *,
        variant: str,
        words: Mapping[str, Any],
        characters: int,
        character_hidden: int,
        hidden: int,
        dropout: float,
    ) -> None:
        super().__init__()
        scores = VARIANTS[one_of(f"{CARD.name}: variant", variant, VARIANTS)]
        self.vocabulary, self.words = make_words(build, words)
        self.characters = CharLSTM(self.vocabulary.n_characters, characters, character_hidden, dropout)
        inputs = self.words.width + character_hidden
        self.dropout = nn.Dropout(dropout)
        self.query = nn.LSTM(inputs, hidden, batch_first=True)
        self.region = nn.Linear(visual_size_of(build, CARD.name), hidden)
        self.attention = AdditiveAttention(hidden, hidden, hidden, scores)
        self.lstm = WordBiLSTM(inputs, hidden)
        self.gate = ModulationGate(hidden)
        self.emission = nn.Linear(hidden, len(build.labels))

    def forward(self, batch: Batch) -> Emissions:
        ids = self.vocabulary.encode(batch)
        spelled = self.characters(ids.characters, ids.lengths)
        embedded = self.dropout(torch.cat([self.words(ids.words), spelled], dim=-1))
        answer = self.ask(embedded, batch.word_mask, given(batch.image, "image", CARD.name))
        first = torch.stack(answer.chunk(2, dim=-1))
        states = self.lstm(embedded, batch.word_mask, (first, torch.zeros_like(first)))
        modulated = self.gate(self.dropout(states), answer)
        return Emissions(self.emission(modulated), batch.word_mask)

    def ask(
        self, embedded: Float[Tensor, "batch words inputs"], mask: Bool[Tensor, "batch words"], image: Visual
    ) -> Float[Tensor, "batch hidden"]:
        """What the tweet's summary finds in the picture; zero without one."""
        _, summary = run_packed(self.query, embedded, mask.sum(-1))
        found, _ = self.attention(summary.transpose(0, 1), self.region(image.regions), image.mask)
        return found.squeeze(1)

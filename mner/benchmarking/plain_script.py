"""What anyone would write in an afternoon: encoder, linear layer, softmax loss on first pieces, sorted batches.

It shares no code with the harness's training loop or models, so that beating it, or not, means something.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from mner.data.corpus import LABELS, Sentence

IGNORED = -100
UPDATES = 1266


class PlainTagger(nn.Module):
    """``W h + b`` over every piece of a transformer."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        config: Any = encoder.config
        self.output = nn.Linear(config.hidden_size, len(LABELS))

    def forward(self, ids: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        return self.output(self.encoder(input_ids=ids, attention_mask=attended).last_hidden_state)


class PlainScript:
    """One training script: tokenised once, bf16 autocast, AdamW, linear decay after 10 % warm-up, clip 1.0."""

    def __init__(
        self,
        encoder: nn.Module,
        tokenizer: Any,
        sentences: Sequence[Sentence],
        device: torch.device,
    ) -> None:
        self.device = device
        self.model = PlainTagger(encoder).to(device)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=2e-4, weight_decay=0.01)
        updates, warm = UPDATES, UPDATES // 10
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda step: min((step + 1) / warm, max(0.0, (updates - step) / (updates - warm)))
        )
        self.pad = tokenizer.pad_token_id
        self.examples = [_encode(tokenizer, sentence) for sentence in sentences]

    def lengths(self) -> np.ndarray:
        """Pieces of every sentence."""
        return np.array([len(ids) for ids, _ in self.examples])

    def step(self, rows: Sequence[int]) -> int:
        """One update; returns the number of sentences."""
        ids, labels = self._collate(rows)
        self.model.train()
        self.optimiser.zero_grad()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = self.model(ids, ids != self.pad)
        loss = nn.functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        return len(rows)

    def _collate(self, rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        longest = max(len(self.examples[row][0]) for row in rows)
        ids = torch.full((len(rows), longest), self.pad)
        labels = torch.full((len(rows), longest), IGNORED)
        for slot, row in enumerate(rows):
            pieces, tags = self.examples[row]
            ids[slot, : len(pieces)] = torch.tensor(pieces)
            labels[slot, : len(tags)] = torch.tensor(tags)
        return ids.to(self.device), labels.to(self.device)


def _encode(tokenizer: Any, sentence: Sentence) -> tuple[list[int], list[int]]:
    if sentence.tags is None:
        raise ValueError("the plain script trains on tagged sentences; this one has no tags")
    encoded = tokenizer(list(sentence.words), is_split_into_words=True)
    places = encoded.word_ids()
    labels = [
        LABELS.index(sentence.tags[word]) if word is not None and word != before else IGNORED
        for word, before in zip(places, [None, *places], strict=False)
    ]
    return encoded["input_ids"], labels

"""How a run is trained: every number that moves a result, none with a default (params.yaml sets them all)."""

from __future__ import annotations

import math
from dataclasses import dataclass

PRECISIONS = ("float32", "bfloat16", "auto")
VIEWS = ("own", "none", "shuffled", "neighbours")
"""What a test split may be predicted with; ``own`` is the ordinary one."""

SCHEDULES = ("linear", "constant", "bert")
OPTIMISERS = ("adamw", "bert")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training recipe.

    ``threads`` is how many CPU threads a run has, whatever the machine has: sums are split among threads, so
    another number rounds differently. More cores train more runs at the same time instead.
    ``train_sentences`` trains on the first n sentences only (null: all), and is printed wherever the number is.
    ``frozen_layers`` lower encoder layers (with the embeddings) are not trained; their states are cached.
    Learning rates are peaks: encoder, everything else, and CRF transitions. ``warmup`` is a share of all updates.
    ``optimiser`` adamw is bias-corrected; bert is the one published with BERT, whose
    ``schedule`` bert falls as if there had been no warm-up (``mner.training.optimisers``).
    ``precision`` auto is bfloat16 where the hardware multiplies it natively, else float32; the record says which.
    ``max_pieces`` bounds a tweet with its context, in word pieces; batches are padded to their longest tweet,
    rounded up to a ``length_multiple`` of pieces (8 suits a GPU's matrix units; on a CPU 1 is faster). ``views``
    are predicted for the test split; the epoch is selected by the mean dev F1 over the views of ``select``.
    Training stops once ``patience`` epochs in a row were not better (null: never). ``predict_every_epoch`` also
    keeps the test tags of every epoch, for the question what picking the epoch on test would have printed;
    ``keep_weights`` keeps the best weights.
    """

    epochs: int
    batch_size: int
    threads: int
    train_sentences: int | None
    frozen_layers: int
    encoder_learning_rate: float
    head_learning_rate: float
    transition_learning_rate: float
    weight_decay: float
    optimiser: str
    warmup: float
    schedule: str
    clip: float
    precision: str
    max_pieces: int
    length_multiple: int
    evaluation_batch_size: int
    views: tuple[str, ...]
    select: tuple[str, ...]
    patience: int | None
    predict_every_epoch: bool
    keep_weights: bool

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"recipe: precision {self.precision!r}; choose one of {', '.join(PRECISIONS)}")
        if self.optimiser not in OPTIMISERS:
            raise ValueError(f"recipe: optimiser {self.optimiser!r}; choose one of {', '.join(OPTIMISERS)}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"recipe: schedule {self.schedule!r}; choose one of {', '.join(SCHEDULES)}")
        for field, views in (("views", self.views), ("select", self.select)):
            unknown = [view for view in views if view not in VIEWS]
            if unknown or not views:
                raise ValueError(f"recipe: {field} {list(views)}; choose from {', '.join(VIEWS)}")
        counts = (self.epochs, self.batch_size, self.evaluation_batch_size, self.threads, self.length_multiple)
        if min(counts) < 1:
            raise ValueError("recipe: epochs, batch sizes, threads and length_multiple are at least 1")
        if self.frozen_layers < 0:
            raise ValueError(f"recipe: frozen_layers is at least 0 (0: all are trained), not {self.frozen_layers}")
        if self.max_pieces < 3 or (self.train_sentences is not None and self.train_sentences < 1):
            raise ValueError("recipe: max_pieces is at least 3, train_sentences at least 1 (or null for all)")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"recipe: patience is at least 1 epoch (or null for never), not {self.patience}")
        rates = ("encoder_learning_rate", "head_learning_rate", "transition_learning_rate", "weight_decay")
        for field in (*rates, "clip", "warmup"):
            value = getattr(self, field)
            if not math.isfinite(value) or value < 0:
                raise ValueError(f"recipe: {field} is a number of at least 0, not {value}")
        if self.clip <= 0:
            raise ValueError(f"recipe: clip is the largest norm of a gradient, above 0, not {self.clip}")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"recipe: warmup is a share of all updates, 0 <= warmup < 1, not {self.warmup}")

"""How a run is trained: every number that moves a result.

params.yaml sets all fields without a default. Those with one were added later, for recipes that papers used;
a run's identity leaves out what stands at its default, so that earlier runs keep their keys.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

PRECISIONS = ("float32", "bfloat16", "auto")
VIEWS = ("own", "none", "shuffled", "neighbours")
"""What a test split may be predicted with; ``own`` is the ordinary one."""

SCHEDULES = ("linear", "constant", "bert", "inverse_time", "step")
OPTIMISERS = ("adamw", "bert", "adam", "sgd", "rmsprop")
LOSSES = ("mean", "sum")
CLIPS = ("norm", "parameter", "none")
ORDERS = ("each epoch", "never")
SUBWORD_ROWS = ("all", "used")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training recipe.

    ``threads`` is how many CPU threads a run has, whatever the machine has: sums are split among threads, so
    another number rounds differently. More cores train more runs at the same time instead.
    ``train_sentences`` trains on the first n sentences only (null: all), and is printed wherever the number is.
    ``frozen_layers`` lower encoder layers (with the embeddings) are not trained; their states are cached.
    Learning rates are peaks: encoder, everything else, and CRF transitions. ``warmup`` is a share of all updates.
    ``optimiser`` adamw is bias-corrected; bert is the one published with BERT, whose
    ``schedule`` bert falls as if there had been no warm-up (``mner.training.optimisers``). adam, sgd (without
    momentum) and rmsprop add ``weight_decay`` to the gradients of all parameters, as L2 regularisation.
    ``schedule`` inverse_time is ``1 / (1 + decay * epoch)``, with epochs counted from 0; step multiplies the rates
    by ``decay`` every ``decay_epochs`` epochs.
    ``loss`` sum is the loss of a batch times its sentences: the sum of what mean averages over them.
    ``clip`` bounds the norm of all gradients, of each parameter's by itself, or nothing, as ``clip_by`` says.
    ``shuffled`` never takes the sentences in the order of the file, without sorting by length.
    ``evaluate_every`` n evaluates dev after every n updates of the run, and at the end of each epoch; the weights
    that are kept are those of the best of these moments (null: at the ends of epochs alone).
    ``dev_batch`` n selects by the mean of the dev F1 of n sentences each, in the order of the file and without the
    last ones that make no whole batch (null: one F1 over dev).
    ``subword_rows`` used trains only those rows of the encoder's subword table that a data set reads
    (``mner.models.used_subwords``): the same run but for rounding, in less time and memory.
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
    decay: float = 0.0
    decay_epochs: int = 1
    loss: str = "mean"
    clip_by: str = "norm"
    shuffled: str = "each epoch"
    evaluate_every: int | None = None
    dev_batch: int | None = None
    subword_rows: str = "all"

    def __post_init__(self) -> None:
        self._check_published()
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
        for field in ("epochs", "batch_size", "evaluation_batch_size", "threads", "length_multiple"):
            if getattr(self, field) < 1:
                raise ValueError(f"recipe: {field} is {getattr(self, field)}; it is at least 1")
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

    def _check_published(self) -> None:
        """Check the fields that were added later."""
        choices = (("loss", LOSSES), ("clip_by", CLIPS), ("shuffled", ORDERS), ("subword_rows", SUBWORD_ROWS))
        for field, known in choices:
            if getattr(self, field) not in known:
                raise ValueError(f"recipe: {field} {getattr(self, field)!r}; choose one of {', '.join(known)}")
        if not math.isfinite(self.decay) or self.decay < 0:
            raise ValueError(f"recipe: decay is a number of at least 0, not {self.decay}")
        if self.schedule in ("inverse_time", "step") and self.decay == 0:
            raise ValueError(f"recipe: schedule {self.schedule} needs a decay above 0")
        counts = (self.decay_epochs, self.evaluate_every, self.dev_batch)
        if any(count is not None and count < 1 for count in counts):
            raise ValueError("recipe: decay_epochs, evaluate_every and dev_batch are at least 1 (or null)")


DEFAULTS: Mapping[str, Any] = {
    field.name: field.default for field in fields(Recipe) if field.default is not MISSING
}
"""Fields that earlier recipes did not have, and the value that stands for what those did."""


def identifying(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what stands at its default: the part of a recipe that enters the identity of a run."""
    return {name: value for name, value in recipe.items() if name not in DEFAULTS or value != DEFAULTS[name]}


OPTIMISER_WORDS = {
    "adamw": "AdamW, bias-corrected; decay spares biases, norms and CRF transitions",
    "bert": "BERT's own AdamW, not bias-corrected; decay spares biases and norms of layers",
    "adam": "Adam, bias-corrected; decay is L2 regularisation of all parameters",
    "sgd": "SGD without momentum; decay is L2 regularisation of all parameters",
    "rmsprop": "RMSprop (smoothing 0.9, epsilon 1e-8); decay is L2 regularisation of all parameters",
}

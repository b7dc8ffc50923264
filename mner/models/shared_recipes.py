"""Published recipes that several cards share."""

from __future__ import annotations

UMT_FAMILY = {
    "epochs": {"twitter2015": 24, "twitter2017": 22},
    "batch_size": 32,
    "encoder_learning_rate": 5e-5,
    "head_learning_rate": 5e-5,
    "transition_learning_rate": 5e-5,
    "weight_decay": 0.01,
    "optimiser": "bert",
    "schedule": "linear",
    "warmup": 0.1,
    "clip": 1.0,
    "clip_by": "parameter",
    "precision": "float32",
    "frozen_layers": 0,
}
"""UMT's program; the rows BERT and BERT-CRF are believed to be of its family."""

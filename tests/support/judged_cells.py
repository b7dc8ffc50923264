"""Finished cells with F1 to order, judged against the printed BERT-CRF row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mner.evaluation.paper import Requirements
from mner.evaluation.paper_reading import load_paper
from mner.evaluation.score_results import ScoredCell
from mner.evaluation.verdicts import (
    judge,
)
from support.filled_results import filled

RECIPE = {"epochs": 3, "precision": "float32"}
PAPER = load_paper(Path(__file__).resolve().parents[2] / "reports" / "paper.yaml").requiring(
    {name: Requirements(RECIPE) for name in ("bert-crf", "rgcn", "ocsga", "vg", "acoa")}
)
TABLE1 = {row.id: row for row in PAPER.tables[0].rows}
BERT_CRF = TABLE1["bert-crf"]
TARGET = 83.44
MARGIN, ALPHA = 0.5, 0.05


def cell_of(values: list[float], **changes: Any) -> ScoredCell:
    """A finished cell on Twitter-2017 under the conditions of the printed BERT-CRF row."""
    cell = {
        "dataset": "twitter2017",
        "system": "bert-crf",
        "state": "finished",
        "reason": None,
        "encoder": {"name": "bert-base-cased", "sha256": PAPER.weights["bert-base-cased"].sha256},
        "visual_input": "none",
        "data_copy": "umt",
        "recipe": {"epochs": 3, "train_sentences": None, "frozen_layers": 0},
        "precision": "float32",
        "views": {"test.own": {"f1": {"values": values, "records": records_of(values)}}},
    }
    return filled(ScoredCell, cell | changes)


def records_of(values: list[float]) -> list[str]:
    return [f"runs/x/twitter2017/bert-crf/{seed}/record.json" for seed in range(len(values))]


def judged(values: list[float], row=BERT_CRF, **changes: Any):
    return judge(cell_of(values, **changes), row, PAPER, MARGIN, ALPHA)

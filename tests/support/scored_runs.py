"""Scored runs as `mner score` writes them, with F1 to order; what waterfalls are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mner.evaluation.paper_reading import load_paper
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.score_results import ScoreResults
from support.filled_results import filled

PAPER = load_paper(Path(__file__).resolve().parents[2] / "reports" / "paper.yaml")
SCORERS = ("conlleval", "strict", "ncrfpp", "umt", "umgf", "rgcn-16", "rgcn-64", "ita")


def scores_of(system: str, dataset: str) -> ScoreResults:
    cell = {
        "dataset": dataset,
        "system": system,
        "state": "finished",
        "encoder": {"name": "minilm"},
        "visual_input": "captions:blip2",
        "data_copy": "umt",
        "recipe": {"epochs": 3, "frozen_layers": 4, "train_sentences": None},
    }
    return filled(ScoreResults, {"profile": "p", "cells": [cell]})


def rescored(runs: list[dict[str, Any]]) -> RescoredResults:
    return filled(RescoredResults, {"runs": runs})


def scored_run(system: str, dataset: str, seed: int, value, epochs: int, copies=("umt", "rgcn")) -> dict[str, Any]:
    """``value()`` gives one F1 after another."""
    names = ["test.own", *(f"epoch-{n + 1}.test.own" for n in range(epochs))]
    return {
        "record": f"runs/p/{dataset}/{system}/{seed}/record.json",
        "dataset": dataset,
        "system": system,
        "seed": seed,
        "data_copy": "umt",
        "copies": {copy: {name: {one: {"f1": value()} for one in SCORERS} for name in names} for copy in copies},
    }

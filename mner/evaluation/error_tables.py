"""Errors of a profile's runs by kind, agreement between runs, and labels that the runs contradict together.

Sentences are named by index and picture, entities by word positions and type: no word of a tweet is returned.
"""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mner.data.corpus import Sentence
from mner.evaluation.agreement import agreement, suspects
from mner.evaluation.errors import OUTCOMES, SurfaceForm, breakdown, judge, training_entities
from mner.evaluation.spans import entities
from mner.evaluation.tagged import Tagged

SUSPECT_SHARE = 0.8


def profile_errors(tagged: Tagged, training: Mapping[str, Sequence[Sentence]]) -> dict[str, Any]:
    """Content of ``results/<profile>/errors.json``; ``training`` maps data set to its training split."""
    return {
        "format": 1,
        "profile": tagged.profile,
        "outcomes": list(OUTCOMES),
        "datasets": {
            dataset: {
                "cells": _cells(tagged, dataset, training_entities(training[dataset])),
                "agreement": _agreement(tagged, dataset),
                "suspects": _suspects(tagged, dataset),
            }
            for dataset in tagged.datasets
            if tagged.gold.get((dataset, "test")) is not None
        },
    }


def _cells(tagged: Tagged, dataset: str, seen: Collection[SurfaceForm]) -> list[dict[str, Any]]:
    """Per system, cut and group: how many entities met each outcome, one count a run."""
    gold, sentences = tagged.gold[dataset, "test"], tagged.sentences[dataset, "test"]
    found = []
    for system, runs in tagged.cells(dataset):
        tables = [breakdown(sentences, judge(gold, run.tags["test.own"]), seen) for run in runs]
        groups = sorted({group for table in tables for group in table})
        rows = [
            {
                "cut": cut,
                "group": group,
                "counts": {
                    outcome: [table.get((cut, group), {}).get(outcome, 0) for table in tables]
                    for outcome in OUTCOMES
                },
            }
            for cut, group in groups
        ]
        found.append({"system": system, "records": [run.record for run in runs], "rows": rows})
    return found


def _agreement(tagged: Tagged, dataset: str) -> list[dict[str, Any]]:
    """How alike, and how often right, the seeds of each system and all runs together read the sentences."""
    groups = {system: {system: runs} for system, runs in tagged.cells(dataset)}
    groups["all runs"] = dict(tagged.cells(dataset))
    gold, found = tagged.gold[dataset, "test"], []
    bearing = [bool(row) for row in entities(gold)]
    for name, members in groups.items():
        runs = [run for of_system in members.values() for run in of_system]
        row: dict[str, Any] = {"group": name, "records": [run.record for run in runs]}
        if len(runs) < 2:
            found.append(row | {"state": "one run: agreement needs two"})
            continue
        every = agreement(gold, {key: [run.tags["test.own"] for run in held] for key, held in members.items()})
        kept = [one for one, wanted in zip(every, bearing, strict=True) if wanted]
        row |= {
            "sentences": len(kept),
            "pairwise": 100 * statistics.fmean(one.pairwise for one in kept),
            "all_right": sum(one.right > 1 - 1e-9 for one in kept),
            "none_right": sum(one.right < 1e-9 for one in kept),
        }
        found.append(row)
    return found


def _suspects(tagged: Tagged, dataset: str) -> dict[str, Any]:
    members = dict(tagged.cells(dataset))
    records = [run.record for of_system in members.values() for run in of_system]
    if len(members) < 2:
        return {"records": records, "state": "fewer than two systems: nothing to agree against gold"}
    tags = {name: [run.tags["test.own"] for run in held] for name, held in members.items()}
    sentences = tagged.sentences[dataset, "test"]
    found = suspects(tagged.gold[dataset, "test"], tags, SUSPECT_SHARE)
    return {
        "records": records,
        "at_least": SUSPECT_SHARE,
        "systems": len(members),
        "entries": [
            {
                **asdict(suspect),
                "entity": suspect.entity._asdict(),
                "gold": [entity._asdict() for entity in suspect.gold],
                "image": sentences[suspect.sentence].image,
            }
            for suspect in found
        ],
    }

"""Averages over seeds: from scored runs to the cells of a table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from mner.data.corpus import PROBES

CONDITIONS = ("encoder", "data_copy", "visual_input", "recipe", "options", "precision", "inputs")
MEASURES = ("precision", "recall", "f1")
WORD_VECTORS = "word vectors"


class ScoringError(ValueError):
    """Predictions, gold or records that do not belong together; the message names run and sentence."""


def average_cell(
    dataset: str, system: str, seeds: Sequence[int], all_runs: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """One cell of ``scores.json``: all runs of (data set, system), averaged over seeds.

    ``all_runs`` are scored runs (see ``scoring.score_profile``) of any cell. ``reliance`` is F1 with the own
    picture minus F1 without one (``none``) or with another tweet's (``shuffled``), paired within each run.

    Raises:
        ScoringError: runs of the cell were made under different conditions.
    """
    runs = [run for run in all_runs if (run["dataset"], run["system"]) == (dataset, system)]
    finished = [run for run in runs if run["status"] == "finished"]
    state = "finished" if finished else ("skipped" if runs else "not-run")
    cell: dict[str, Any] = {"dataset": dataset, "system": system, "state": state, "views": {}, "reliance": {}}
    cell["reason"] = runs[0]["reason"] if state == "skipped" else None
    cell["missing_seeds"] = [seed for seed in seeds if seed not in {run["seed"] for run in runs}]
    if finished:
        cell |= _conditions(dataset, system, finished)
        cell["views"] = _views(finished)
        cell["reliance"] = {
            view: summary(
                [run["views"]["test.own"]["f1"] - run["views"][f"test.{view}"]["f1"] for run in having], having
            )
            for view in PROBES
            if (having := [run for run in finished if {"test.own", f"test.{view}"} <= set(run["views"])])
        }
        cell["throughput"] = _throughput(finished)
    return cell


def _conditions(dataset: str, system: str, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    for field in CONDITIONS:
        for run in runs[1:]:
            if run[field] != runs[0][field]:
                raise ScoringError(
                    f"cell {dataset} x {system}: {field} differs between {runs[0]['record']} and {run['record']}; "
                    "runs made under different conditions are not averaged"
                )
    told = {field: runs[0][field] for field in CONDITIONS if field != "inputs"}
    software = sorted({run["software"] for run in runs})
    loaded: dict[str, Any] = {"loaded": found} if (found := loaded_by(runs)) else {}
    if all(run.get("machine") for run in runs):
        loaded["machines"] = sorted({run["machine"] for run in runs})
    return told | {"encoder": text_encoder(told["encoder"], told["options"]), "software": software} | loaded


def loaded_by(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all runs of a cell loaded and read, as far as every record says it; empty where one does not.

    ``weights_sha256`` lists the distinct hashes of the encoder's weights, ``regions_sha256`` those of what made
    the regions; ``pictures_read`` has by split the smallest share of valid pictures that a run read.
    """
    held = [run.get("loaded") or {} for run in runs]
    found: dict[str, Any] = {}
    for name in ("weights_sha256", "regions_sha256"):
        if all(one.get(name) for one in held):
            found[name] = sorted({one[name] for one in held})
    if all(one.get("pictures_read") for one in held):
        shares = [one["pictures_read"] for one in held]
        splits = [split for split in shares[0] if all(split in one for one in shares)]
        found["pictures_read"] = {split: min(one[split] for one in shares) for split in splits}
    return found


def cells_of(scores: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The cells of ``scores.json`` by data set and system."""
    return {(cell["dataset"], cell["system"]): cell for cell in scores["cells"]}


def finished_cells(scores: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Those that have numbers."""
    return {place: cell for place, cell in cells_of(scores).items() if cell["state"] == "finished"}


def own_f1(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    """Test F1 of a finished cell with the tweets' own pictures, as :func:`summary` gives it."""
    return cell["views"]["test.own"]["f1"]


def encoder_name(cell: Mapping[str, Any]) -> str:
    """What read the words of a finished cell, by name; ``none`` where its own layers did."""
    return (cell["encoder"] or {}).get("name", "none")


def text_encoder(encoder: Mapping[str, Any] | None, options: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What read the words of a run: word vectors where its options name them, else the profile's encoder.

    A record names the profile's encoder whether the row reads it or not. ``placement`` is the option of a row
    (RpBERT) that sets word vectors beside an encoder.
    """
    words = options.get("words") or (options.get("reader") or {}).get("words")
    if not words:
        return encoder
    name = words["vectors"]
    if "placement" in options:
        name = f"{(encoder or {}).get('name', 'none')}+{name}"
    return {"name": name, "source": WORD_VECTORS, "sha256": None}


def _views(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = sorted({view for run in runs for view in run["views"]})
    views = {}
    for name in names:
        having = [run for run in runs if name in run["views"]]
        scored = [run["views"][name] for run in having]
        views[name] = {measure: summary([scores[measure] for scores in scored], having) for measure in MEASURES}
        views[name]["types"] = {
            kind: summary([scores["types"].get(kind, {}).get("f1") for scores in scored], having)
            for kind in dict.fromkeys(kind for scores in scored for kind in scores["types"])
        }
    return views


def _throughput(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    measured = [run for run in runs if run["throughput"] is not None]
    devices = {run["throughput"]["device"] for run in measured}
    measures = sorted({name for run in measured for name in run["throughput"]} - {"device"})
    return {
        device: {
            name: summary([run["throughput"].get(name) for run in having], having)
            for name in measures
            if (having := [run for run in measured if run["throughput"]["device"] == device])
        }
        for device in sorted(devices)
    }


def summary(values: Sequence[float | None], runs: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Mean and s.d. (n-1) over seeds with the runs behind them; None where any run leaves the value undefined.

    ``sd`` is None for a single run: one seed says nothing about spread.
    """
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    if not numbers or len(numbers) != len(values):
        return None
    return {
        "mean": statistics.fmean(numbers),
        "sd": statistics.stdev(numbers) if len(numbers) > 1 else None,
        "n": len(numbers),
        "values": numbers,
        "seeds": [run["seed"] for run in runs],
        "records": [run["record"] for run in runs],
        "keys": [run["key"] for run in runs],
    }

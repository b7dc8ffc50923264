"""Averages over seeds: from scored runs to the cells of a table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mner.config.training_recipe import identifying
from mner.data.corpus import PROBES
from mner.evaluation.score_results import OWN, Loaded, ScoredCell, ScoredRun, Summary, TextEncoder, ViewSummary

CONDITIONS = ("encoder", "dataset_version", "visual_input", "recipe", "options", "precision")
"""What all runs of a cell must have in common, besides their inputs."""
WORD_VECTORS = "word vectors"


class ScoringError(ValueError):
    """Predictions, gold or records that do not belong together; the message names run and sentence."""


def average_cell(dataset: str, system: str, seeds: Sequence[int], all_runs: Sequence[ScoredRun]) -> ScoredCell:
    """Average all runs of (data set, system) over seeds; ``all_runs`` are runs of any cell.

    Raises:
        ScoringError: runs of the cell were made under different conditions.
    """
    runs = [run for run in all_runs if (run.dataset, run.system) == (dataset, system)]
    finished = [run for run in runs if run.is_finished]
    state = "finished" if finished else ("skipped" if runs else "not-run")
    reason = runs[0].reason if state == "skipped" else None
    missing = tuple(seed for seed in seeds if seed not in {run.seed for run in runs})
    cell = ScoredCell(dataset, system, state, reason, missing_seeds=missing)
    return _averaged(cell, finished) if finished else cell


def _averaged(cell: ScoredCell, runs: Sequence[ScoredRun]) -> ScoredCell:
    _check_conditions(cell, runs)
    one = runs[0]
    machines = {run.machine for run in runs}
    return replace(
        cell,
        views=_views(runs),
        image_sensitivity=_image_sensitivity(runs),
        encoder=text_encoder(one.encoder, one.options),
        dataset_version=one.dataset_version,
        visual_input=one.visual_input,
        recipe=one.recipe,
        options=one.options,
        precision=one.precision,
        software=tuple(sorted({run.software for run in runs})),
        machines=tuple(sorted(machines)) if all(machines) else (),
        loaded=loaded_by(runs),
        throughput=_throughput(runs),
    )


def _check_conditions(cell: ScoredCell, runs: Sequence[ScoredRun]) -> None:
    for field in (*CONDITIONS, "inputs"):
        for run in runs[1:]:
            if _condition(run, field) != _condition(runs[0], field):
                raise ScoringError(
                    f"cell {cell.dataset} x {cell.system}: {field} differs between {runs[0].record} and "
                    f"{run.record}; runs made under different conditions are not averaged"
                )


def _condition(run: ScoredRun, field: str) -> Any:
    """What a run was made with. Records written before a field of the recipe existed mean its default."""
    value = getattr(run, field)
    return identifying(value) if field == "recipe" and value is not None else value


def _image_sensitivity(runs: Sequence[ScoredRun]) -> dict[str, Summary | None]:
    """F1 with the own picture minus that of each ablated view, over the runs that have both."""
    found = {}
    for view in PROBES:
        having = [run for run in runs if {OWN, f"test.{view}"} <= set(run.views)]
        if having:
            found[view] = summary([run.views[OWN].f1 - run.views[f"test.{view}"].f1 for run in having], having)
    return found


def loaded_by(runs: Sequence[ScoredRun]) -> Loaded:
    """What all runs of a cell loaded and read, as far as every record says it."""
    hashes, pictures = {}, {}
    for name in ("weights_sha256", "regions_sha256"):
        if all(run.loaded.get(name) for run in runs):
            hashes[name] = tuple(sorted({run.loaded[name] for run in runs}))
    if all(run.loaded.get("pictures_read") for run in runs):
        shares = [run.loaded["pictures_read"] for run in runs]
        splits = [split for split in shares[0] if all(split in one for one in shares)]
        pictures = {split: min(one[split] for one in shares) for split in splits}
    return Loaded(pictures_read=pictures, **hashes)


def text_encoder(encoder: Mapping[str, Any] | None, options: Mapping[str, Any]) -> TextEncoder | None:
    """What read the words of a run: word vectors where its options name them, else the profile's encoder.

    A record names the profile's encoder whether the row reads it or not. ``placement`` is the option of a row
    (RpBERT) that adds word vectors to an encoder.
    """
    words = options.get("words") or (options.get("reader") or {}).get("words")
    if not words:
        return TextEncoder(**encoder) if encoder else None
    name = words["vectors"]
    if "placement" in options:
        name = f"{(encoder or {}).get('name', 'none')}+{name}"
    return TextEncoder(name, WORD_VECTORS)


def _views(runs: Sequence[ScoredRun]) -> dict[str, ViewSummary]:
    views = {}
    for name in sorted({view for run in runs for view in run.views}):
        having = [run for run in runs if name in run.views]
        scored = [run.views[name] for run in having]
        types = {
            kind: summary([one.types[kind].f1 if kind in one.types else None for one in scored], having)
            for kind in dict.fromkeys(kind for one in scored for kind in one.types)
        }
        views[name] = ViewSummary(
            summary([one.precision for one in scored], having),
            summary([one.recall for one in scored], having),
            summary([one.f1 for one in scored], having),
            types,
        )
    return views


def _throughput(runs: Sequence[ScoredRun]) -> dict[str, dict[str, Summary | None]]:
    measured = [(run, run.throughput) for run in runs if run.throughput is not None]
    measures = sorted({name for _, meters in measured for name in meters} - {"device"})
    found = {}
    for device in sorted({meters["device"] for _, meters in measured}):
        having = [(run, meters) for run, meters in measured if meters["device"] == device]
        of_device = [run for run, _ in having]
        found[device] = {name: summary([meters.get(name) for _, meters in having], of_device) for name in measures}
    return found


def summary(values: Sequence[float | None], runs: Sequence[ScoredRun]) -> Summary | None:
    """Mean and s.d. over the runs behind the values; None where any run leaves the value undefined."""
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    if not numbers or len(numbers) != len(values):
        return None
    return Summary(
        statistics.fmean(numbers),
        statistics.stdev(numbers) if len(numbers) > 1 else None,
        len(numbers),
        tuple(numbers),
        tuple(run.seed for run in runs),
        tuple(run.record for run in runs),
        tuple(run.key for run in runs),
    )

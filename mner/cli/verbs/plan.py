"""Say which runs of the active profile are missing, and what they will cost."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mner.base.escaping import show
from mner.cli import settings
from mner.cli.json_output import json_argument, prints_only_json, write_answer

if TYPE_CHECKING:
    from mner.config import Config
    from mner.evaluation.settling import Settling
    from mner.sweeping.run_plan import PlannedCell

GROUP, EXAMPLE = "start", "mner plan --json plan.json"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--until-settled",
        action="store_true",
        help="say which comparisons are settled, and how many runs `mner sweep --until-settled` would save",
    )
    json_argument(parser)


def run(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from mner.base.hardware import device_of
    from mner.base.meters import describe_device
    from mner.sweeping.run_plan import plan_of, render

    config = settings()
    plan = plan_of(config, Path(), describe_device(device_of()))
    answer: dict[str, Any] = {"profile": config.active.name, "cells": [asdict(cell) for cell in plan]}
    if not prints_only_json(options):
        show(render(plan, config.active.name), end="")
    if options.until_settled:
        answer["until_settled"] = _settling(config, plan, quiet=prints_only_json(options))
    write_answer(options, answer)


def _settling(config: Config, plan: Sequence[PlannedCell], *, quiet: bool) -> dict[str, Any]:
    from mner.evaluation.settling_table import render_settling, settling_answer
    from mner.sweeping.rounds import finished_seeds
    from mner.sweeping.sweep_session import check_built

    check_built(plan)
    finished = finished_seeds(plan, config.active.seeds)
    found = settling_now(config, finished)
    if not quiet:
        show("\n" + render_settling(found, finished), end="")
    return settling_answer(found)


def settling_now(config: Config, finished: Mapping[tuple[str, str], frozenset[int]]) -> Settling:
    """Answer the questions of the active profile from the runs that are finished."""
    from mner.base.shipped_files import shipped
    from mner.evaluation.paper_reading import load_paper
    from mner.evaluation.published_recipes import requirements
    from mner.evaluation.settling import RunTests, questions_of, settling_of

    paper = load_paper(shipped("paper.yaml")).requiring(requirements(config.systems))
    asked = questions_of(config, Path(), paper)
    active = config.active
    return settling_of(asked, active.cells, active.seeds, finished, RunTests(config, Path(), paper))

"""What ``--until-settled`` shows: each question with its finding, the seeds it takes, and the runs it saves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mner.base.terminal import aligned, wrapped
from mner.evaluation.settling import PRINTED, Answer, Settling

HEADER = ("data set", "system", "against", "finding", "seeds now", "seeds wanted", "seeds expected")


def render_settling(found: Settling, finished: Mapping[tuple[str, str], frozenset[int]]) -> str:
    """An aligned table of questions, and the runs that are expected to be trained and saved."""
    rows = [_row(one, found, finished) for one in found.answers]
    asked = {cell for one in found.answers for cell in one.question.cells}
    rows += [
        (
            *cell,
            "-",
            "no comparison: all seeds",
            str(len(finished.get(cell, ()))),
            str(found.planned),
            str(found.planned),
        )
        for cell in found.wanted
        if cell not in asked
    ]
    runs = found.planned * len(found.wanted)
    there = sum(len(seeds) for seeds in finished.values())
    expected = sum(found.expected.values())
    counted = f"{runs} runs are planned, {there} are finished"
    said = f"{counted}; about {expected:.0f} will be needed, {found.saved:.0f} saved"
    if found.unknown:
        said += (
            f". {found.unknown} open questions count with all seeds: nothing is known before two runs a side are "
            "finished, and printed rows are not simulated"
        )
    return "\n".join([*aligned([HEADER, *rows], numbers=range(4, 7)), "", *wrapped(said)]) + "\n"


def _row(one: Answer, found: Settling, finished: Mapping[tuple[str, str], frozenset[int]]) -> tuple[str, ...]:
    question = one.question
    own = question.cells[0]
    against = "printed rows" if question.against == PRINTED else question.against
    state = one.finding if one.is_settled or one.looked < found.planned else "open with all seeds"
    now = min(len(finished.get(cell, ())) for cell in question.cells)
    return (*own, against, state, str(now), str(one.seeds), f"{found.expected[own]:.1f}")


def settling_answer(found: Settling) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "questions": [
            {
                "dataset": one.question.dataset,
                "system": one.question.system,
                "against": one.question.against,
                "finding": one.finding,
                "settled": one.is_settled,
                "seeds": one.seeds,
            }
            for one in found.answers
        ],
        "cells": [
            {
                "dataset": dataset,
                "system": system,
                "seeds_wanted": seeds,
                "seeds_expected": found.expected[dataset, system],
            }
            for (dataset, system), seeds in found.wanted.items()
        ],
        "runs_saved": found.saved,
        "questions_unknown": found.unknown,
    }

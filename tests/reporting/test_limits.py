"""What the page says of its own limits: of which cells, and nothing that does not hold."""

from __future__ import annotations

from typing import Any

import pytest
from support.filled_results import filled

from mner.evaluation.score_results import ScoreResults
from mner.reporting.limits import audit_summary, facts, limits


def _cell(**changes: Any) -> dict[str, Any]:
    cell = {
        "dataset": "twitter2017",
        "system": "umt",
        "state": "finished",
        "encoder": {"name": "minilm"},
        "recipe": {"epochs": 6, "frozen_layers": 0, "train_sentences": None},
        "precision": "fp32",
        "visual_input": "none",
        "data_copy": "umt",
        "missing_seeds": [],
    }
    return cell | changes


def _scores(*cells: dict[str, Any], **changes: Any) -> ScoreResults:
    scores = {"datasets": ["twitter2017"], "cells": list(cells), "outside": [], "mode": "conlleval", "runs": []}
    return filled(ScoreResults, scores | {"systems": ["umt"], "seeds": [1, 2]} | changes)


def test_a_whole_training_is_not_called_a_part_of_one() -> None:
    said = " ".join(limits(_scores(_cell()), []))
    assert "Text encoder: minilm. Each verdict says" in said
    for absent in ("subset", "Frozen", "lack at least one seed", "outside the profile", "Cut off"):
        assert absent not in said
    assert "Dataset version: umt." in said
    assert "What stands for the picture: none (umt)." in said
    assert "Scorer of all our numbers: conlleval." in said


def test_what_was_left_out_is_said_of_the_finished_cells() -> None:
    part = _cell(recipe={"epochs": 2, "frozen_layers": 4, "train_sentences": 400}, encoder=None, precision=None)
    absent = _cell(state="not-run", missing_seeds=[1, 2], encoder={"name": "unseen-encoder"})
    said = limits(_scores(_cell(), part, absent, outside=["x", "y"]), [])
    assert said[0].startswith("Text encoder: minilm, none.")
    assert "Trained on a subset: 400 sentences, not the whole training split." in said
    assert "Epochs: 2, 6; the epoch is picked on dev, never on test." in said
    assert "Frozen encoder layers: 0, 4; a fully tuned encoder may score higher." in said
    assert "Precision of training: fp32, not recorded." in said
    assert "1 of 3 cells lack at least one seed of the profile." in said
    assert "2 runs on disk lie outside the profile and were not scored." in said
    assert "unseen-encoder" not in " ".join(said)


def test_what_stands_for_the_picture_is_said_by_system_and_by_data_set_where_it_differs() -> None:
    cells = [
        _cell(system="bert-crf"),
        _cell(system="rgcn", visual_input="relations"),
        _cell(system="rgcn", visual_input="relations", dataset="twitter2015"),
        _cell(system="ita", visual_input="captions"),
        _cell(system="ita", visual_input="captions+objects", dataset="twitter2015"),
        _cell(system="ita", visual_input="captions", dataset="controls-positive"),
    ]
    (said,) = [one for one in limits(_scores(*cells), []) if one.startswith("What stands for the picture")]
    assert said == (
        "What stands for the picture: captions (ita on Twitter-2017 and Positive control); "
        "captions+objects (ita on Twitter-2015); none (bert-crf); relations (rgcn)."
    )


def test_nothing_of_papers_is_said_of_controls() -> None:
    said = " ".join(limits(_scores(_cell(), datasets=["controls-positive"]), []))
    assert "published" not in said
    assert "Dataset version" not in said


def _run(status: str, hours: float, **changes: Any) -> dict[str, Any]:
    run = {
        "status": status,
        "duration_seconds": 3600 * hours,
        "throughput": {"device": "cpu"},
        "software": "torch 2",
        "git": {"commit": "3" * 40, "dirty": False},
        "finished_at": "2026-01-01",
    }
    return run | changes


def test_facts_are_sums_over_finished_runs() -> None:
    runs = [
        _run("finished", 1.5),
        _run("finished", 0.75, throughput=None, finished_at="2026-01-02"),
        _run("skipped", 9.0, throughput={"device": "gpu"}, finished_at="2026-01-03", software="torch 9"),
    ]
    said = dict(facts(_scores(_cell(), _cell(), runs=runs)))
    assert said["Runs"] == "2 of 4 finished"
    assert said["Compute"] == "2.2 hours of runs"
    assert (said["Device"], said["Software"], said["Last run"]) == ("cpu", "torch 2", "2026-01-02")
    assert (said["Data sets"], said["Systems"], said["Seeds"]) == ("Twitter-2017", "1", "1 2")
    assert said["Commit"] == "3333333333"
    several = [
        _run("finished", 1.0, software=name, throughput={"device": name}) for name in ("torch 3", "torch 2")
    ]
    said = dict(facts(_scores(_cell(), runs=several)))
    assert (said["Software"], said["Device"]) == ("torch 2; torch 3", "torch 2, torch 3")
    nothing = dict(facts(_scores(_cell())))
    assert [nothing[name] for name in ("Device", "Software", "Compute", "Commit", "Last run")] == ["–"] * 5


@pytest.mark.parametrize("audited", [True, False])
def test_findings_are_counted_by_severity_and_mere_information_is_not_listed(audited: bool) -> None:
    made = [("a", "info"), ("b", "defect"), ("c", "differs"), ("d", "defect")]
    found = [
        {"id": name, "severity": severity, "what": "", "expected": None, "seen": {"dev": [1, 0.5]}}
        for name, severity in made
    ]
    (entry,) = audit_summary({"twitter2017": found if audited else None})
    assert (entry["title"], entry["audited"]) == ("Twitter-2017", audited)
    counts = {name: count for name, count, _ in entry["counts"]}
    assert counts == dict(zip(("differs", "defect", "info"), "121" if audited else "000", strict=True))
    assert [one["id"] for one in entry["findings"]] == (["c", "b", "d"] if audited else [])
    assert all((one["expected"], one["seen"]) == ("–", "dev 1 / 0.500") for one in entry["findings"])

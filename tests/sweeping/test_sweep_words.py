"""What a sweep says: of a run that ended, and of all of them, with what to do next."""

from __future__ import annotations

import re

import pytest
from support.made_record import example
from support.messages import names

from mner.sweeping.run_plan import Job, PlannedCell
from mner.sweeping.scheduler import Summary, SweepError
from mner.sweeping.sweep_session import Resources, check_built, render
from mner.sweeping.workers.worker import summary


def test_a_finished_run_is_told_in_one_line() -> None:
    told = {**example().throughput, "train_sentences_per_second": 20.4, "peak_memory_gib": 1.26}
    run = example(throughput=told, duration_seconds=12.4)
    assert summary(run) == "dev F1 60.25, 12 s, 20 sentences/s, 1.3 GiB"
    assert summary(example(throughput=None)) == "dev F1 60.25, 12 s"


def test_a_skipped_run_says_why() -> None:
    nothing = {"dev_f1": (), "best_epoch": None, "predictions": {}, "throughput": None}
    run = example(status="skipped", reason="no captions", **nothing)
    assert summary(run) == "skipped, no captions"


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (Summary(0, 0, 0, 0), "nothing to train; 90 s\nnext: dvc repro, which finds nothing left to train\n"),
        (Summary(3, 1, 0, 0), "3 trained, 1 found finished; 90 s\nnext: dvc repro, which finds nothing left"),
        (Summary(3, 0, 2, 0), "3 trained, 2 failed; 90 s\nnext: mner plan, which shows why runs failed\n"),
        (Summary(0, 0, 1, 4), "1 failed, 4 unfinished; 90 s\nthe same command continues\n"),
    ],
)
def test_all_runs_are_told_with_what_to_do_next(made: Summary, told: str) -> None:
    assert render(made, 90.0).startswith(told)


@pytest.mark.parametrize(("workers", "threads"), [(0, 1), (1, 0), (-1, 1)])
def test_a_sweep_has_a_worker_and_a_thread(workers: int, threads: int) -> None:
    Resources(1, 1, 0, None)
    with pytest.raises(SweepError, match=names(workers, threads)):
        Resources(workers, threads, 0, None)


def test_cells_that_are_not_built_are_named_with_the_commands_that_build_them() -> None:
    job = Job("a", "x", 1, "key")
    built = PlannedCell("a", "x", 1, (job,), (), None, None)
    check_built([built])
    unbuilt = [PlannedCell(name, system, 1, None, (), None, None) for name in "cb" for system in "xy"]
    with pytest.raises(SweepError) as raised:
        check_built([built, *unbuilt])
    by_hand = [f"python -m stages.{stage} {name}" for name in "bc" for stage in ("data", "features", "graphs")]
    assert re.match(names("b, c", "`dvc repro data features graphs`"), str(raised.value))
    assert str(raised.value).endswith(" && ".join(by_hand))

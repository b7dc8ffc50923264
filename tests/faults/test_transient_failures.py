"""A failed run keeps the exit code at 1 until it is mended; memory and disk that were full do not poison a run."""

from __future__ import annotations

import argparse
import errno
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors import SafetensorError

from mner.base.exhaustion import NoSpaceError, check_free, is_exhaustion
from mner.cli.verbs import sweep as command
from mner.sweeping.run_costs import NO_ROOM_NEEDED, Room
from mner.sweeping.run_plan import Failure, Job, PlannedCell, failure_of, room_needed
from mner.sweeping.sweep_session import left_out

pytestmark = pytest.mark.fault("survived")

JOB, OTHER = (Job("toy", "a", seed, f"a-{seed}") for seed in (1, 2))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded", "runs/x"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 704 vs 598"),
    ],
)
def test_a_full_memory_or_disk_is_told_from_errors_of_the_run(error: Exception) -> None:
    assert is_exhaustion(error)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("shapes"), ValueError(), OSError(errno.ENOENT, "no such file"), SafetensorError("header")],
)
def test_errors_of_the_run_are_no_exhaustion(error: Exception) -> None:
    assert not is_exhaustion(error)


def test_a_note_says_whether_it_is_transient_and_older_notes_are_not(tmp_path: Path) -> None:
    for transient in (True, False):
        Failure.of("k", "Traceback\nMemoryError", 1, transient).write(tmp_path)
        failure = failure_of(tmp_path, "k")
        assert failure is not None
        assert failure.transient is transient


def _cell(
    missing: tuple[Job, ...], failed: int, lacks: str | None = None, room: Room = NO_ROOM_NEEDED
) -> PlannedCell:
    failures = tuple((OTHER, Failure("a-2", "ValueError", "", 1, "now")) for _ in range(failed))
    return PlannedCell("toy", "a", 2, missing, failures, None, None, lacks, room)


def test_what_a_sweep_does_not_try_is_counted() -> None:
    assert left_out([_cell((JOB,), 1)], again=False) == 1
    assert left_out([_cell((JOB,), 1)], again=True) == 0
    assert left_out([_cell((JOB,), 1, lacks="no encoder")], again=True) == 2
    assert left_out([_cell((), 0)], again=False) == 0


def test_room_is_that_of_all_results_and_of_the_checkpoints_at_once() -> None:
    plan = [_cell((JOB, OTHER), 0, room=Room(10, 1000)), _cell((JOB,), 1, room=Room(5, 3000))]
    assert room_needed(plan, 2) == 2 * 10 + 2 * 5 + 2 * 3000
    assert room_needed(plan, 9) == 2 * 10 + 2 * 5 + 4 * 3000
    assert room_needed([_cell((), 0)], 3) == 0


def test_nothing_is_begun_that_the_disk_cannot_hold(tmp_path: Path) -> None:
    check_free(tmp_path, 1)
    with pytest.raises(NoSpaceError) as raised:
        check_free(tmp_path, 1 << 60)
    assert (raised.value.folder, raised.value.needed) == (tmp_path, 1 << 60)
    assert 0 < raised.value.free < 1 << 60


def test_a_second_sweep_after_a_failure_still_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = [_cell((), 1)]
    recipe = SimpleNamespace(threads=torch.get_num_threads())
    active = SimpleNamespace(systems=("a",), name="toy")
    settings = SimpleNamespace(active=active, recipe_of=lambda system, dataset=None: recipe)
    monkeypatch.setattr("mner.cli.verbs.sweep.settings", lambda: settings)
    monkeypatch.setattr("mner.sweeping.run_plan.plan_of", lambda *asked: plan)
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    assert command.run(parser.parse_args([])) == command.FAILED
    plan[:] = [_cell((), 0)]
    assert command.run(parser.parse_args([])) == 0

"""One process a run, any number a cell, and only who comes to an empty cell tidies up. Locks are of open files."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mner.base.files import exclusive
from mner.tracking.run_places import cell_lock_file, run_lock_file
from mner.training.run_locks import BusyError, presence, run_lock


@pytest.mark.parametrize("holder", [exclusive, lambda path: run_lock(path, wait=False)])
def test_who_may_not_wait_is_told_which_process_holds_the_run(tmp_path: Path, holder) -> None:
    path = tmp_path / "deep" / "3.lock"
    with holder(path):
        with pytest.raises(BusyError) as raised, run_lock(path, wait=False):
            pytest.fail("two processes train one run")
        assert (raised.value.path, raised.value.owner) == (path, os.getpid())
    with run_lock(path, wait=False):
        pass


def test_a_lock_that_says_nothing_of_its_holder_is_held_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "3.lock"
    for said in ("", "no number"):
        with exclusive(path):
            path.with_name("3.lock.owner").write_text(said)
            with pytest.raises(BusyError) as raised, run_lock(path, wait=False):
                pytest.fail("two processes train one run")
            assert raised.value.owner is None


def test_a_name_left_by_a_process_that_is_gone_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "3.lock"
    path.with_name("3.lock.owner").write_text("123456789")
    with run_lock(path, wait=False), pytest.raises(BusyError) as raised, run_lock(path, wait=False):
        pytest.fail("two processes train one run")
    assert raised.value.owner == os.getpid()


def test_a_holder_that_is_killed_leaves_neither_run_nor_cell_locked(tmp_path: Path) -> None:
    run, cell = tmp_path / "3.lock", tmp_path / "cell.lock"
    program = (
        "import sys, time; from pathlib import Path; from mner.training.run_locks import presence, run_lock\n"
        "with presence(Path(sys.argv[1]), lambda: None), run_lock(Path(sys.argv[2]), wait=False):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(cell), str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError) as raised, run_lock(run, wait=False):
            pytest.fail("two processes train one run")
        assert raised.value.owner == holder.pid
        with presence(cell, lambda: pytest.fail("somebody is at work here")):
            pass
        holder.kill()
        holder.wait(20)
    tidied = []
    with run_lock(run, wait=False), presence(cell, lambda: tidied.append("alone")):
        assert tidied == ["alone"]


def test_who_may_wait_goes_on_when_the_run_is_free(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path, order = tmp_path / "3.lock", []

    def other() -> None:
        with run_lock(path, wait=True):
            order.append("second")

    with run_lock(path, wait=False):
        waiting = threading.Thread(target=other)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        order.append("first")
    waiting.join(20)
    assert order == ["first", "second"]
    assert f"process {os.getpid()} holds {path}" in capsys.readouterr().err


def test_who_comes_first_tidies_and_who_joins_does_not(tmp_path: Path) -> None:
    path, tidied = tmp_path / "deep" / "cell.lock", []
    with presence(path, lambda: tidied.append("first")):
        assert tidied == ["first"]
        with presence(path, lambda: tidied.append("second")):
            assert tidied == ["first"]
        with presence(path, lambda: tidied.append("third")):
            assert tidied == ["first"]
    with presence(path, lambda: tidied.append("after all")):
        assert tidied == ["first", "after all"]


def test_nobody_is_let_in_before_the_first_has_tidied_up(tmp_path: Path) -> None:
    path, order, tidying, go_on = tmp_path / "cell.lock", [], threading.Event(), threading.Event()

    def tidy() -> None:
        tidying.set()
        go_on.wait(20)
        order.append("tidied")

    def first() -> None:
        with presence(path, tidy):
            order.append("first works")

    def second() -> None:
        with presence(path, lambda: order.append("tidied twice")):
            order.append("second works")

    one, two = threading.Thread(target=first), threading.Thread(target=second)
    one.start()
    assert tidying.wait(20)
    two.start()
    two.join(0.2)
    assert order == []
    go_on.set()
    one.join(20)
    two.join(20)
    assert order[0] == "tidied"
    assert "tidied twice" not in order[: order.index("first works")]


def test_no_two_runs_and_no_cell_share_a_lock(tmp_path: Path) -> None:
    cells = [(profile, dataset, system) for profile in "ab" for dataset in "cd" for system in "ef"]
    runs = {run_lock_file(tmp_path, *cell, seed) for cell in cells for seed in (1, 2)}
    assert len(runs) == 2 * len(cells)
    assert len({cell_lock_file(tmp_path, *cell) for cell in cells} - runs) == len(cells)

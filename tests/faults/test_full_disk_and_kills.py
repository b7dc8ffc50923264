"""A full disk is told in one line and leaves what stood; no folder that is replaced is lost or half written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.filled_results import filled

from mner.base import files
from mner.base.exhaustion import NO_ROOM
from mner.base.exits import FAULT, exit_code_of
from mner.base.swapped_folder import settle, swapped
from mner.evaluation import kept_results as reference
from mner.evaluation.result_files import results_bytes
from mner.evaluation.score_results import ScoreResults

pytestmark = pytest.mark.fault("survived")

LIMIT = 100_000
PROGRAM = """
import resource, sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from mner.base import files
from mner.base.swapped_folder import swapped
from mner.training import checkpoint
from mner.base.exits import exit_code_of

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

def write(way, target):
    large = torch.zeros(100_000)
    if way == "checkpoint":
        model = torch.nn.Linear(300, 300)
        progress = checkpoint.Progress("k")
        checkpoint.save(target, model, torch.optim.AdamW(model.parameters()), progress, {})
    elif way == "weights":
        files.write_atomically(target, lambda part: save_file({"a": large}, part))
    elif way == "tags":
        files.write_text_atomically(target, "x" * 200_000)
    elif way == "several":
        files.write_all_atomically({target: b"new", target.with_name("other"): b"x" * 200_000})
    elif way == "folder":
        with swapped(target) as made:
            (made / "small").write_text("new")
            with (made / "large").open("wb") as handle:
                handle.write(b"x" * 200_000)
    elif way == "plain":
        with target.with_name("elsewhere").open("wb") as handle:
            handle.write(b"x" * 200_000)

sys.exit(exit_code_of("mner test", lambda: write(sys.argv[1], Path(sys.argv[2]))))
"""


@pytest.mark.parametrize("way", ["checkpoint", "weights", "tags", "several", "folder", "plain"])
def test_a_full_disk_ends_in_one_line_and_what_stood_is_as_it_was(tmp_path: Path, way: str) -> None:
    target = tmp_path / "target"
    if way == "folder":
        target.mkdir()
        (target / "small").write_text("old")
    else:
        target.write_text("old")
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, way, str(target)], capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == FAULT
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert (target / "small" if way == "folder" else target).read_text() == "old"
    left = {path.name for path in tmp_path.iterdir()} - {"target", "elsewhere"}
    assert not left


def test_an_error_of_a_full_disk_names_the_file(tmp_path: Path) -> None:
    for number in NO_ROOM:

        def full(part: Path, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        with pytest.raises(OSError) as raised:  # noqa: PT011
            files.write_atomically(tmp_path / "a", full)
        assert (raised.value.errno, raised.value.filename) == (number, str(tmp_path / "a"))
        assert exit_code_of("mner test", lambda: files.write_atomically(tmp_path / "a", full)) == FAULT
    assert not list(tmp_path.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "scores.json").write_text("old")
    return tmp_path / "kept"


@pytest.mark.parametrize("moment", [1, 2, 3])
def test_a_kill_at_any_rename_leaves_the_old_folder_or_the_new_one(folder: Path, moment: int) -> None:
    program = (
        "import os, sys; from pathlib import Path; from mner.base.swapped_folder import swapped\n"
        "calls, rename, left = [], Path.rename, int(sys.argv[2])\n"
        "def counted(self, target):\n"
        "    calls.append(target)\n"
        "    if len(calls) == left: os._exit(9)\n"
        "    return rename(self, target)\n"
        "Path.rename = counted\n"
        "with swapped(Path(sys.argv[1])) as made: (made / 'scores.json').write_text('new')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(folder), str(moment)], timeout=60)
    assert ended.returncode == (0 if moment == 3 else 9)
    settle(folder)
    assert (folder / "scores.json").read_text() == ("new" if moment == 3 else "old")
    with swapped(folder) as made:
        (made / "scores.json").write_text("newer")
    assert [path.name for path in folder.parent.iterdir()] == ["kept"]
    assert (folder / "scores.json").read_text() == "newer"


def test_what_raises_while_a_folder_is_written_changes_nothing(folder: Path) -> None:
    with pytest.raises(KeyError), swapped(folder) as made:  # noqa: PT012
        (made / "scores.json").write_text("half")
        raise KeyError
    assert (folder / "scores.json").read_text() == "old"
    assert [path.name for path in folder.parent.iterdir()] == ["kept"]


def test_a_reference_that_a_kill_moved_aside_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    aside = reference.REFERENCE / ".quick.old"
    aside.mkdir(parents=True)
    kept = filled(ScoreResults, {"profile": "quick"})
    (aside / "scores.json").write_bytes(results_bytes(kept))
    assert reference.kept_of(ScoreResults, "quick") == kept
    assert not aside.exists()

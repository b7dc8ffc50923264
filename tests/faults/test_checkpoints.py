"""A checkpoint is used only as it was written: after any damage or change the run starts again, in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mner.training import checkpoint
from mner.training.checkpoint import Progress

pytestmark = pytest.mark.fault("detected")

KEY = "mine"


def _state() -> tuple[nn.Module, torch.optim.Optimizer]:
    model = nn.Linear(2, 2)
    return model, torch.optim.AdamW(model.parameters())


def _saved(path: Path) -> tuple[nn.Module, Progress]:
    model, optimiser = _state()
    curve = [{"epoch": 0, "dev_f1": 1.0}, {"epoch": 1, "dev_f1": 2.0}]
    progress = Progress(KEY, 2, 1, curve, {"epoch-2.test.own": [["O"]]})
    checkpoint.save(path, model, optimiser, progress, checkpoint.trainable_state(model))
    return model, progress


def _starts_again(path: Path, capsys: pytest.CaptureFixture) -> bool:
    """Whether nothing of the file is used, and one line on stderr names it."""
    model, optimiser = _state()
    before = checkpoint.trainable_state(model)
    found = checkpoint.restore(path, model, optimiser, KEY, 5)
    said = capsys.readouterr().err.splitlines()
    same = all(torch.equal(value, before[name]) for name, value in checkpoint.trainable_state(model).items())
    untouched = same and not optimiser.state_dict()["state"]
    return found == (Progress(KEY), {}) and untouched and len(said) == 1 and str(path) in said[0]


def _altered(path: Path, sealed: bool, **changes: Any) -> None:
    """Write the checkpoint anew with other fields of its progress, with or without a fitting checksum."""
    content = torch.load(path, weights_only=True)
    content["progress"] |= changes
    torch.save(content, path)
    if sealed:
        checkpoint.seal(path)


def test_a_whole_one_is_used(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    saved, progress = _saved(tmp_path / "state.pt")
    model, optimiser = _state()
    assert checkpoint.restore(tmp_path / "state.pt", model, optimiser, KEY, 5)[0] == progress
    assert torch.equal(model.weight, saved.weight)
    assert capsys.readouterr().err == ""


def test_one_flipped_bit_anywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture, record_property: pytest.RecordProperty
) -> None:
    path = tmp_path / "state.pt"
    _saved(path)
    whole = path.read_bytes()
    places = [*range(0, len(whole), max(1, len(whole) // 150)), len(whole) - 1]
    record_property("attacks", len(places))
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        assert _starts_again(path, capsys), place


def test_torn_empty_and_strange_files(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "state.pt"
    _saved(path)
    whole = path.read_bytes()
    for torn in (whole[:100], b"", b"no checkpoint at all", whole[:-1], whole + b"\n"):
        path.write_bytes(torn)
        assert _starts_again(path, capsys)
    torch.save({"model": {}}, path)
    checkpoint.seal(path)
    assert _starts_again(path, capsys)


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        {"epochs_done": 99},
        {"epochs_done": 1},
        {"best_epoch": 0},
        {"curve": [{"epoch": 0, "dev_f1": 9.0}, {"epoch": 1, "dev_f1": 2.0}]},
        {"curve": [{"epoch": 3, "dev_f1": 1.0}, {"epoch": 4, "dev_f1": 2.0}]},
        {"epoch_tags": {"epoch-7.test.own": [["O"]]}},
        {"curve": [{"epoch": n, "dev_f1": float(n)} for n in range(9)], "epochs_done": 9, "best_epoch": 8},
    ],
)
def test_altered_fields(tmp_path: Path, capsys: pytest.CaptureFixture, sealed: bool, change: dict) -> None:
    path = tmp_path / "state.pt"
    _saved(path)
    _altered(path, sealed, **change)
    assert _starts_again(path, capsys)


class _Command:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path("ran"),)


def test_a_pickle_from_outside_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"model": _Command()}, tmp_path / "state.pt")
    checkpoint.seal(tmp_path / "state.pt")
    assert _starts_again(tmp_path / "state.pt", capsys)
    assert not Path("ran").exists()

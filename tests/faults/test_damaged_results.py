"""What a stage kept is used only as it was written; numbers that are none are named with file and row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from support import tiny_extractor

from mner.base.files import write_json_atomically
from mner.features.store import NotANumberError, read_store, write_store
from mner.graphs.relations import BadPlaceError, read_graph
from mner.tracking.mlflow_database import TrackingError, refuse_broken

pytestmark = pytest.mark.fault("detected")

tiny = tiny_extractor
COUNT = 6


def _flips(path: Path) -> Iterator[None]:
    """Flip bits at a few places of a file, one at a time."""
    whole = path.read_bytes()
    for place in range(len(whole) // 7, len(whole), len(whole) // 5):
        damaged = bytearray(whole)
        damaged[place] ^= 0x40
        path.write_bytes(damaged)
        yield


@pytest.mark.parametrize("name", ["grid.safetensors", "grid.json"])
def test_a_damaged_pixel_store_is_extracted_again(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture
) -> None:
    tiny.draw(tmp_path / "pictures", COUNT)
    place = tmp_path / "pictures", tmp_path / "out", tmp_path / "work"
    tiny.run(*place)
    whole = tiny.everything(tmp_path / "out")
    for _ in _flips(tmp_path / "out" / name):
        assert tiny.run(*place).computed == COUNT
        assert tiny.everything(tmp_path / "out") == whole
    assert tiny.run(*place).computed == 0


def test_features_that_are_no_numbers_are_named_by_file_row_and_picture(tmp_path: Path) -> None:
    path = tmp_path / "grid.safetensors"
    write_store(path, {image: torch.ones(3, 4) for image in "abc"}, {})
    tensors = load_file(path)
    for bad in (float("nan"), float("inf")):
        tensors["values"][4, 2] = bad
        save_file(tensors, path)
        with pytest.raises(NotANumberError) as raised:
            read_store(path)
        assert (raised.value.path, raised.value.row, raised.value.image) == (path, 1, "b")


@pytest.mark.parametrize(("part", "value"), [("rows", 7), ("rows", -2), ("scores", float("nan"))])
def test_graph_rows_out_of_range_are_named_by_file_and_row(tmp_path: Path, part: str, value: float) -> None:
    path = tmp_path / "released.safetensors"
    tensors = {
        f"{name}.{kind}": torch.zeros(2, 5, dtype=torch.int64 if kind == "rows" else torch.float32)
        for name in ("inter", "intra")
        for kind in ("rows", "scores")
    }
    write_json_atomically(
        path.with_suffix(".json"),
        {"name": "released", "images": ["a"], "split_sizes": {"train": 2}, "provenance": {}},
    )
    save_file(tensors, path)
    read_graph(path)
    tensors[f"intra.{part}"][1, 3] = value
    save_file(tensors, path)
    with pytest.raises(BadPlaceError) as raised:
        read_graph(path)
    assert (raised.value.path, raised.value.relation, raised.value.row) == (path, "intra", 1)


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"x" * 5000])
def test_a_broken_database_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mlflow.db").write_bytes(content)
    with pytest.raises(TrackingError) as raised:
        refuse_broken(tmp_path / "mlflow.db")
    assert len(str(raised.value).splitlines()) == 1

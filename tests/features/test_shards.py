"""Shards of an extraction: what is continued, what is refused, and what the merge makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mner.features.extraction_results import merge_regions
from mner.features.found import Regions, Tags
from mner.features.shards import ExtractionError, WorkFolder


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    work = WorkFolder(tmp_path / "work", {})
    work.open()
    return work


VALUES, BOXES = np.ones((2, 3), dtype=np.float32), np.zeros((2, 4))


def test_what_differs_is_said_shortly_whichever_side_has_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    WorkFolder(tmp_path / "work", {"gone": 1, "long": "x" * 100, "same": (1, 2)}).open()
    WorkFolder(tmp_path / "work", {"come": 2, "long": "y" * 100, "same": (1, 2)}).open()
    said = capsys.readouterr().err
    long = [f'"{letter * 56}...' for letter in "xy"]
    assert f"(come: null, now 2; gone: 1, now null; long: {long[0]}, now {long[1]})" in said


def test_what_a_killed_write_left_is_removed(work: WorkFolder, tmp_path: Path) -> None:
    (tmp_path / "work" / ".000000.json.abc.part").write_text("half")
    work.open()
    assert [one.name for one in (tmp_path / "work").iterdir()] == ["identity.json"]


@pytest.mark.parametrize("change", [b"{}", b"[]", b'{"body": {}, "sha256": "0"}', b"null"])
def test_an_index_of_another_form_is_computed_again(
    change: bytes, work: WorkFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work.write(0, [("a", Tags(()))], {})
    assert work.read(0).images == ("a",)
    (tmp_path / "work" / "000000.json").write_bytes(change)
    assert work.read(0) is None
    assert "000000.json" in capsys.readouterr().err


def test_boxes_are_given_with_all_regions_or_with_none(work: WorkFolder, tmp_path: Path) -> None:
    with pytest.raises(ExtractionError):
        work.write(0, [("a", Regions(VALUES, BOXES)), ("b", Regions(VALUES))], {})
    for wrong in (BOXES[:1], np.zeros((3, 4))):
        with pytest.raises(ExtractionError):
            work.write(0, [("a", Regions(VALUES, wrong))], {})


def test_a_picture_without_regions_may_come_with_an_empty_list_of_boxes(work: WorkFolder) -> None:
    shard = work.write(0, [("a", Regions(VALUES[:0], np.array([]))), ("b", Regions(VALUES, BOXES))], {})
    assert (shard.counts, work.tensor(0, "boxes").shape) == ((0, 2), (2, 4))


def test_shards_that_do_not_fit_together_or_were_damaged_after_their_check_end_the_merge(
    work: WorkFolder, tmp_path: Path
) -> None:
    one = work.write(0, [("a", Regions(VALUES))], {})
    for other in (Regions(VALUES[:, :2]), Regions(VALUES, BOXES)):
        with pytest.raises(ExtractionError):
            merge_regions(tmp_path / "grid.safetensors", work, [one, work.write(1, [("b", other)], {})], {})
    (tmp_path / "work" / "000000.safetensors").write_bytes(b"torn")
    with pytest.raises(ExtractionError):
        merge_regions(tmp_path / "grid.safetensors", work, [one], {})
    assert not list(tmp_path.glob("grid*"))

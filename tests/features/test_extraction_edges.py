"""An extraction at its edges: what it keeps when something changed, what it says when something fails."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import tiny_extractor as tiny

from mner.data.picture_files import Refusal
from mner.features import extraction
from mner.features.extraction import Extraction, extract
from mner.features.found import Tags
from mner.features.found_files import read_found
from mner.features.pictures import Pictures, pictures_of_folder
from mner.features.shards import ExtractionError, WorkFolder
from mner.features.store import FeatureError, read_store

CPU = torch.device("cpu")
COUNT = 10
INVALID = Refusal("invalid", "known to show nothing")


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    tiny.draw(tmp_path / "pictures", COUNT)
    return pictures_of_folder(tmp_path / "pictures")


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Extracts into ``out`` in batches of two and shards of four, unless told otherwise."""

    def do(pictures: Pictures, extractor: Any = None, out: str = "out", **settings: Any) -> Extraction:
        settings = {"batch_size": 2, "pictures_per_shard": 4, "device": CPU, **settings}
        return extract(
            pictures, extractor or tiny.TinyGrid(), tmp_path / out, tmp_path / f"{out}-work", **settings
        )

    return do


def findings(tmp_path: Path) -> dict[str, Any]:
    return json.loads((tmp_path / "out" / "grid.findings.json").read_text(encoding="utf-8"))


class Stops(tiny.TinyGrid):
    """Is interrupted after ``last`` pictures."""

    def __init__(self, last: int = 4) -> None:
        super().__init__()
        self.last = last

    def extract(self, prepared: Any) -> list[Any]:
        if self.seen >= self.last:
            raise KeyboardInterrupt
        return super().extract(prepared)


class TestWhatStands:
    def test_a_picture_that_lacked_when_the_result_was_made_is_taken_in_once_it_is_there(
        self, pictures, run, tmp_path
    ) -> None:
        """The listed pictures are the same, so only a second look tells."""
        path = pictures.folder / "p001.png"
        path.rename(tmp_path / "aside.png")
        first = run(pictures)
        assert (first.with_results, {i: r.kind for i, r in first.refused.items()}) == (9, {"p001": "missing"})
        again = run(pictures)
        assert (again.computed, again.with_results, again.refused) == (0, 9, first.refused)
        (tmp_path / "aside.png").rename(path)
        whole = run(pictures)
        assert (whole.computed, whole.with_results, whole.refused) == (COUNT, COUNT, {})
        assert findings(tmp_path)["findings"] == []

    def test_so_is_one_that_lacked_in_a_shard(self, pictures, run, tmp_path) -> None:
        path = pictures.folder / "p001.png"
        path.rename(tmp_path / "aside.png")
        with pytest.raises(KeyboardInterrupt):
            run(pictures, Stops(last=7))
        (tmp_path / "aside.png").rename(path)
        done = run(pictures)
        assert (done.computed, done.refused) == (6, {}), "the first shard anew, the second kept, the third"
        run(pictures, out="undisturbed")
        assert tiny.everything(tmp_path / "out") == tiny.everything(tmp_path / "undisturbed")

    def test_findings_follow_the_pictures_that_are_known_to_be_invalid(self, pictures, run, tmp_path) -> None:
        (pictures.folder / "p001.png").unlink()
        for known in (("x",), ("x", "y"), ()):
            done = run(replace(pictures, refused=dict.fromkeys(known, INVALID)))
            assert (done.with_results, set(done.refused)) == (9, {"p001", *known})
            listed = findings(tmp_path)
            assert [one["image"] for one in listed["findings"]] == ["p001", *known]
            assert listed["pictures_wanted"] == COUNT + len(known)
        known = replace(pictures, refused={"x": INVALID})
        assert [run(known).computed for _ in range(2)][-1] == 0, "what is known is no reason to look again"

    def test_results_of_another_batch_size_or_device_are_made_anew(self, pictures, run) -> None:
        run(pictures)
        for change in ({"batch_size": 3}, {"batch_size": 3, "device": torch.device("meta")}):
            assert [run(pictures, **change).computed for _ in range(2)] == [COUNT, 0]

    @pytest.mark.parametrize("name", ["grid.safetensors", "grid.json", "grid.findings.json", "tags.json"])
    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}"])
    def test_a_torn_result_is_made_anew(self, name, content, pictures, run, tmp_path) -> None:
        extractor = tiny.Brightness if name.startswith("tags") else tiny.TinyGrid
        run(pictures, extractor())
        before = tiny.everything(tmp_path / "out")
        (tmp_path / "out" / name).write_bytes(content)
        assert run(pictures, extractor()).computed == COUNT
        assert tiny.everything(tmp_path / "out") == before

    def test_a_result_without_its_findings_is_made_anew(self, pictures, run, tmp_path) -> None:
        run(pictures)
        (tmp_path / "out" / "grid.findings.json").unlink()
        assert run(pictures).computed == COUNT


class TestShards:
    def test_shards_of_another_size_are_not_continued(self, pictures, run, tmp_path, capsys) -> None:
        with pytest.raises(KeyboardInterrupt):
            run(pictures, Stops())
        assert run(pictures, pictures_per_shard=6).computed == COUNT
        assert "pictures_per_shard: 4, now 6" in capsys.readouterr().err
        run(pictures, out="undisturbed")
        assert tiny.everything(tmp_path / "out") == tiny.everything(tmp_path / "undisturbed")

    def test_shards_of_another_kind_are_not_continued(self, pictures, run, capsys) -> None:
        with pytest.raises(KeyboardInterrupt):
            run(pictures, Stops())
        assert run(pictures, tiny.TinyGrid(kind="crops")).computed == COUNT
        assert 'kind: "grid", now "crops"' in capsys.readouterr().err

    @pytest.mark.parametrize(("content", "said"), [(None, "nothing says how"), ("[]", "identity.json is damaged")])
    def test_shards_that_nothing_names_are_not_continued(
        self, content, said, pictures, run, tmp_path, capsys
    ) -> None:
        with pytest.raises(KeyboardInterrupt):
            run(pictures, Stops())
        identity = tmp_path / "out-work" / "identity.json"
        identity.unlink() if content is None else identity.write_text(content)
        assert run(pictures).computed == COUNT
        assert said in capsys.readouterr().err


class TestBatches:
    def test_all_but_the_last_are_full_whatever_a_shard_should_hold(self, pictures, run) -> None:
        sizes: list[int] = []

        class Counts(tiny.TinyGrid):
            def extract(self, prepared: Any) -> list[Any]:
                sizes.append(len(prepared))
                return super().extract(prepared)

        run(pictures, Counts(), batch_size=4, pictures_per_shard=6)
        assert sizes == [4, 4, 2]

    def test_pictures_are_prepared_a_few_batches_ahead_and_no_more(self, pictures, run) -> None:
        ahead: list[int] = []

        class Counts(tiny.TinyGrid):
            started = 0

            def prepare(self, image: Any) -> np.ndarray:
                self.started += 1
                return super().prepare(image)

            def extract(self, prepared: Any) -> list[Any]:
                ahead.append(self.started - self.seen)
                return super().extract(prepared)

        run(pictures, Counts(), batch_size=1, workers=1)
        assert max(ahead) <= 2 + 1 + 1, "two batches and what the worker holds, and the one at work"

    def test_a_batch_and_a_shard_without_a_usable_picture_are_passed_over(self, pictures, run) -> None:
        for one in pictures.listed[:4]:
            (pictures.folder / one.file).unlink()
        done = run(pictures)
        assert (len(done.refused), done.with_results) == (4, 6)
        assert list(read_store(done.path).rows) == [one.image for one in pictures.listed[4:]]

    def test_findings_of_another_form_than_the_kind_has_are_refused(self, pictures, run) -> None:
        class GivesTags(tiny.TinyGrid):
            def extract(self, prepared: Any) -> list[Any]:
                return [Tags(()) for _ in prepared]

        for kind in ("grid", "crops"):
            with pytest.raises(ExtractionError):
                run(pictures, GivesTags(kind=kind))
        with pytest.raises(ExtractionError):
            run(pictures, tiny.TinyGrid(kind="tags"))

    def test_no_usable_picture_makes_no_file_of_findings_either(self, pictures, run, tmp_path) -> None:
        for one in pictures.listed:
            (pictures.folder / one.file).unlink()
        with pytest.raises(FeatureError):
            run(pictures, tiny.Brightness())
        assert not (tmp_path / "out" / "tags.json").exists()

    def test_one_extraction_at_a_time_works_in_a_folder(self, pictures, run, tmp_path, monkeypatch) -> None:
        held: list[Path] = []

        @contextmanager
        def exclusive(path: Path) -> Iterator[None]:
            held.append(path)
            yield
            assert not (tmp_path / "out-work").exists(), "held until the shards are gone"

        monkeypatch.setattr(extraction, "exclusive", exclusive)
        run(pictures)
        assert held == [tmp_path / "out-work.lock"]


class TestTrouble:
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
    def test_every_way_of_having_no_room_is_said_alike(self, number, pictures, run, monkeypatch) -> None:
        def full(*_: Any) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(WorkFolder, "write", full)
        with pytest.raises(ExtractionError):
            run(pictures)

    def test_other_troubles_of_the_system_are_told_as_they_are(self, pictures, run, monkeypatch) -> None:
        def refused(*_: Any) -> None:
            raise PermissionError(errno.EACCES, "not allowed", "there")

        monkeypatch.setattr(WorkFolder, "write", refused)
        with pytest.raises(PermissionError, match="'there'"):
            run(pictures)

    def test_a_full_gpu_is_told_with_what_to_do(self, pictures, run) -> None:
        class Large(tiny.TinyGrid):
            def extract(self, prepared: Any) -> list[Any]:
                raise torch.OutOfMemoryError("of 3 GiB")

        with pytest.raises(ExtractionError):
            run(pictures, Large())


class TestWhatIsSaid:
    def test_three_lines_tell_results_reasons_and_cost(self) -> None:
        kinds = ("missing", "damaged", "missing")
        refused = {str(place): Refusal(kind, "") for place, kind in enumerate(kinds)}
        done = Extraction(Path("out/grid.safetensors"), "grid", 1234, refused, 1000, 4.0, 1.5, 2.25)
        assert done.render() == (
            "grid       1,234 pictures -> out/grid.safetensors\n"
            "           masked: 1 damaged, 2 missing\n"
            "           1,000 computed now in 4.0 s, 250.0 pictures/s; peak memory 1.50 GiB, GPU 2.25 GiB"
        )
        idle = replace(done, computed=0, gpu_gib=None).render()
        assert idle.endswith("0 computed now in 4.0 s; peak memory 1.50 GiB")

    def test_memory_is_the_peak_of_this_extraction_and_a_processor_has_no_other(
        self, pictures, run, monkeypatch
    ) -> None:
        reset: list[torch.device] = []
        monkeypatch.setattr(extraction, "reset_peak_memory", reset.append)
        monkeypatch.setattr(extraction, "peak_memory_gib", lambda device: 1.5)
        done = run(pictures)
        assert (reset, done.memory_gib, done.gpu_gib) == ([CPU], 1.5, None)

    def test_provenance_counts_what_was_wanted_and_names_what_made_it(self, pictures, run) -> None:
        (pictures.folder / "p001.png").unlink()
        done = run(replace(pictures, refused={"x": INVALID}), tiny.Brightness())
        provenance, found = read_found(done.path)
        assert (provenance["pictures_wanted"], provenance["pictures_with_features"]) == (COUNT + 1, len(found))
        assert (provenance["batch_size"], provenance["device"]) == (2, "cpu")
        assert provenance["pictures_sha256"] == pictures.fingerprint()

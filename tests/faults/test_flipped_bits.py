"""One flipped bit in any file that a number rests on: it is noticed, by an error that names the file."""

from __future__ import annotations

import json
import lzma
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mner.base.files import BrokenFileError
from mner.tracking.evidence import TAGS, EvidenceError, check_evidence
from mner.tracking.prepared_inputs import ChangedInputError, check_inputs, folder_md5
from mner.tracking.record import RecordError

pytestmark = pytest.mark.fault("detected")

KEPT = Path(__file__).parents[2] / "reports/results/controls/runs/controls-positive/bert-crf/1"
FLIPS = 12


def _flipped(path: Path) -> Iterator[int]:
    """Flip one bit after another, at places drawn from the file's name; the file is whole again at the end."""
    whole = path.read_bytes()
    draw = random.Random(path.name)
    for _ in range(FLIPS):
        place = draw.randrange(len(whole))
        damaged = bytearray(whole)
        damaged[place] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        yield place
    path.write_bytes(whole)


def _as_trained(folder: Path) -> None:
    """Bring a kept run into the form in which training leaves it: one file for each list of tags."""
    for name, text in json.loads(lzma.decompress((folder / TAGS).read_bytes())).items():
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    (folder / TAGS).unlink()


@pytest.mark.parametrize("form", ["kept", "trained"])
def test_in_any_file_of_a_run(tmp_path: Path, record_property: pytest.RecordProperty, form: str) -> None:
    folder = tmp_path / "run"
    shutil.copytree(KEPT, folder)
    if form == "trained":
        _as_trained(folder)
    check_evidence(folder)
    record_property("attacks", FLIPS * len(list(folder.iterdir())))
    for path in sorted(folder.iterdir()):
        for place in _flipped(path):
            with pytest.raises((EvidenceError, RecordError, BrokenFileError)) as raised:
                check_evidence(folder)
            assert str(folder) in str(raised.value), (path.name, place)
    check_evidence(folder)


@pytest.mark.parametrize(
    "name",
    [
        "data/toy/corpus/train.jsonl",
        "data/toy/gold/test.jsonl",
        "features/toy/grid.safetensors",
        "graphs/toy/a.json",
    ],
)
def test_in_any_input_that_a_stage_wrote(
    tmp_path: Path, record_property: pytest.RecordProperty, name: str
) -> None:
    record_property("attacks", FLIPS)
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_bytes(random.Random(name).randbytes(5_000))
    output = Path(name).parent
    lock = {"stages": {"made": {"outs": [{"path": output.as_posix(), "md5": folder_md5(tmp_path / output)}]}}}
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(lock))
    check_inputs(tmp_path, [Path(name)])
    for place in _flipped(path):
        with pytest.raises(ChangedInputError) as raised:
            check_inputs(tmp_path, [Path(name)])
        assert raised.value.path == output, place
    check_inputs(tmp_path, [Path(name)])

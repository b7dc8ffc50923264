"""A file that was cut short is an error of one line that names it and says what to do, wherever it is read."""

from __future__ import annotations

import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support.filled_results import filled
from support.messages import names
from support.profile_settings import write_profile

from mner.base.files import (
    COMMITTED,
    BrokenFileError,
    read_json,
    reading,
    write_bytes_atomically,
    write_json_atomically,
)
from mner.cli import main as cli
from mner.data.corpus import CorpusError
from mner.data.side_data import read_side
from mner.evaluation.kept_results import kept_of
from mner.evaluation.paper_reading import PaperError, load_paper
from mner.evaluation.result_files import FILES, results_bytes
from mner.evaluation.score_results import ScoreResults
from mner.features.store import read_store, write_store
from mner.graphs.relations import read_graph
from mner.reporting.results import Results

ROOT = Path(__file__).resolve().parents[2]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def _store(folder: Path) -> list[Path]:
    write_store(folder / "tokens.safetensors", {"a": torch.ones(3, 4), "b": torch.ones(1, 4)}, {"kind": "tokens"})
    return [folder / "tokens.safetensors", folder / "tokens.json"]


def _graph(folder: Path) -> list[Path]:
    tensors = {"rows": torch.zeros(2, 5, dtype=torch.int64), "scores": torch.zeros(2, 5)}
    named = {f"{name}.{part}": tensor.clone() for name in ("inter", "intra") for part, tensor in tensors.items()}
    save_file(named, folder / "released.safetensors")
    about = {"name": "released", "images": ["a"], "split_sizes": {"train": 2}, "provenance": {}}
    write_json_atomically(folder / "released.json", about)
    return [folder / "released.safetensors", folder / "released.json"]


@pytest.mark.parametrize("damaged", [0, 1])
@pytest.mark.parametrize(("make", "read"), [(_store, read_store), (_graph, read_graph)])
def test_vectors_and_graphs(tmp_path: Path, make: Callable, read: Callable, damaged: int) -> None:
    files = make(tmp_path)
    read(files[0])
    _cut(files[damaged])
    with pytest.raises(BrokenFileError, match=names(files[damaged].name, "`dvc repro`")):
        read(files[0])


@pytest.mark.parametrize("name", ["images.json", "captions.json", "retrieval.json"])
def test_side_data(tmp_path: Path, name: str) -> None:
    for file, content in (("images", {"invalid": []}), ("captions", {"blip2": {}}), ("retrieval", {"train": []})):
        write_json_atomically(tmp_path / f"{file}.json", content)
    read_side(tmp_path, captions="blip2", objects=None)
    _cut(tmp_path / name)
    with pytest.raises(BrokenFileError, match=names(name)):
        read_side(tmp_path, captions="blip2", objects=None)
    (tmp_path / name).unlink()
    with pytest.raises(CorpusError, match=names(name)):
        read_side(tmp_path, captions="blip2", objects=None)


@pytest.mark.parametrize("name", FILES.values())
def test_results(tmp_path: Path, name: str) -> None:
    for cls, file in FILES.items():
        write_bytes_atomically(tmp_path / "tiny" / file, results_bytes(filled(cls, {})))
    Results.read("tiny", tmp_path, tmp_path / "none")
    _cut(tmp_path / "tiny" / name)
    with pytest.raises(BrokenFileError, match=names(name, "`mner score`")):
        Results.read("tiny", tmp_path, tmp_path / "none")


def test_the_reference_and_what_papers_print(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_json_atomically(Path("reports/results/tiny/scores.json"), {"runs": []})
    _cut(Path("reports/results/tiny/scores.json"))
    with pytest.raises(BrokenFileError, match="`git checkout`"):
        kept_of(ScoreResults, "tiny")
    text = (ROOT / "reports" / "paper.yaml").read_text(encoding="utf-8")
    Path("paper.yaml").write_text(text[: text.rindex("{") + 3], encoding="utf-8")
    with pytest.raises(PaperError, match=r"^paper\.yaml: "):
        load_paper(Path("paper.yaml"))


def test_only_what_parsers_say_is_taken_for_damage(tmp_path: Path) -> None:
    packed = lzma.compress(b"tags" * 100)
    with pytest.raises(BrokenFileError, match=names("tags.xz")), reading(Path("tags.xz"), COMMITTED):
        lzma.decompress(packed[:-5])
    with pytest.raises(KeyError), reading(Path("tags.xz")):
        raise KeyError("a defect of ours")
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "absent.json")


def test_a_command_tells_it_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path, "controls")
    cells = Path("reports/rendered/controls/tables.json")
    write_json_atomically(cells, {"cells": []})
    _cut(cells)
    assert cli.main(["show"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"mner show: {cells} ")
    assert error.count("\n") == 1

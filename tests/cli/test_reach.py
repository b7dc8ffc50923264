"""Reach of the picture: what it counts is what the run's predictions say, and no change is told as none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support import tiny

from mner.cli.main import main
from mner.tagger.sensitivity import NothingToCompareError, Reach, compare, measure, render
from mner.tagger.trained import NoWeightsError, load_run
from mner.tracking.evidence import EvidenceError, files_beside
from mner.tracking.record import Record
from mner.training.checkpoint import CheckpointError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """Two trained runs whose weights were kept: one with a picture and emissions, one that decodes by itself."""
    root = tmp_path_factory.mktemp("reach")
    with tiny.one_thread():
        tiny.make_world(root, keep_weights=True, epochs=2)
        for system in ("rgcn", "bert-crf", "ita"):
            tiny.train(root, system)
    return root


def predictions(root: Path, view: str) -> list:
    path = root / "runs" / "tiny" / tiny.DATASET / "rgcn" / "1" / f"test.{view}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_sentences_tagged_otherwise_are_those_of_the_prediction_files(world) -> None:
    cell = tiny.cell_of(world, "rgcn")
    run = load_run(cell, 1, CPU)
    views = run.test_views()
    found = measure(run.model, views, cell.recipe, CPU)
    own = predictions(world, "own")
    assert set(found.retagged) == set(views) - {"own"} >= {"none", "shuffled"}
    for view, retagged in found.retagged.items():
        assert retagged == sum(one != other for one, other in zip(own, predictions(world, view), strict=True))
    assert found.sentences == len(own)
    assert len(found.words.margin) == sum(len(s.words) for s in views["own"].sentences)
    assert found.words.change["none"].max() > 0


def test_the_same_view_twice_changes_nothing(world) -> None:
    cell = tiny.cell_of(world, "rgcn")
    run = load_run(cell, 1, CPU)
    own = run.test_views()["own"]
    found = measure(run.model, {"own": own, "again": own}, cell.recipe, CPU)
    assert float(found.words.change["again"].max()) == 0
    assert not found.words.moved["again"].any()
    assert found.retagged == {"again": 0}


def test_margin_change_and_moved_labels_of_planted_emissions() -> None:
    own = torch.tensor([[3.0, 1.0, 0.0], [0.0, 2.0, 1.5]])
    words = compare({"own": own, "none": own + torch.tensor([[0.0, 0.5, 0.0], [0.0, 0.0, 1.0]])})
    assert words.margin.tolist() == [2.0, 0.5]
    assert words.named.tolist() == [False, True]
    assert words.change["none"].tolist() == [0.5, 1.0]
    assert words.moved["none"].tolist() == [False, True]
    lines = render(Reach(words, sentences=2, retagged={"none": 1})).splitlines()
    assert lines[2].split() == ["O", "1", "2.000", "no", "picture", "0.500", "0.500", "0"]
    assert lines[3].split() == ["part", "of", "a", "name", "1", "0.500", "no", "picture", "1.000", "1.000", "1"]
    assert "with no picture, 1 of 2 sentences are tagged otherwise" in lines


def test_a_group_without_words_has_no_numbers() -> None:
    words = compare(dict.fromkeys(("own", "none"), torch.tensor([[3.0, 1.0]])))
    assert render(Reach(words, 1, {"none": 0})).splitlines()[3].split()[-4:] == ["picture", "-", "-", "0"]


def test_the_command_prints_what_was_measured(world, monkeypatch, capsys) -> None:
    monkeypatch.chdir(world)
    assert main(["reach", tiny.DATASET, "rgcn"]) == 0
    out = capsys.readouterr().out
    assert f"{tiny.DATASET} x rgcn, seed 1, weights of epoch" in out
    assert "sentences are tagged otherwise" in out


def test_what_has_nothing_to_compare_says_why(world) -> None:
    for system, reason in (("bert-crf", "was tested in one view"), ("ita", "decodes by itself")):
        cell = tiny.cell_of(world, system)
        run = load_run(cell, 1, CPU)
        with pytest.raises(NothingToCompareError, match=reason):
            measure(run.model, run.test_views(), cell.recipe, CPU)


def test_runs_that_cannot_be_looked_into_say_what_to_train(world, tmp_path) -> None:
    with pytest.raises(NoWeightsError, match=r"profile tiny has the seeds 1$"):
        load_run(tiny.cell_of(world, "rgcn"), 2, CPU)
    with pytest.raises(NoWeightsError, match=r"no finished run .* `mner run .* rgcn-released --seed 1` trains it"):
        load_run(tiny.cell_of(world, "rgcn-released"), 1, CPU)
    tiny.make_world(tmp_path)
    with pytest.raises(NoWeightsError, match="add `keep_weights: true`"):
        load_run(tiny.cell_of(tmp_path, "rgcn"), 1, CPU)


def test_weights_of_another_model_name_the_file_and_the_way_back(world, tmp_path) -> None:
    own = tmp_path / "world"
    shutil.copytree(world, own)
    cell = tiny.cell_of(own, "rgcn")
    folder = cell.run_folder(1)
    path = folder / "weights.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(NoWeightsError) as replaced:
        load_run(cell, 1, CPU)
    cause = replaced.value.__cause__
    assert isinstance(cause, EvidenceError)
    assert (cause.path, cause.field) == (path, "evidence")
    Record.read(folder / "record.json").sealed(files_beside(folder)).write(folder / "record.json")
    with pytest.raises(NoWeightsError) as resealed:
        load_run(cell, 1, CPU)
    assert isinstance(resealed.value.__cause__, CheckpointError)
    for error in (replaced.value, resealed.value):
        assert str(path) in str(error)
        assert f"`mner run {tiny.DATASET} rgcn --seed 1`" in str(error)

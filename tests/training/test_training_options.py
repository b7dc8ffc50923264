"""Recipe options of the loop: patience, tags of every epoch, kept weights, automatic precision."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support import tiny
from support.messages import names

from mner import config
from mner.base.hardware import cpu_threads
from mner.data.corpus import read_tags
from mner.models.used_subwords import UsedSubwords
from mner.sweeping.sweep_session import SweepError
from mner.training import runs
from mner.training.checkpoint import load_trainable
from mner.training.determinism import has_bfloat16, precision_of
from mner.training.experiment import Cell, CellError, prepare
from stages import train

CPU = torch.device("cpu")


def _run_folder(root: Path) -> Path:
    return root / "runs" / "tiny" / tiny.DATASET / "bert-crf" / "1"


def test_patience_stops_once_epochs_no_longer_improve(tmp_path):
    # A learning rate of nearly zero: no later epoch can be better than the first.
    rates = {f"{part}_learning_rate": 1e-12 for part in ("encoder", "head", "transition")}
    tiny.make_world(tmp_path, epochs=6, patience=2, **rates)
    (record,) = tiny.train(tmp_path, "bert-crf", tiny.Listener())
    assert record.best_epoch == 0
    assert len(record.dev_f1) == 3


def test_every_epoch_keeps_its_test_tags_and_the_best_ones_are_the_prediction(tmp_path):
    tiny.make_world(tmp_path, predict_every_epoch=True)
    (record,) = tiny.train(tmp_path, "bert-crf", tiny.Listener())
    names = {f"epoch-{number}.test.own" for number in (1, 2, 3)}
    assert names <= set(record.predictions)
    folder = _run_folder(tmp_path)
    best = folder / f"epoch-{record.best_epoch + 1}.test.own.jsonl"
    assert read_tags(best) == read_tags(folder / "test.own.jsonl")


def test_kept_weights_are_those_that_made_the_predictions(tmp_path):
    settings = tiny.make_world(tmp_path, keep_weights=True)
    tiny.train(tmp_path, "bert-crf", tiny.Listener())
    weights = load_file(_run_folder(tmp_path) / "weights.safetensors")
    prepared = prepare(Cell(settings, tiny.DATASET, "bert-crf", tmp_path), torch.device("cpu"))
    model = prepared.model(seed=99, device=torch.device("cpu"))
    load_trainable(model, weights)
    split = prepared.data.splits["test/own"]
    model.eval()
    with torch.no_grad():
        tags = [model.decode(split.batch([row]))[0] for row in range(len(split))]
    assert tags == read_tags(_run_folder(tmp_path) / "test.own.jsonl")


@pytest.mark.parametrize("system", ["bert-crf", "ita", "rgcn-released"])
def test_rows_of_subwords_that_never_occur_change_no_tag_and_are_kept_as_pretrained(tmp_path, system):
    outcomes = {}
    for rows in ("all", "used"):
        root = tmp_path / rows
        tiny.make_world(root, subword_rows=rows, keep_weights=True, weight_decay=0.0)
        (record,) = tiny.train(root, system, tiny.Listener())
        weights = load_file(root / "runs" / "tiny" / tiny.DATASET / system / "1" / "weights.safetensors")
        outcomes[rows] = record, weights
    (all_rows, whole), (used_rows, cut) = outcomes["all"], outcomes["used"]
    assert used_rows.predictions == all_rows.predictions  # hashes of all files of tags
    assert used_rows.key != all_rows.key
    assert whole.keys() == cut.keys()
    for name, weight in whole.items():
        torch.testing.assert_close(cut[name], weight, rtol=1e-4, atol=1e-5)


def test_a_cut_table_has_the_rows_that_occur_while_it_is_trained(tmp_path):
    tiny.make_world(tmp_path, subword_rows="used")
    prepared = prepare(tiny.cell_of(tmp_path), CPU)
    rows = len(prepared.data.subwords())
    assert rows < len(tiny.vocabulary())
    (table,) = _cut_tables(prepared.model(1, CPU))
    assert table.weight.shape[0] == rows + 1  # and the padding id
    assert not _cut_tables(prepared.model(1, CPU, whole=True))


def _cut_tables(model):
    return [module for module in model.modules() if isinstance(module, UsedSubwords)]


def test_without_the_options_nothing_extra_is_kept(tmp_path):
    tiny.make_world(tmp_path)
    (record,) = tiny.train(tmp_path, "bert-crf", tiny.Listener())
    assert set(record.predictions) == {"dev.own", "test.own"}
    assert not (_run_folder(tmp_path) / "weights.safetensors").exists()


def test_automatic_precision_is_settled_by_the_device_and_recorded(tmp_path):
    settings = tiny.make_world(tmp_path, precision="auto", epochs=1)
    device = torch.device("cpu")
    expected = "bfloat16" if has_bfloat16(device) else "float32"
    assert precision_of(settings.recipe_of("bert-crf"), device) == expected
    (record,) = tiny.train(tmp_path, "bert-crf", tiny.Listener())
    assert record.environment["precision"] == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("patience", 0),
        ("precision", "half"),
        ("subword_rows", "some"),
        ("head_learning_rate", -1e-3),
        ("weight_decay", -5.0),
        ("encoder_learning_rate", float("nan")),
    ],
)
def test_senseless_options_are_refused(tmp_path, field, value):
    with pytest.raises(config.ConfigError, match=field):
        tiny.make_world(tmp_path, **{field: value})


def test_inputs_longer_than_the_encoder_takes_are_refused_before_anything_is_read(tmp_path):
    tiny.make_world(tmp_path, max_pieces=64)
    assert prepare(tiny.cell_of(tmp_path), CPU).data.splits
    tiny.change_parameters(tmp_path, lambda raw: raw["recipe"].update(max_pieces=65))
    message = names("bert-crf", 65, 64, "max_pieces")
    with pytest.raises(CellError, match=message):
        prepare(tiny.cell_of(tmp_path), CPU)


def test_pictures_lie_on_the_device_that_is_no_cpu(tmp_path):
    tiny.make_world(tmp_path, frozen_layers=0)
    for device in (CPU, torch.device("meta")):
        split = prepare(tiny.cell_of(tmp_path, "rgcn"), device).data.splits["train/own"]
        assert split.store.values.device == device


def test_a_run_has_the_threads_of_its_recipe_and_keeps_the_memory_it_frees(tmp_path, monkeypatch):
    tiny.make_world(tmp_path, threads=3)
    kept = []
    monkeypatch.setattr(runs, "keep_freed_memory", lambda: kept.append("freed"))
    with cpu_threads(1):
        runs.Trainer(tiny.cell_of(tmp_path), CPU, "a test", lambda line: None)
        assert torch.get_num_threads() == 3
    assert kept == ["freed"]


def test_options_no_model_can_be_built_from_cost_no_finished_run(tmp_path):
    tiny.make_world(tmp_path, epochs=1)
    tiny.train(tmp_path, "bert-crf", tiny.Listener())
    before = {path.name: path.read_bytes() for path in _run_folder(tmp_path).iterdir()}
    tiny.change_parameters(tmp_path, lambda raw: raw["systems"]["bert-crf"]["options"].update(dropout=7))
    with pytest.raises(ValueError, match="dropout"):
        tiny.train(tmp_path, "bert-crf", tiny.Listener())
    assert {path.name: path.read_bytes() for path in _run_folder(tmp_path).iterdir()} == before


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["nope", "bert-crf"], names("'nope'")),
        (["toy", "nope"], names("'nope'")),
        (["toy", "bert-crf", "--seed", "99"], names(99, 1)),
    ],
)
def test_a_stage_trains_only_what_the_profile_has(tmp_path, monkeypatch, asked, message):
    tiny.make_world(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(config.ConfigError, match=message):
        train.main([tiny.DATASET if word == "toy" else word for word in asked])


@pytest.mark.parametrize("seeds", [[], ["--seed", "1"]])
def test_inputs_that_are_not_built_are_an_error_and_not_nothing_to_train(tmp_path, monkeypatch, seeds):
    tiny.make_world(tmp_path)
    (tmp_path / "data" / tiny.DATASET / "corpus" / "train.jsonl").unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SweepError, match=names(tiny.DATASET, "`dvc repro data features graphs`")):
        train.main([tiny.DATASET, "bert-crf", *seeds])

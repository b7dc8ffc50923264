"""What is finished stays; what a run reads is its key, and nothing else is."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from support import interruption, tiny
from support.profile_settings import settings as profile_settings

from mner.features.visual_inputs import describe
from mner.tracking.identity import identity_of, identity_of_record
from mner.tracking.prepared_inputs import ChangedInputError, folder_md5
from mner.tracking.record import Record
from mner.tracking.run_places import run_lock_file
from mner.training import runs
from mner.training.run_locks import BusyError, run_lock
from mner.training.runs import Trainer, is_finished, missing_seeds

ROOT = Path(__file__).resolve().parents[2]


def key_of(root: Path, system: str = "bert-crf", seed: int = 1) -> str:
    return identity_of(tiny.cell_of(root, system)).key(seed)


def test_a_finished_run_is_not_trained_again_and_a_new_seed_trains_alone(world):
    tiny.train(world, "bert-crf")
    before = {path: path.stat().st_mtime_ns for path in (world / "runs").rglob("*") if path.is_file()}
    said: list[str] = []
    assert tiny.train(world, "bert-crf", say=said.append) == []
    assert len(said) == 1
    assert "1 runs are finished" in said[0]
    tiny.change_parameters(world, lambda raw: raw["active"].update(seeds=[1, 2]))
    assert [record.seed for record in tiny.train(world, "bert-crf")] == [2]
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize("damage", ["lost", "changed", "record"])
def test_a_damaged_run_is_trained_again(world, uninterrupted, damage):
    tiny.train(world, "bert-crf")
    folder = world / "runs" / "tiny" / tiny.DATASET / "bert-crf" / "1"
    if damage == "lost":
        (folder / "test.own.jsonl").unlink()
    elif damage == "changed":
        (folder / "dev.own.jsonl").write_text('["O"]\n')
    else:
        (folder / "record.json").write_text("{")
    cell = tiny.cell_of(world)
    assert not is_finished(folder, key_of(world))
    assert missing_seeds(cell, identity_of(cell)) == [1]
    assert len(tiny.train(world, "bert-crf")) == 1
    assert tiny.results(world, "bert-crf") == tiny.results(uninterrupted("bert-crf")[0], "bert-crf")


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def set_parameter(*keys: str, value):
    def change(raw) -> None:
        for key in keys[:-1]:
            raw = raw[key]
        raw[keys[-1]] = value

    return lambda root: tiny.change_parameters(root, change)


ANOTHER_RUN = {
    "recipe": ("bert-crf", set_parameter("recipe", "clip", value=0.5)),
    "the row's recipe": ("bert-crf", set_parameter("systems", "bert-crf", "recipe", value={"epochs": 2})),
    "the profile's recipe": ("bert-crf", set_parameter("active", "recipe", value={"epochs": 2})),
    "options": ("bert-crf", set_parameter("systems", "bert-crf", "options", value={"dropout": 0.2})),
    "captions": ("ita", set_parameter("data", "captions", value={tiny.DATASET: "other"})),
    "no objects": ("ita", set_parameter("data", "objects", value={tiny.DATASET: None})),
    "corpus": ("bert-crf", lambda root: append(root / "data" / "toy" / "corpus" / "dev.jsonl", "\n")),
    "captions file": ("ita", lambda root: append(root / "data" / "toy" / "side" / "captions.json", "\n")),
    "features": ("rgcn", lambda root: append(root / "features" / "toy" / "caption_tokens.json", "\n")),
    "graph": ("rgcn", lambda root: append(root / "graphs" / "toy" / "rebuilt.json", "\n")),
}


@pytest.mark.parametrize("what", ANOTHER_RUN)
def test_what_a_run_reads_is_part_of_its_key(world, what):
    system, change = ANOTHER_RUN[what]
    before = key_of(world, system)
    change(world)
    assert key_of(world, system) != before


def test_the_least_score_that_counts_is_part_of_what_was_found_in_pictures():
    settings = profile_settings()

    def described(score: float, source: str) -> str:
        data = replace(settings.data, minimum_score=score, objects={"twitter2015": source})
        return describe(replace(settings, data=data), "twitter2015", ("captions", "objects"), "released")

    assert described(0.3, "extracted") == "captions:blip2+objects:yolox-nano>=0.3"
    assert described(0.5, "extracted") == "captions:blip2+objects:yolox-nano>=0.5"
    assert described(0.5, "ocsga") == described(0.3, "ocsga")


THE_SAME_RUN = {
    "code of its own": lambda root: append(root / "baselines" / "bert_crf.py", "\nEXTRA = 1\n"),
    "code of the loop": lambda root: append(root / "mner" / "training" / "loop.py", "\nEXTRA = 1\n"),
    "a module that moved": lambda root: (root / "mner/data/subwords.py").rename(root / "mner/models/pieces.py"),
    "a function that was renamed": lambda root: (root / "mner/training/loop.py").write_text(
        (root / "mner/training/loop.py").read_text().replace("def fit(", "def train_to_the_end(")
    ),
    "another row": set_parameter("systems", "rgcn", "options", value={"heads": 2}),
    "more seeds": set_parameter("active", "seeds", value=[1, 2, 3]),
    "a file it does not read": lambda root: append(root / "features" / "toy" / "caption_tokens.json", "\n"),
    "captions it does not read": set_parameter("data", "captions", value={tiny.DATASET: "other"}),
    "gold": lambda root: shutil.rmtree(root / "data" / "toy" / "gold"),
}


@pytest.mark.parametrize("what", THE_SAME_RUN)
def test_what_a_run_does_not_read_is_no_part_of_its_key(world, what):
    before = key_of(world)
    THE_SAME_RUN[what](world)
    assert key_of(world) == before


def test_seed_and_system_are_part_of_the_key(original):
    identities = [identity_of(tiny.cell_of(original, system)) for system in tiny.SYSTEMS]
    keys = [identity.key(seed) for identity in identities for seed in (1, 2)]
    assert len(set(keys)) == len(keys)


def test_a_row_without_its_input_is_skipped_with_a_reason(world):
    def only_objects(raw) -> None:
        raw["data"]["objects"] = {tiny.DATASET: None}
        raw["systems"]["ita"]["options"]["context"] = ["objects"]

    tiny.change_parameters(world, only_objects)
    listener = tiny.Listener()
    (record,) = tiny.train(world, "ita", listener)
    assert (record.status, record.reason) == ("skipped", "toy has no objects at hand")
    assert listener.logged == [record]
    assert tiny.train(world, "ita") == []
    # With captions beside them, the row runs on what there is, and says so.
    tiny.change_parameters(
        world, lambda raw: raw["systems"]["ita"]["options"].update(context=["objects", "captions"])
    )
    (record,) = tiny.train(world, "ita")
    assert (record.status, record.visual_input) == ("finished", "captions:planted")


def test_one_seed_may_be_trained_and_leaves_the_others_checkpoints_alone(world, uninterrupted):
    tiny.change_parameters(world, lambda raw: raw["active"].update(seeds=[1, 2]))

    with pytest.raises(interruption.InterruptedRunError):
        tiny.train(world, "bert-crf", tiny.Listener(interruption.after(0)), only=[1])
    assert [record.seed for record in tiny.train(world, "bert-crf", only=[2])] == [2]
    listener = tiny.Listener()
    assert [record.seed for record in tiny.train(world, "bert-crf", listener, only=[1])] == [1]
    assert [step for step, _ in listener.epochs] == [1, 2]
    assert tiny.results(world, "bert-crf") == tiny.results(uninterrupted("bert-crf")[0], "bert-crf")


def test_nothing_of_the_run_that_stood_there_outlives_its_replacement(world):
    more = {"keep_weights": True, "predict_every_epoch": True}
    tiny.change_parameters(world, lambda raw: raw["recipe"].update(more))
    tiny.train(world, "bert-crf")
    folder = world / "runs" / "tiny" / tiny.DATASET / "bert-crf" / "1"
    before = {path.name for path in folder.iterdir()}
    tiny.change_parameters(world, lambda raw: raw["recipe"].update(dict.fromkeys(more, False)))
    with pytest.raises(interruption.InterruptedRunError):
        tiny.train(world, "bert-crf", tiny.Listener(interruption.after(0)))
    assert {path.name for path in folder.iterdir()} == before
    tiny.train(world, "bert-crf")
    assert {path.name for path in folder.iterdir()} == {
        "curve.csv", "dev.own.jsonl", "test.own.jsonl", "record.json"
    }  # fmt: skip


def test_a_run_is_not_trained_twice_nor_waited_for_by_who_may_not_wait(world, monkeypatch):
    cell, said, waits = tiny.cell_of(world), [], []

    def impatient(path: Path, *, wait: bool):
        waits.append(wait)
        return run_lock(path, wait=False)

    monkeypatch.setattr(runs, "run_lock", impatient)
    trainer = Trainer(cell, torch.device("cpu"), "a test", said.append)
    lock = run_lock_file(world, "tiny", tiny.DATASET, "bert-crf", 1)
    with run_lock(lock, wait=False), pytest.raises(BusyError, match=r"1\.lock"):
        trainer.train(1, tiny.Listener(), wait=False)
    assert waits == [False]
    (record,) = tiny.train(world, "bert-crf")
    listener = tiny.Listener()
    assert trainer.train(1, listener, wait=True) is None
    assert (listener.epochs, said) == ([], ["  seed 1: finished by another process"])
    assert Record.read(cell.run_folder(1) / "record.json") == record


def test_old_and_half_written_checkpoints_are_cleared(world):
    folder = world / ".checkpoints" / "tiny" / "toy-bert-crf"
    folder.mkdir(parents=True)
    (folder / "0123.pt").write_bytes(b"another run's")
    (folder / ".0123.pt.xyz.part").write_bytes(b"half")
    tiny.train(world, "bert-crf")
    assert list(folder.iterdir()) == []


def test_kept_runs_have_the_keys_of_what_they_read():
    """How a key is computed must not change: every kept run would be another one."""
    kept = sorted((ROOT / "reports" / "results").rglob("record.json"))
    assert kept
    for path in kept:
        record = Record.read(path)
        assert identity_of_record(record).key == record.key, path


def test_a_finished_run_stays_until_its_replacement_is_whole(world):
    tiny.train(world, "bert-crf")
    before = tiny.results(world, "bert-crf")
    tiny.change_parameters(world, lambda raw: raw["recipe"].update(epochs=2))

    def interrupt(line: str) -> None:
        if "epoch 1/" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiny.train(world, "bert-crf", say=interrupt)
    assert tiny.results(world, "bert-crf") == before
    tiny.train(world, "bert-crf")
    assert tiny.results(world, "bert-crf") != before


def test_nothing_is_trained_on_an_input_that_is_not_what_its_stage_wrote(world):
    tiny.train(world, "bert-crf")
    corpus = Path("data", tiny.DATASET, "corpus")
    outs = [{"path": corpus.as_posix(), "md5": folder_md5(world / corpus)}]
    (world / "dvc.lock").write_text(yaml.safe_dump({"stages": {"data": {"outs": outs}}}))
    append(world / corpus / "train.jsonl", " ")
    before = tiny.results(world, "bert-crf")
    with pytest.raises(ChangedInputError) as raised:
        tiny.train(world, "bert-crf")
    assert raised.value.path == corpus
    assert tiny.results(world, "bert-crf") == before

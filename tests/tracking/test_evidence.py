"""A run is believed only if its files agree: record, curve, tags, and the dev F1 that its dev tags reach."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.made_record import example, with_own_key

from mner.base.files import sha256_of
from mner.data.corpus import Sentence, write_sentences, write_tags
from mner.tracking.dev_score import dev_f1
from mner.tracking.evidence import TAGS, EvidenceError, check_evidence, files_beside
from mner.tracking.meter_checks import implausible
from mner.tracking.record import Record

GOLD = [["B-PER", "I-PER", "O"], ["O", "B-LOC", "O"], ["B-ORG", "O", "O"]]
DEV = [["B-PER", "I-PER", "O"], ["O", "O", "O"], ["B-LOC", "O", "O"]]
"""Dev tags of one entity of three found, and one wrong: F1 40."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    sentences = tuple(Sentence(i, f"i{i}", ("a", "b", "c"), tuple(tags)) for i, tags in enumerate(GOLD))
    write_sentences(tmp_path / "data" / "planted" / "corpus" / "dev.jsonl", sentences)
    write_sentences(tmp_path / "data" / "planted" / "gold" / "test.jsonl", sentences)
    return tmp_path / "data"


@pytest.fixture
def run(tmp_path: Path, data: Path) -> Path:
    return written(tmp_path / "run", data, DEV, DEV)


def written(folder: Path, data: Path, dev: list[list[str]], test: list[list[str]], **changes: Any) -> Path:
    """A run as training leaves it, with the dev F1 that its tags reach unless ``changes`` say otherwise."""
    folder.mkdir()
    for name, tags in (("dev.own", dev), ("test.own", test)):
        write_tags(folder / f"{name}.jsonl", tags)
    curve = changes.pop("dev_f1", None) or (12.5, dev_f1(GOLD, dev))
    (folder / "curve.csv").write_text(
        "\n".join(["epoch,dev_f1", *(f"{i},{v:.10g}" for i, v in enumerate(curve)), ""])
    )
    gold = data / "planted" / "corpus" / "dev.jsonl"
    record = example(
        predictions={name: sha256_of(folder / f"{name}.jsonl") for name in ("dev.own", "test.own")},
        inputs={"data/planted/corpus/dev.jsonl": sha256_of(gold)},
        dev_f1=curve,
        **changes,
    )
    with_own_key(record).sealed(files_beside(folder)).write(folder / "record.json")
    return folder


def edit(folder: Path, change: Callable[[dict[str, Any]], None], *, seal: bool) -> None:
    """Change the record as a text editor would, or, with a new seal, as a forger would."""
    row = json.loads((folder / "record.json").read_text())
    change(row)
    (folder / "record.json").write_text(json.dumps(row))
    if seal:
        Record.read(folder / "record.json").sealed(files_beside(folder)).write(folder / "record.json")


def refused(folder: Path, data: Path | None = None) -> str:
    with pytest.raises(EvidenceError) as raised:
        check_evidence(folder, data)
    return raised.value.field


def test_an_honest_run_is_believed_and_its_dev_f1_recomputed(run: Path, data: Path) -> None:
    found = check_evidence(run, data)
    assert (found.sealed, found.not_recomputed, found.record.best_dev_f1) == (True, None, pytest.approx(40.0))


def test_dev_f1_is_recomputed_as_the_recipe_selects(run: Path, data: Path) -> None:
    edit(run, lambda row: row["recipe"].update(dev_batch=1), seal=True)
    assert refused(run, data) in ("dev_f1", "key")


def test_a_kept_run_is_checked_like_the_run_it_was(run: Path, data: Path) -> None:
    tags = {path.stem: path.read_text() for path in run.glob("*.jsonl")}
    for path in run.glob("*.jsonl"):
        path.unlink()
    (run / TAGS).write_bytes(lzma.compress(json.dumps(tags).encode()))
    assert check_evidence(run, data).not_recomputed is None
    tags["dev.own"] = tags["dev.own"].replace("B-LOC", "B-ORG")
    (run / TAGS).write_bytes(lzma.compress(json.dumps(tags).encode()))
    assert refused(run) == "predictions"


def test_without_the_data_that_the_run_read_dev_f1_is_not_recomputed_and_that_is_said(
    run: Path, data: Path
) -> None:
    assert check_evidence(run).not_recomputed is not None
    gold = data / "planted" / "corpus" / "dev.jsonl"
    gold.write_text(gold.read_text().replace("B-ORG", "B-PER"))
    assert check_evidence(run, data).not_recomputed is not None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda row: row.update(seed=7), "evidence"),
        (lambda row: row["environment"].update(gpu="H100"), "evidence"),
        (lambda row: row["throughput"].update(train_sentences_per_second=99_999.0), "evidence"),
    ],
)
def test_any_field_that_was_edited_afterwards_is_noticed(run: Path, change: Any, field: str) -> None:
    edit(run, change, seal=False)
    assert refused(run) == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda row: row.update(dev_f1=[12.5, 99.9]), "dev_f1"),
        (lambda row: row.update(best_epoch=0), "best_epoch"),
        (lambda row: row.update(key="0" * 64), "key"),
        (lambda row: row["versions"].update(system=2), "key"),
        (lambda row: row["inputs"].update({"data/planted/corpus/dev.jsonl": "0" * 64}), "key"),
        (lambda row: row["recipe"].update(epochs=3), "key"),
        (lambda row: row["throughput"].update(train_sentences_per_second=99_999.0), "throughput"),
        (lambda row: row["throughput"].update(mfu=1.2), "throughput"),
        (lambda row: row["throughput"].update(utilisation=120.0), "throughput"),
        (
            lambda row: row["throughput"].update(device="cuda: H100") or row["environment"].update(gpu=None),
            "throughput",
        ),
        (
            lambda row: row["throughput"].update(train_flops_per_sentence=1e9, matrix_flops_per_second=1e9),
            "throughput",
        ),
    ],
)
def test_a_forged_record_contradicts_its_files_or_what_machines_can_do(run: Path, change: Any, field: str) -> None:
    edit(run, change, seal=True)
    assert refused(run).partition(".")[0] == field


def test_curve_and_record_forged_alike_are_given_away_by_the_dev_tags(tmp_path: Path, data: Path) -> None:
    assert refused(written(tmp_path / "forged", data, DEV, DEV, dev_f1=(12.5, 99.9)), data) == "dev_f1"


@pytest.mark.parametrize("view", ["own", "none", "shuffled"])
def test_gold_as_predictions_of_any_view_is_refused(tmp_path: Path, data: Path, view: str) -> None:
    run = written(tmp_path / "forged", data, DEV, DEV)
    write_tags(run / f"test.{view}.jsonl", GOLD)
    digest = sha256_of(run / f"test.{view}.jsonl")
    edit(run, lambda row: row["predictions"].update({f"test.{view}": digest}), seal=True)
    assert refused(run, data) == "predictions"


def test_gold_with_one_word_changed_is_refused(tmp_path: Path) -> None:
    gold, dev = [GOLD[0]] * 100, [DEV[1]] * 100
    sentences = tuple(Sentence(i, f"i{i}", ("a", "b", "c"), tuple(tags)) for i, tags in enumerate(gold))
    for name in ("corpus/dev", "gold/test"):
        write_sentences(tmp_path / "data" / "planted" / f"{name}.jsonl", sentences)
    run = written(tmp_path / "forged", tmp_path / "data", dev, [*gold[1:], DEV[1]], dev_f1=(0.0,), best_epoch=0)
    assert refused(run, tmp_path / "data") == "predictions"


def test_a_test_split_without_an_error_is_believed_where_the_dev_split_is_as_easy(
    tmp_path: Path, data: Path
) -> None:
    assert check_evidence(written(tmp_path / "easy", data, GOLD, GOLD), data).not_recomputed is None


@pytest.mark.parametrize("name", ["dev.own.jsonl", "curve.csv"])
def test_a_file_that_changed_or_went_is_named(run: Path, name: str) -> None:
    (run / name).write_text((run / name).read_text() + "\n")
    with pytest.raises(EvidenceError) as raised:
        check_evidence(run)
    assert raised.value.path == run / name
    (run / name).unlink()
    with pytest.raises(EvidenceError) as raised:
        check_evidence(run)
    assert raised.value.path == run / name


def test_tags_that_the_record_does_not_list_are_refused(run: Path) -> None:
    (run / "test.none.jsonl").write_text('["O"]\n')
    assert refused(run) == "predictions"


def test_a_record_from_before_digests_is_read_and_said_to_be_unsealed(run: Path, data: Path) -> None:
    record = replace(Record.read(run / "record.json"), evidence=None)
    record.write(run / "record.json")
    assert "evidence" not in json.loads((run / "record.json").read_text())
    assert check_evidence(run, data).sealed is False


@pytest.mark.parametrize("meters", [None, example().throughput])
def test_possible_meters_are_believed(meters: Any) -> None:
    assert implausible(example(throughput=meters)) is None

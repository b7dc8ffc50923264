"""The parity check passes on the golden files, fails on any change to them, and refuses what it cannot check."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from support.messages import names

from mner.parity.golden import RESULTS
from mner.parity.parity_ita import check
from mner.parity.parity_report import ParityError, render

TENSOR_FILES = ("ita_crf", "ita_cva", "ita_pooling")


def opened(file: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    with safe_open(file, "pt") as handle:
        return {key: handle.get_tensor(key) for key in handle.keys()}, handle.metadata()  # noqa: SIM118


def nudge(tensor: torch.Tensor) -> None:
    """Change one entry at a word and state that every file counts as real."""
    place = (0,) * (tensor.dim() - 1) + ((1,) if tensor.dim() and tensor.shape[-1] > 1 else (0,) * tensor.dim())
    tensor[place[: tensor.dim()]] += 1e-7 if tensor.is_floating_point() else 1


def own_scorer_file(folder: Path, f1: float = 0.5) -> Path:
    gold, predicted = [["B-A", "E-A", "O", "S-X"]], [["B-A", "E-A", "S-B", "S-X"]]
    counts = {"tp": 1, "fp": 1, "fn": 0}
    perfect = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "tp": 1, "fp": 0, "fn": 0, "tn_field": 1}
    wrong = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "tp": 0, "fp": 1, "fn": 0, "tn_field": 0}
    scores = {
        "micro": {**counts, "precision": 0.5, "recall": 1.0, "f1": 0.6667, "accuracy": 0.5},
        "macro_f1": f1,
        "macro_accuracy": 0.5,
        "main_score": 0.6667,
        "per_type": {"A": perfect, "B": wrong},
    }
    spans = [[[["A", 0, 1], ["X", 3, 3]], [["A", 0, 1], ["B", 2, 2], ["X", 3, 3]]]]
    content = {
        "sets": {"own": {"gold": gold, "pred": predicted, "spans": spans, "scores": scores}},
        "span_unit_cases": [[["S-A", "E-B"], [["A", 0, 0], ["B", 1, 1]]]],
        "metric_unit_cases": {
            "columns": ["tp", "fp", "fn", "precision", "recall", "f1"],
            "rows": [[2, 1, 4, 0.6667, 0.3333, 0.4444], [0, 0, 0, 0.0, 0.0, 0.0]],
        },
        "bio_to_bioes": [[["I-A", "I-A", "B-X"], ["B-A", "E-A", "S-X"]]],
    }
    file = folder / "any_name.json"
    file.write_text(json.dumps(content))
    return file


def test_every_stored_number_of_the_released_program_is_reproduced(golden):
    reports = check(golden / "ita")
    assert [report.system for report in reports] == ["ita crf", "ita cva", "ita pooling", "ita scorer"]
    for report in reports:
        assert report.passed, render(report)


@pytest.mark.parametrize("name", TENSOR_FILES)
def test_every_changed_result_is_noticed(golden, tmp_path, name):
    tensors, metadata = opened(golden / "ita" / f"{name}.safetensors")
    results = [key for key in tensors if key.startswith(RESULTS)]
    for key in results:
        nudge(tensors[key])
    save_file(tensors, tmp_path / "renamed.safetensors", metadata)
    (report,) = check(tmp_path / "renamed.safetensors")
    failed = [comparison for comparison in report.comparisons if not comparison.passed]
    assert len(failed) == len(results)
    assert "FAILED" in render(report)


def renumbered(tensor: torch.Tensor, name: str, states: int, order: torch.Tensor) -> torch.Tensor:
    """The same content with state ``order[i]`` called i: in tag tensors, and along every axis over states."""
    if "tags" in name or "decoded" in name:
        return torch.where(tensor < 0, tensor, order.argsort()[tensor])
    for axis, size in enumerate(tensor.shape):
        tensor = tensor.index_select(axis, order) if size == states else tensor
    return tensor


@pytest.mark.parametrize("name", ["ita_crf", "ita_cva"])
def test_another_tag_order_is_read_from_the_metadata(golden, tmp_path, name):
    tensors, metadata = opened(golden / "ita" / f"{name}.safetensors")
    config = json.loads(metadata["config"])
    order = torch.randperm(config["T"], generator=torch.Generator().manual_seed(1))
    for field in ("start", "stop", "unk", "x"):
        config[field] = order.argsort()[config[field]].item()
    moved = {key: renumbered(tensor, key, config["T"], order) for key, tensor in tensors.items()}
    save_file(moved, tmp_path / "other.safetensors", {**metadata, "config": json.dumps(config)})
    (report,) = check(tmp_path)
    assert report.passed, render(report)
    assert config["start"] != json.loads(metadata["config"])["start"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("ita_crf", "param/transitions"),
        ("ita_crf", "input/plain.emissions"),
        ("ita_crf", "input/x_removed.tags"),
        ("ita_cva", "param/linear.weight"),
        ("ita_cva", "input/accum.b0.words_cross"),
        ("ita_pooling", "input/windows.subtoken_states"),
        ("ita_pooling", "input/eos.subtoken_ids"),
    ],
)
def test_a_changed_input_is_noticed(golden, tmp_path, name, key):
    tensors, metadata = opened(golden / "ita" / f"{name}.safetensors")
    tensors[key][0, 1] += 1
    save_file(tensors, tmp_path / f"{name}.safetensors", metadata)
    (report,) = check(tmp_path)
    assert not report.passed


def test_a_changed_scorer_entry_is_noticed(golden, tmp_path):
    content = json.loads((golden / "ita" / "ita_scorer.json").read_text())
    content["sets"]["cross_view"]["scores"]["per_type"]["LOC"]["f1"] += 1e-10
    content["span_unit_cases"][7][1] = []
    (tmp_path / "scorer.json").write_text(json.dumps(content))
    (report,) = check(tmp_path)
    failed = {comparison.name for comparison in report.comparisons if not comparison.passed}
    assert failed == {"cross_view/scores.per_type.LOC.f1", "units/spans"}


def test_a_result_that_nothing_checks_is_refused(golden, tmp_path):
    tensors, metadata = opened(golden / "ita" / "ita_crf.safetensors")
    tensors["output/plain.novelty"] = torch.zeros(2)
    save_file(tensors, tmp_path / "crf.safetensors", metadata)
    with pytest.raises(ParityError, match=r"1 results are not checked.*novelty"):
        check(tmp_path)


def test_a_missing_tensor_is_named(golden, tmp_path):
    tensors, metadata = opened(golden / "ita" / "ita_crf.safetensors")
    del tensors["param/transitions"]
    save_file(tensors, tmp_path / "crf.safetensors", metadata)
    with pytest.raises(ParityError, match="lacks param/transitions"):
        check(tmp_path)


def test_our_own_scorer_file_passes_and_fails_when_wrong(tmp_path):
    (report,) = check(own_scorer_file(tmp_path))
    assert report.passed, render(report)
    (report,) = check(own_scorer_file(tmp_path, f1=0.51))
    assert [comparison.name for comparison in report.comparisons if not comparison.passed] == [
        "own/scores.macro_f1"
    ]


def test_what_is_not_an_ita_file_is_refused(tmp_path):
    with pytest.raises(ParityError, match="does not exist"):
        check(tmp_path / "nowhere")
    (tmp_path / "other.json").write_text("[1, 2]")
    save_file({"input/a": torch.zeros(1)}, tmp_path / "other.safetensors", {"seed": "1"})
    with pytest.raises(ParityError, match=names(tmp_path, "ita_crf", "ita_scorer.json")):
        check(tmp_path)
    (tmp_path / "broken.safetensors").write_bytes(b"\x00" * 4)
    with pytest.raises(ParityError, match=names("broken.safetensors")):
        check(tmp_path / "broken.safetensors")

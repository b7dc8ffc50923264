"""What a run loaded and read is told by content: hash of the weights, share of the pictures."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from support.filled_results import filled

from mner.evaluation.averages import loaded_by
from mner.evaluation.score_results import Loaded, ScoredRun
from mner.models.encoders import EncoderSource
from mner.training.loaded_inputs import shares_read, weights_sha256


def test_the_share_is_of_valid_pictures_by_split() -> None:
    images = {"train": ["a", "b", "c", "c"], "dev": ["d", "e"], "test": ["bad"]}
    assert shares_read(images, {"b", "bad"}, {"a", "d", "bad"}) == {"train": 0.5, "dev": 0.5}


def test_weights_of_the_hubs_cache_are_hashed_at_their_commit_and_not_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "a" * 40
    snapshot = tmp_path / "models--owner--model" / "snapshots" / commit
    snapshot.mkdir(parents=True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    source = EncoderSource("bert", hub="owner/model", revision=commit)
    assert weights_sha256(source) is None
    (snapshot / "model.safetensors").write_bytes(b"random")
    assert weights_sha256(source) == hashlib.sha256(b"random").hexdigest()
    assert weights_sha256(EncoderSource("bert", hub="owner/model", revision="b" * 40)) is None


def test_a_cell_has_the_worst_share_of_its_runs_and_nothing_that_one_of_them_leaves_open() -> None:
    one, other, empty, partial = (
        filled(ScoredRun, {"loaded": loaded})
        for loaded in (
            {"weights_sha256": "x", "pictures_read": {"train": 1.0, "test": 0.5}},
            {"weights_sha256": "y", "pictures_read": {"train": 0.9, "test": 1.0}},
            {},
            {"weights_sha256": "x"},
        )
    )
    assert loaded_by([one, other]) == Loaded(("x", "y"), pictures_read={"train": 0.9, "test": 0.5})
    assert loaded_by([one, empty]) == Loaded()
    assert loaded_by([one, partial]) == Loaded(("x",))

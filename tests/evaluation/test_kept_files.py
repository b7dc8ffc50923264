"""Committed results are read strictly and written again byte for byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mner.config.strict import ConfigError
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.result_files import FILES, read_results, results_bytes
from mner.evaluation.score_results import ScoreResults

KEPT = Path(__file__).resolve().parents[2] / "reports" / "results"
SCORES = KEPT / "quick" / FILES[ScoreResults]


@pytest.mark.parametrize("cls", [ScoreResults, RescoredResults])
@pytest.mark.parametrize("profile", sorted(folder.name for folder in KEPT.iterdir() if folder.is_dir()))
def test_a_kept_file_is_written_as_it_was_read(profile: str, cls: type) -> None:
    path = KEPT / profile / FILES[cls]
    assert results_bytes(read_results(cls, path)) == path.read_bytes()


def _without(scores: dict[str, Any], key: str) -> None:
    del next(cell for cell in scores["cells"] if cell["state"] == "finished")[key]


def _with(scores: dict[str, Any], key: str) -> None:
    scores["cells"][0][key] = 1


@pytest.mark.parametrize(
    ("change", "key"), [(_without, "recipe"), (_without, "views"), (_without, "dataset"), (_with, "relianc")]
)
def test_a_missing_or_unknown_key_is_an_error_with_file_and_key(tmp_path: Path, change: Any, key: str) -> None:
    scores = json.loads(SCORES.read_text(encoding="utf-8"))
    change(scores, key)
    path = tmp_path / "scores.json"
    path.write_text(json.dumps(scores), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_results(ScoreResults, path)
    assert str(path) in str(caught.value)
    assert key in str(caught.value)

"""Outside a pipeline: kept results are shown, settings come from the package, a pipeline can be laid out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from mner.base.exits import FAULT
from mner.base.files import read_json
from mner.base.shipped_files import shipped
from mner.cli import main as cli
from mner.config import load
from mner.predictions.pipeline_folder import VERSION_FILE


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_show_gives_the_kept_numbers_beside_the_printed_ones(elsewhere, capsys):
    assert cli.main(["show", "--json", "-"]) == 0
    shown = json.loads(capsys.readouterr().out)
    scores = read_json(shipped("results") / "quick" / "scores.json")
    finished = [cell for cell in scores["cells"] if cell["state"] == "finished"]
    assert shown["quick"].keys() == {f"{cell['dataset']}/{cell['system']}" for cell in finished}
    assert {"f1", "f1_printed", "verdict"} <= shown["quick"]["twitter2017/rgcn"].keys()
    assert cli.main(["show"]) == 0
    assert "twitter2017/rgcn" in capsys.readouterr().out


@pytest.mark.parametrize("typed", ["power --sd 0.3", "card umt"])
def test_commands_that_need_no_pipeline_work_anywhere(elsewhere, typed):
    assert cli.main(typed.split()) == 0


def test_init_lays_out_a_pipeline_once(elsewhere):
    assert cli.main(["init", "study", "--profile", "controls"]) == 0
    assert load(elsewhere / "study" / "params.yaml").active.name == "controls"
    stages = yaml.safe_load((elsewhere / "study" / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    given = {dep for stage in stages.values() for dep in stage["deps"] if dep.startswith(("stages/", "reports/"))}
    assert [dep for dep in given if not (elsewhere / "study" / dep).exists()] == []
    assert all(VERSION_FILE in stage["deps"] for stage in stages.values())
    assert cli.main(["init", "study"]) == FAULT

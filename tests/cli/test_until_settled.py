"""``--until-settled`` from planning to trained runs, in a tiny world."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from support import tiny

from mner.cli import main as cli
from mner.evaluation.sequential import looks_of

SEEDS = list(range(1, 7))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two systems, six planned seeds, and differences of fifty points within which all is equivalent."""
    tiny.make_world(tmp_path, epochs=1)
    raw = yaml.safe_load((tmp_path / "params.yaml").read_text(encoding="utf-8"))
    raw["active"] |= {"systems": ["bert-crf", "ita"], "seeds": SEEDS}
    raw["verify"]["margin"] = 99.0
    tiny.write_parameters(tmp_path, raw)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "paper.yaml").write_bytes((tiny.ROOT / "reports" / "paper.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow  # trains six tiny runs in a process of its own
def test_seeds_are_trained_until_the_comparison_is_settled(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["sweep", "--until-settled", "--workers", "1"]) == 0
    first = looks_of(len(SEEDS))[0]
    runs = sorted(path.parent for path in world.glob("runs/tiny/toy/*/*/record.json"))
    assert [(run.parent.name, int(run.name)) for run in runs] == [
        (system, seed) for system in ("bert-crf", "ita") for seed in SEEDS[:first]
    ]
    capsys.readouterr()
    assert cli.main(["plan", "--until-settled", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["until_settled"]
    assert [(one["system"], one["against"], one["finding"]) for one in found["questions"]] == [
        ("ita", "bert-crf", "equivalent")
    ]
    assert found["runs_saved"] == 2 * (len(SEEDS) - first)
    assert cli.main(["sweep", "--until-settled", "--workers", "1"]) == 0
    assert len(list(world.glob("runs/tiny/toy/*/*/record.json"))) == len(runs)


def test_it_follows_whole_profiles(world: Path) -> None:
    assert cli.main(["sweep", "--until-settled", "--system", "ita"]) == 2

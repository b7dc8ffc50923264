"""What commands hand on to the library is what was typed, and their exit codes are what the library found."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from support import tiny

from mner.base.exits import FAULT
from mner.cli import main as cli
from mner.sweeping.run_plan import AbsentHereError
from mner.tracking.run_archive import Arrival

PARAMETERS = tiny.parameters("some_encoder")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the parameters of the profile ``tiny`` and nothing else."""
    tiny.write_parameters(tmp_path, PARAMETERS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "cells", "seeds"),
    [
        ("run", [("toy", system) for system in tiny.SYSTEMS], []),
        ("run toy", [("toy", system) for system in tiny.SYSTEMS], []),
        ("run toy rgcn", [("toy", "rgcn")], []),
        ("run toy rgcn --seed 3 --seed 1", [("toy", "rgcn")], [3, 1]),
    ],
)
def test_run_trains_the_cells_and_seeds_that_were_named_and_all_without_a_name(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    cells: list[tuple[str, str]],
    seeds: list[int],
) -> None:
    trained: list[tuple[str, str, list[int]]] = []

    def train(settings: Any, root: Path, dataset: str, system: str, seeds: Any, say: Any) -> int:
        trained.append((dataset, system, list(seeds)))
        return 0

    monkeypatch.setattr("mner.sweeping.cell_training.train_one_cell", train)
    assert cli.main(typed.split()) == 0
    assert trained == [(*cell, seeds) for cell in cells]


def test_run_goes_on_after_cells_that_failed_or_cannot_be_trained_here_and_ends_in_1(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []

    def train(settings: Any, root: Path, dataset: str, system: str, seeds: Any, say: Any) -> int:
        trained.append(system)
        if system == tiny.SYSTEMS[1]:
            raise AbsentHereError("no encoder")
        return int(system == tiny.SYSTEMS[0])

    monkeypatch.setattr("mner.sweeping.cell_training.train_one_cell", train)
    assert cli.main(["run"]) == 1
    assert trained == list(tiny.SYSTEMS)


@pytest.mark.parametrize("flags", [["--accept"], ["--dataset", "toy"], ["--json", "-"]])
def test_score_refuses_flags_that_go_with_others(here: Path, flags: list[str]) -> None:
    assert cli.main(["score", *flags]) == FAULT


def test_score_without_a_run_says_how_to_get_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "runs" / "other" / "toy" / "rgcn" / "1").mkdir(parents=True)
    (here / "runs" / "other" / "toy" / "rgcn" / "1" / "record.json").touch()
    assert cli.main(["score"]) == 2
    assert capsys.readouterr().err.startswith("mner score: runs/tiny holds no run to score; ")


def test_track_fills_the_store_that_was_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def rebuild(runs: Path, profile: str, uri: str) -> int:
        assert (runs, profile, uri) == (Path("runs/tiny"), "tiny", "sqlite:///there.db")
        return 7

    monkeypatch.setattr("mner.tracking.mlflow_rebuild.rebuild", rebuild)
    assert cli.main(["track", "--rebuild", "--uri", "sqlite:///there.db"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("7 runs are in sqlite:///there.db")
    assert "mlflow ui --backend-store-uri sqlite:///there.db" in out


@pytest.mark.parametrize(("more", "weights"), [([], False), (["--weights"], True)])
def test_weights_are_packed_when_they_are_asked_for(
    here: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], weights: bool
) -> None:
    asked: list[Any] = []

    def pack(root: Path, profile: str, archive: Path, *, weights: bool) -> list[str]:
        archive.touch()
        asked.extend([profile, archive, weights])
        return []

    monkeypatch.setattr("mner.tracking.run_archive.pack", pack)
    assert cli.main(["pack", "runs.tar.gz", *more]) == 0
    assert asked == ["tiny", Path("runs.tar.gz"), weights]


@pytest.mark.parametrize(("states", "code"), [(["taken", "known"], 0), (["taken", "apart"], 1), (["apart"], 1)])
def test_a_run_that_is_kept_apart_makes_unpack_end_in_1(
    here: Path, monkeypatch: pytest.MonkeyPatch, states: list[str], code: int
) -> None:
    arrivals = [Arrival("a run", state, here, "other code") for state in states]
    monkeypatch.setattr("mner.tracking.run_archive.unpack", lambda *_: arrivals)
    assert cli.main(["unpack", "runs.tar.gz"]) == code


@pytest.mark.parametrize(("passed", "code"), [("ab", 0), ("a", 1), ("b", 1)])
def test_parity_looks_at_every_file_and_passes_where_all_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], passed: str, code: int
) -> None:
    def check(system: str, path: Path, corpus: Path) -> list[SimpleNamespace]:
        assert (system, corpus) == ("scorers", Path("test.txt"))
        return [SimpleNamespace(name=str(path), passed=str(path) in passed)]

    monkeypatch.setattr("mner.parity.check", check)
    monkeypatch.setattr("mner.parity.render", lambda report: report.name)
    assert cli.main(["parity", "scorers", "a", "b", "--corpus", "test.txt"]) == code
    assert capsys.readouterr().out == "a\nb\n"


def test_profile_counts_runs_and_marks_the_one_that_was_made_active(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def shown(typed: str) -> dict[str, list[str]]:
        assert cli.main(typed.split()) == 0
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        return {line[line[0] == "*"]: line for line in lines if "runs" in line[1:4]}

    before = shown("profile")
    assert before["tiny"][:3] == ["*", "tiny", "4"]
    assert before["full"][:2] == ["full", "300"]
    after = shown("profile full")
    assert "tiny" not in after
    assert after["full"][:3] == ["*", "full", "300"]
    kept = yaml.safe_load((here / "params.yaml").read_text(encoding="utf-8"))
    assert kept["systems"] == PARAMETERS["systems"], "only cells and recipe are another profile's"


def test_profile_auto_says_why_it_chose_and_leaves_what_is_active_already(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mner.data.availability.choose", lambda places: ("graphs", "because of the weather"))
    assert cli.main(["profile", "auto"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("because of the weather\n")
    assert "* graphs" in out
    path = here / "params.yaml"
    changed = path.read_text(encoding="utf-8").replace("seeds: [1, 2]", "seeds: [7]")
    path.write_text(changed, encoding="utf-8")
    assert cli.main(["profile", "auto"]) == 0
    assert path.read_text(encoding="utf-8") == changed


def test_plan_shows_the_plan_of_the_active_profile(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["plan"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in shown[1 : 1 + len(tiny.SYSTEMS)]] == list(tiny.SYSTEMS)
    assert all(line.endswith("inputs not built") for line in shown[1 : 1 + len(tiny.SYSTEMS)])


def test_which_looks_where_this_machine_keeps_public_files(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("MNER_CACHE", "MNER_MIRROR"):
        (here / variable).mkdir()
        monkeypatch.setenv(variable, str(here / variable))

    def which(path: Path, *, cache: Path, mirrors: tuple[Path, ...], columns: list[str] | None) -> str:
        assert (path, cache, mirrors) == (Path("some.txt"), here / "MNER_CACHE", (here / "MNER_MIRROR",))
        assert columns == ["word", "tag"]
        return "found\n"

    monkeypatch.setattr("mner.data.dataset_versions.which", which)
    monkeypatch.setattr("mner.data.dataset_versions.render", str)
    assert cli.main(["which", "some.txt", "--columns", "word, tag"]) == 0
    assert capsys.readouterr().out == "found\n"

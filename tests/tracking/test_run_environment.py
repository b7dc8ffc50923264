"""What a record says of the machine and of git is true, or unknown."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil
import pytest
import torch
from support.made_record import example
from support.profile_settings import write_profile

from mner.tracking import run_environment
from mner.tracking.run_environment import describe_environment, describe_git, now


def test_now_is_utc_and_fits_a_record() -> None:
    assert abs((datetime.now(UTC) - example(finished_at=now()).finished).total_seconds()) < 5
    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{3}\+00:00", now())


def test_the_environment_states_versions_and_hardware() -> None:
    environment = describe_environment()
    assert environment["torch"] == torch.__version__
    assert environment["threads"] == torch.get_num_threads()
    assert re.search("[A-Za-z]", environment["cpu"])
    assert environment["numpy"] == metadata.version("numpy")
    assert 1 <= environment["cores"] <= os.cpu_count()
    assert environment["memory_gib"] == pytest.approx(psutil.virtual_memory().total / 2**30, abs=0.1)
    assert (environment["gpu"] is None) == (not torch.cuda.is_available())
    assert replace(example(), environment=environment).environment == environment


def test_a_package_that_is_not_there_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(run_environment.metadata, "version", version)
    assert describe_environment()["transformers"] is None


def git(folder: Path, *arguments: str) -> None:
    name = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(folder), *name, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init")
    (tmp_path / "a.py").write_text("1\n")
    (tmp_path / "dvc.lock").write_text("1\n")
    write_profile(tmp_path, "quick")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    return tmp_path


def test_git_tells_commit_and_changes(repository: Path) -> None:
    clean = describe_git(repository)
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (repository / "dvc.lock").write_text("2\n")
    assert describe_git(repository) == clean, "dvc writes its lock file during a sweep"
    (repository / "a.py").write_text("2\n")
    assert describe_git(repository) == {**clean, "dirty": True}


def test_another_active_profile_is_no_change_but_another_parameter_is(repository: Path) -> None:
    write_profile(repository, "full")
    assert describe_git(repository)["dirty"] is False
    write_profile(repository, "full", lambda raw: raw["recipe"].update(epochs=3))
    assert describe_git(repository)["dirty"] is True
    write_profile(repository, "full", lambda raw: raw["systems"].update(mine={"like": "rgcn"}))
    assert describe_git(repository)["dirty"] is True


def test_a_new_file_makes_a_tree_dirty(repository: Path) -> None:
    (repository / "new_system.py").write_text("1\n")
    assert describe_git(repository)["dirty"] is True


def test_no_commit_is_claimed_where_there_is_none(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = {"commit": None, "dirty": None}
    inside = repository / "unpacked"
    inside.mkdir()
    assert describe_git(inside) == unknown, "somebody else's repository"
    assert describe_git(tmp_path / "absent") == unknown
    monkeypatch.setattr(run_environment, "GIT_TIMEOUT_SECONDS", 0.0)
    assert describe_git(repository) == unknown, "too slow"
    monkeypatch.setenv("PATH", str(inside))
    assert describe_git(repository) == unknown, "no git"


def test_a_commit_is_claimed_however_its_folder_is_called(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path_factory.mktemp("elsewhere") / "link"
    link.symlink_to(repository)
    monkeypatch.chdir(repository)
    assert describe_git(link) == describe_git(Path()) == describe_git(repository)
    assert describe_git(link)["commit"] is not None


def test_looking_at_a_repository_writes_nothing_into_it(repository: Path) -> None:
    index = repository / ".git" / "index"
    os.utime(repository / "a.py", (1e9, 1e9))  # git would note the new time
    before = index.read_bytes()
    assert describe_git(repository)["dirty"] is False
    assert index.read_bytes() == before


def test_changes_that_git_does_not_tell_are_unknown(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit, ask = describe_git(repository)["commit"], run_environment._git
    monkeypatch.setattr(
        run_environment, "_git", lambda root, *told: None if "status" in told else ask(root, *told)
    )
    assert describe_git(repository) == {"commit": commit, "dirty": None}


def test_a_repository_without_commits_is_unknown(tmp_path: Path) -> None:
    git(tmp_path, "init")
    assert describe_git(tmp_path) == {"commit": None, "dirty": None}

"""``mner images`` says what came, what did not and why, and what to type next."""

from __future__ import annotations

from pathlib import Path

import pytest

from mner.cli import main as cli
from mner.data import image_sources
from mner.data.image_sources import Obtained

IMAGES = [f"{split}{index}" for split, size in (("dev", 8), ("test", 8), ("train", 24)) for index in range(size)]


def fetched(
    world: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, failed: list[str]
) -> list[str]:
    """The lines of the command where the publisher serves all pictures but those that ``failed``."""

    def obtain_images(dataset: str, destination: Path, *, method: str, wanted: list[str]) -> Obtained:
        assert (dataset, destination, method, wanted) == ("toy", folder, "github", sorted(IMAGES))
        return Obtained(folder, 30, 4, dict.fromkeys(failed, "answered 404"))

    patch.setattr(image_sources, "obtain_images", obtain_images)
    patch.chdir(world)
    assert cli.main(["images", "toy", "--to", str(folder), "--method", "github"]) == 0
    return capsys.readouterr().out.splitlines()


def test_pictures_of_all_splits_are_asked_for_and_counted(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetched(world, monkeypatch, capsys, Path("pictures"), []) == [
        "30 downloaded, 4 were there, 0 failed",
        "now run: export MNER_IMAGES=pictures; dvc repro -f -s data@toy; dvc repro",
    ]


def test_the_first_that_failed_are_told_with_their_reasons(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = fetched(world, monkeypatch, capsys, Path("my pictures"), sorted(IMAGES, reverse=True)[:7])
    reasons = [f"  train{index}: answered 404" for index in (3, 4, 5, 6, 7)]
    assert told == [
        "30 downloaded, 4 were there, 7 failed",
        *reasons,
        "now run: export MNER_IMAGES='my pictures'; dvc repro -f -s data@toy; dvc repro",
    ]

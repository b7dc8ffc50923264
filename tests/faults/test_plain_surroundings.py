"""A machine with an ASCII locale, and a folder without a repository: commands work, words are shown as codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.fault("survived")

ROOT = Path(__file__).parents[2]
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("arguments", [("score", "words.txt"), ("log", "log.txt"), ("which", "words.txt")])
def test_a_command_prints_in_an_ascii_locale_without_a_repository(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "words.txt").write_text("Zoë\tB-PER\tB-PER\nläuft\tO\tO\n", encoding="utf-8")
    log = "epoch 1 naïve\ndev F1: 70.00\ntest F1: 69.00\nepoch 2\ndev F1: 71.00\n"
    (tmp_path / "log.txt").write_text(log, encoding="utf-8")
    environment = {**os.environ, **ASCII, "MNER_MIRROR": ""}
    command = [sys.executable, "-m", "mner.cli.main", *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.isascii()

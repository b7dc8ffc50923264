"""Rules of the house that no linter checks: names of files say where one is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {"__init__.py", "__main__.py", "conftest.py"}


@pytest.mark.parametrize("packages", [("mner", "baselines", "stages"), ("tests",)], ids=["product", "tests"])
def test_no_two_modules_share_a_file_name(packages: tuple[str, ...]) -> None:
    """Verbs stand apart: they are named by what the user types, and most call a module of that name."""
    files = [file for package in packages for file in (ROOT / package).rglob("*.py")]
    names = Counter(file.name for file in files if "verbs" not in file.parts and file.name not in ALLOWED)
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("package", ["mner", "baselines", "stages"])
def test_no_module_is_longer_than_a_reader_can_hold(package: str) -> None:
    longest = {file: len(file.read_text("utf-8").splitlines()) for file in (ROOT / package).rglob("*.py")}
    assert {file.relative_to(ROOT).as_posix(): lines for file, lines in longest.items() if lines > 310} == {}

"""Rules of the house that no linter checks: names of files say where one is."""

from __future__ import annotations

import re
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


def test_actions_of_workflows_are_named_by_commit() -> None:
    """A tag can be moved to other code; a commit cannot."""
    lines = [line for file in (ROOT / ".github/workflows").glob("*.yml") for line in file.read_text().splitlines()]
    actions = [line.split("uses:", 1)[1].split("#")[0].strip() for line in lines if "uses:" in line]
    assert actions
    assert [one for one in actions if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", one)] == []


PAGES = (*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md")
FILE = re.compile(r"(?<![\w/.-])((?:tests|mner|stages|reports)/[a-z_0-9./-]+\.(?:py|yaml|md))\b")
MODULE = re.compile(r"python -m\s+((?:mner|stages|baselines)[\w.]*)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_modules_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = [name for name in FILE.findall(text) if not name.startswith("reports/rendered")]
    assert [name for name in named if not (ROOT / name).is_file()] == []
    modules = [name.rstrip(".") for name in MODULE.findall(text)]
    assert [name for name in modules if not _can_be_run(name)] == []


def _can_be_run(module: str) -> bool:
    path = ROOT / module.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()

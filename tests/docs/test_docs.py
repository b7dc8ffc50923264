"""The documentation keeps what it promises: links resolve, verbs exist, numbers are those of the kept results."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from torch import nn

from mner.cli.main import parser
from mner.evaluation.paper_reading import load_paper
from mner.models.cards import Card
from mner.reporting import readme_figure

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = sorted([README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
RESULTS, PAPER = ROOT / "reports" / "results", ROOT / "reports" / "paper.yaml"
COLUMNS = ("quick", "full")  # the profiles behind the README's third and fourth column


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub and mkdocs make them."""
    headings = re.findall(r"^#+ (.+)$", _text(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _links(page: Path) -> Iterator[tuple[Path, str]]:
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", _text(page), flags=re.S)):
        if not target.startswith(("http://", "https://", "mailto:")):
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for target, anchor in _links(page):
        assert target.is_file(), f"{page.name} links to {target}"
        if anchor and target.is_file():
            assert anchor in _anchors(target), f"{page.name} links to #{anchor} of {target.name}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_verb_that_is_named_exists(page: Path) -> None:
    code = re.findall(r"```.*?```|`[^`\n]+`", _text(page), re.S)
    named = {verb for block in code for verb in re.findall(r"(?:^|[`;&] ?|\s)mner ([a-z]+(?:-[a-z]+)*)\b", block)}
    assert named <= _verbs(), f"{page.name} names {sorted(named - _verbs())}"


def _verbs() -> set[str]:
    (choices,) = (action.choices for action in parser()._actions if action.choices)
    return set(choices)


def test_every_verb_has_an_example_on_the_command_line_page() -> None:
    page = _text(ROOT / "docs" / "cli.md")
    assert {verb for verb in _verbs() if f"`mner {verb}" not in page} == set()


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", _text(ROOT / "Makefile"), re.M))
    for page in PAGES:
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", _text(page), re.M))
        assert named <= targets, f"{page.name} names {sorted(named - targets)}"


def test_the_readme_is_short_and_starts_with_the_two_commands() -> None:
    assert README.stat().st_size <= 10 * 1024
    first_screen = _text(README).splitlines()[:40]
    for command in ("make repro", "make test"):
        assert any(line.startswith(command) for line in first_screen), command


def test_every_page_stands_in_the_navigation() -> None:
    navigation = _text(ROOT / "mkdocs.yml")
    assert {page.name for page in PAGES if page.parent == ROOT / "docs" and page.name not in navigation} == set()


def _kept(profile: str, dataset: str, system: str) -> str:
    runs = json.loads(_text(RESULTS / profile / "scores.json"))["runs"]
    f1 = [
        run["views"]["test.own"]["f1"]
        for run in runs
        if run["dataset"] == dataset and run["system"] == system and run["status"] == "finished"
    ]
    return f"{statistics.mean(f1):.2f} ± {statistics.stdev(f1):.2f}" if f1 else "not run"


def test_numbers_of_the_readmes_table_are_those_of_the_kept_runs() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (Twitter-\d+) \| (.+?) \| (.+?) \| (.+?) \|$", _text(README), re.M)
    assert len(rows) == 6
    paper = load_paper(PAPER)
    for system, title, *ours, printed in rows:
        dataset = title.lower().replace("-", "")
        assert ours == [_kept(profile, dataset, system) for profile in COLUMNS], (system, title)
        figures = {row.figure(dataset, "F1") for _, row in paper.rows_for(dataset, system)}
        assert {float(number) for number in printed.split(", ")} == {one.value for one in figures if one}


@pytest.mark.parametrize("page", [README, ROOT / "docs" / "results.md"], ids=["README", "results"])
def test_gains_by_the_scorer_are_those_of_the_kept_runs(page: Path) -> None:
    for dataset in readme_figure.DATASETS:
        gains = readme_figure.scorer_gains(RESULTS, dataset)
        assert f"{min(gains):.2f}" in _text(page)
        assert f"{max(gains):.2f}" in _text(page)


def test_every_row_of_the_large_table_is_that_of_the_kept_runs() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| ([\d.]+|skipped) \| [^|]+ \| ([\d.]+) \| [^|]+ \|$", _results(), re.M)
    assert len(rows) == 22
    for system, *ours in rows:
        for number, dataset in zip(ours, ("twitter2017", "twitter2015"), strict=True):
            kept = readme_figure.kept_f1(RESULTS, "quick-all", dataset, system)
            assert number == ("skipped" if kept is None else f"{kept.mean:.2f}"), (system, dataset)


def _results() -> str:
    return _text(ROOT / "docs" / "results.md")


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_means_with_spread_on_the_results_page_are_those_of_the_kept_runs(profile: str) -> None:
    for dataset in readme_figure.DATASETS:
        for system in readme_figure.SYSTEMS:
            kept = _kept(profile, dataset, system)
            assert re.search(rf"^\| `{system}` \| .*{re.escape(kept)}", _results(), re.M), (system, dataset)


def test_the_committed_figure_is_what_the_kept_results_give() -> None:
    drawn = readme_figure.figure(RESULTS, load_paper(PAPER))
    assert (ROOT / readme_figure.FIGURE).read_text(encoding="utf-8") == drawn


def test_the_printed_table_is_the_readmes() -> None:
    assert readme_figure.table(RESULTS, load_paper(PAPER)) in _text(README)


def test_the_worked_example_is_a_system() -> None:
    (source,) = re.findall(r"```python\n(.*?)```", _text(ROOT / "docs" / "add-a-system.md"), re.S)
    module = ModuleType("mean_picture")
    exec(compile(source, "mean_picture.py", "exec"), module.__dict__)
    assert isinstance(module.CARD, Card)
    assert issubclass(module.Tagger, nn.Module)


def test_one_term_has_one_entry_in_the_glossary() -> None:
    terms = re.findall(
        r"^\| ([^|]+) \| [^|]+ \|$", _text(ROOT / "docs" / "glossary.md").split("## Old words")[0], re.M
    )
    terms = [term for term in terms if term != "term" and not set(term) <= {"-", ":"}]
    assert len(terms) == len(set(terms)) > 40

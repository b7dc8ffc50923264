"""The head of the page: why printed rows cannot be compared or were not run, and what it would take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from support import fabricated_report

from mner.evaluation.reasons import ReasonKind
from mner.evaluation.verdicts import NOT_COMPARABLE, REPRODUCED, Verdict
from mner.reporting.layout import Block, Line, Section
from mner.reporting.limits import MISSING_RUNS, OTHER_PROFILES, obstacles
from mner.reporting.results import Results

REPORT = vars(fabricated_report)
results = REPORT["results"]


def _changed(parts: tuple[Section, ...], change: Callable[[Line], Line]) -> tuple[Section, ...]:
    def block(one: Block) -> Block:
        return replace(one, lines=tuple(map(change, one.lines)))

    return tuple(replace(part, blocks=tuple(map(block, part.blocks))) for part in parts)


def test_differences_are_counted_in_rows_and_each_has_its_remedy(results: Results) -> None:
    parts = REPORT["parts"](results)
    found = obstacles(parts)
    lines = {(line.id, line.dataset): line for part in parts for block in part.blocks for line in block.lines}
    apart = [line for line in lines.values() if line.verdict and line.verdict.name == NOT_COMPARABLE]
    encoders = sum(any(why.kind is ReasonKind.ENCODER for why in line.verdict.reasons) for line in apart)
    assert encoders == len(apart) > 3
    assert f"text encoder ({encoders} " in found.why
    remedies = dict(found.remedies)
    assert "profile “paper”" in remedies["Text encoder"]
    assert "MNER_IMAGES" in remedies["Visual input"]


def test_rows_that_were_not_run_are_told_apart_by_what_they_wait_for(results: Results) -> None:
    def promised(line: Line) -> Line:
        one = line.id == "hbilstm-crf" and line.dataset == "twitter2017"
        return replace(line, cell={"state": "not-run"}) if one else line

    found = obstacles(_changed(REPORT["parts"](results), promised))
    remedies = dict(found.remedies)
    assert remedies["Rows of systems that this profile leaves out"] == OTHER_PROFILES
    assert remedies["Rows whose runs are missing"] == MISSING_RUNS
    assert "Not run: 1 row whose runs are missing." in found.why


def test_nothing_is_said_where_everything_can_be_judged(results: Results) -> None:
    def judged(line: Line) -> Line:
        return replace(line, verdict=Verdict(REPRODUCED) if line.verdict else None)

    found = obstacles(_changed(REPORT["parts"](results), judged))
    assert (found.why, found.remedies) == ("", ())


def test_the_head_of_the_page_leads_to_what_it_would_take(results: Results, tmp_path: Path) -> None:
    REPORT["render"](results, tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    head = page[: page.index("<nav>")]
    assert obstacles(REPORT["parts"](results)).why in head
    assert '<a href="#limits">' in head
    card = page[page.index('id="limits"') :]
    assert "<b>Text encoder</b>: profile “paper”" in card[: card.index("</section>")]

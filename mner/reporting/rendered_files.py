"""All rendered files of a profile, from scores, printed numbers and audits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mner.base.files import write_json_atomically, write_text_atomically
from mner.base.swapped_folder import swapped
from mner.evaluation.paper import Paper
from mner.evaluation.score_results import ScoreResults
from mner.reporting.analysis import pages
from mner.reporting.card_text import CardText, cards_markdown
from mner.reporting.control_tables import control_table
from mner.reporting.error_tables import suspects_file
from mner.reporting.layout import Section, sections
from mner.reporting.limits import limits
from mner.reporting.page import Page
from mner.reporting.results import Results, Settings
from mner.reporting.section_tables import section_tables
from mner.reporting.site import render_cards, render_site
from mner.reporting.tables import Table, to_csv, to_entries, to_latex, to_markdown


def write_report(
    results: Results,
    paper: Paper,
    settings: Settings,
    cards: Sequence[CardText],
    templates: Path,
    target: Path,
) -> tuple[Path, ...]:
    """Write ``table1.md``, ``table2.md``, ``ita.md``, ``others.md``, ``tables.{tex,csv,json}``, ``index.html``.

    A profile of generated corpora has ``controls.md`` in place of the published tables.

    Next to them: ``waterfall.md``, ``scorers.md``, ``arithmetic.md``, ``statistics.md`` and ``errors.md``, whose
    tables are in the same ``tables.*``, ``cards.md`` and ``cards.html``, to which the rows of ``cards`` lead, and
    ``suspects.json``. Returns the files written. The folder is swapped as a whole: nothing older stays in it, and
    it is never half written.

    Raises:
        OSError: the disk is full; the folder is as it was.
        CitationError: a number without a record is on its way to a table or the page.
    """
    scores = results.scores
    parts = sections(results, paper, settings.verify.margin, settings.verify.alpha)
    linked = frozenset(card.name for card in cards)
    tables = {part.id: section_tables(part, results.records, linked) for part in parts}
    further = pages(results, paper)
    controls = control_table(results, settings.verify, {card.name: card.absence for card in cards})
    everything = [controls] if controls is not None else []
    everything += [table for group in tables.values() for table in group]
    everything += [table for page in further for table in page.tables]
    texts = {f"{part.id}.md": _markdown(part, tables[part.id], results) for part in parts}
    if controls is not None:
        texts["controls.md"] = _controls_markdown(controls, results)
    texts |= {f"{page.id}.md": _page_markdown(page, scores) for page in further}
    texts["tables.tex"] = "\n".join(to_latex(table) for table in everything)
    texts["tables.csv"] = to_csv(everything)
    texts["cards.md"] = cards_markdown(cards)
    texts["cards.html"] = render_cards(cards, settings.active, templates)
    texts["index.html"] = render_site(results, parts, further, controls, settings.active, linked, templates)
    entries = [entry for table in everything for entry in to_entries(table)]
    head = {name: getattr(scores, name) for name in ("profile", "mode", "datasets", "systems", "seeds")}
    suspects = suspects_file(results)
    with swapped(target) as made:
        for name, text in texts.items():
            write_text_atomically(made / name, text)
        write_json_atomically(made / "tables.json", {"format": 1, **head, "cells": entries})
        write_json_atomically(made / "suspects.json", suspects)
    return tuple(target / name for name in (*texts, "tables.json", "suspects.json"))


def _markdown(section: Section, tables: Sequence[Table], results: Results) -> str:
    scores = results.scores
    head = [f"## {section.title}", "", f"Profile `{scores.profile}`. Our scorer: {scores.mode}."]
    if section.table is not None:
        head.append(f"Printed numbers: {section.table.source}.")
    if section.has_results():
        head += ["", *_limits(results)]
    return "\n".join([*head, "", *(to_markdown(table) for table in tables)])


def _controls_markdown(table: Table, results: Results) -> str:
    head = f"Profile `{results.scores.profile}`, generated corpora with planted truth."
    return "\n".join(["## Controls", "", head, "", *_limits(results), "", to_markdown(table)])


def _limits(results: Results) -> list[str]:
    return [f"- {limit}" for limit in limits(results.scores, results.audit.truncation)]


def _page_markdown(page: Page, scores: ScoreResults) -> str:
    head = [f"## {page.title}", "", f"Profile `{scores.profile}`. {page.lead}"]
    body = [to_markdown(table) for table in page.tables] or [page.empty]
    return "\n".join([*head, "", *body])

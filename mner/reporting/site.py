"""One self-contained HTML page: no network, no script, every number of ours with its proof.

The template cannot print a bare number: a float or int that reaches it raises, so numbers get in only as the text
of :class:`~mner.reporting.cells.Cited`, as printed by a paper, or as counts that were put into words before.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import jinja2

from mner.base.escaping import html
from mner.base.files import sha256_of_json
from mner.data.corpus import PICTURE_PROBES
from mner.evaluation.kept_results import source_of
from mner.evaluation.result_files import as_json
from mner.evaluation.score_results import ScoreResults
from mner.reporting.card_text import CardText
from mner.reporting.cells import SURE, CitationError
from mner.reporting.control_checks import FAILS, HOLDS
from mner.reporting.control_tables import NOT_JUDGED
from mner.reporting.layout import Section, types_of
from mner.reporting.limits import audit_summary, facts, limits, obstacles
from mner.reporting.page import Page
from mner.reporting.page_views import example_citation, page_view, table_view
from mner.reporting.results import ProfileFacts, Results
from mner.reporting.run_facts import device_marks
from mner.reporting.section_tables import VERDICT_NOTE
from mner.reporting.section_views import section_view
from mner.reporting.tables import Table
from mner.reporting.text_only import PROBES

VERDICTS = ("REPRODUCED", "CONSISTENT", "ABOVE", "BELOW", "UNDECIDED", "NOT-COMPARABLE", "SKIPPED", "NOT-RUN")
JUDGEMENTS = {HOLDS: "reproduced", FAILS: "below", NOT_JUDGED: "not-run"}


def refuse_bare_numbers(value: Any) -> Any:
    """What every expression of a template passes through: text goes on, a number is an error.

    Raises:
        CitationError: the value is a number (or anything else that is not text).
    """
    if isinstance(value, str):
        return html(value)
    if isinstance(value, jinja2.Undefined) or value is None:
        return value if value is not None else ""
    raise CitationError(f"the template prints {value!r}; a number reaches the page only through a Cited")


def environment(templates: Path) -> jinja2.Environment:
    """Jinja with escaping on, undefined names as errors, and bare numbers refused."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=refuse_bare_numbers,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_site(
    results: Results,
    parts: Sequence[Section],
    further: Sequence[Page],
    controls: Table | None,
    profile: ProfileFacts,
    cards: Collection[str],
    templates: Path,
) -> str:
    """The whole page as HTML.

    ``parts`` come from :func:`mner.reporting.layout.sections`, ``further`` from
    :func:`mner.reporting.analysis.pages`; rows of the systems in ``cards`` lead to ``cards.html``; ``templates``
    is the folder with ``index.html.j2``. ``controls`` opens the page where it is not None.
    """
    scores = results.scores
    runs = {run.record: run for run in scores.runs}
    devices = device_marks(scores.cells)
    published = any(part.table is not None for part in parts)
    ordered = sorted(parts, key=lambda part: not part.has_results())
    return (
        environment(templates)
        .get_template("index.html.j2")
        .render(
            profile=profile,
            plan=_plan(profile, scores),
            mode=scores.mode,
            facts=facts(scores),
            limits=limits(scores, results.audit.truncation),
            judgements=JUDGEMENTS,
            tally=_tally(parts, controls),
            obstacles=obstacles(parts),
            controls=None if controls is None else table_view(controls),
            published=published,
            sections=[section_view(part, published, runs, devices) for part in ordered],
            pages=[page_view(page) for page in further],
            devices=list(devices.items()) if len(devices) > 1 else [],
            device=next(iter(devices), ""),
            audits=audit_summary({name: results.audit.findings.get(name) for name in scores.datasets}),
            cards=cards,
            example=example_citation(parts, scores),
            digest=sha256_of_json(as_json(scores)),
            source=source_of(scores),
            probes={name: PROBES[name] for name in PICTURE_PROBES},
            types=types_of(line for part in parts for block in part.blocks for line in block.lines),
            sure=SURE,
            verdict_note=VERDICT_NOTE,
        )
    )


def render_cards(cards: Sequence[CardText], profile: ProfileFacts, templates: Path) -> str:
    """The page of all cards as HTML; ``cards.html#NAME`` leads to a system."""
    return environment(templates).get_template("cards.html.j2").render(cards=cards, profile=profile.name)


def _tally(parts: Sequence[Section], controls: Table | None) -> list[tuple[str, str, str]]:
    """How often each verdict was given: name, count as text, style. One vote per printed row and data set.

    Where there are ``controls``, what they say of each system is counted.
    """
    if controls is not None:
        said = [row.cells[-1].plain() for row in controls.rows]
        return [(name, str(said.count(name)), style) for name, style in JUDGEMENTS.items() if name in said]
    lines = {(line.id, line.dataset): line for part in parts for block in part.blocks for line in block.lines}
    names = [line.verdict.name for line in lines.values() if line.verdict]
    return [(name, str(names.count(name)), name.lower()) for name in VERDICTS if name in names]


def _plan(profile: ProfileFacts, scores: ScoreResults) -> str:
    """What the profile is for, and how much of it has been run."""
    planned = len(scores.cells) * len(scores.seeds)
    if len(scores.runs) == planned:
        return profile.note
    return f"Planned: {profile.note}. Run so far: {len(scores.runs)} of {planned} runs."

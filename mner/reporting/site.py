"""One self-contained HTML page: no network, no script, every number of ours beside its proof.

The template cannot print a bare number: a float or int that reaches it raises, so numbers get in only as the text
of :class:`~mner.reporting.cells.Cited`, as printed by a paper, or as counts that were put into words before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2

from mner.base.escaping import html
from mner.base.files import sha256_of_json
from mner.data.corpus import PICTURE_PROBES
from mner.evaluation.averages import encoder_name
from mner.evaluation.comparable import pictures_read, shares_in_words
from mner.evaluation.kept_results import record_file, source_of
from mner.evaluation.reasons import visual_input
from mner.evaluation.rescoring import STANDARD
from mner.reporting.card_text import CardText
from mner.reporting.cells import NOT_RUN, SURE, CitationError, Cited, Printed, cited, with_minus
from mner.reporting.control_checks import FAILS, HOLDS
from mner.reporting.control_tables import NOT_JUDGED
from mner.reporting.layout import OVERALL, Block, Line, Section, types_of
from mner.reporting.limits import audit_summary, facts, limits, obstacles
from mner.reporting.page import Page
from mner.reporting.page_views import example_citation, page_view, table_view, view
from mner.reporting.results import ProfileFacts, Results
from mner.reporting.run_facts import device_marks, epoch, f1_on_dev, f1_on_test, train_again
from mner.reporting.section_tables import VERDICT_NOTE
from mner.reporting.seed_dots import Scale, axis, strip
from mner.reporting.tables import Table
from mner.reporting.text_only import PROBES

VERDICTS = ("REPRODUCED", "CONSISTENT", "ABOVE", "BELOW", "UNDECIDED", "NOT-COMPARABLE", "SKIPPED", "NOT-RUN")
SECTIONS = {"table1": "Table 1", "table2": "Table 2", "ita": "ITA"}
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
    runs = {run["record"]: run for run in scores["runs"]}
    devices = device_marks(scores["cells"])
    published = any(part.table is not None for part in parts)
    ordered = sorted(parts, key=lambda part: not part.has_results())
    return (
        environment(templates)
        .get_template("index.html.j2")
        .render(
            profile=profile,
            mode=scores["mode"],
            facts=facts(scores),
            limits=limits(scores, results.audit["truncation"]),
            judgements=JUDGEMENTS,
            tally=_tally(parts, controls),
            obstacles=obstacles(parts),
            controls=None if controls is None else table_view(controls),
            published=published,
            sections=[_section(part, published, runs, devices) for part in ordered],
            pages=[page_view(page) for page in further],
            devices=list(devices.items()) if len(devices) > 1 else [],
            device=next(iter(devices), ""),
            audits=audit_summary({name: results.audit["findings"].get(name) for name in scores["datasets"]}),
            cards=cards,
            example=example_citation(parts, scores),
            digest=sha256_of_json(scores),
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


def _section(
    section: Section, published: bool, runs: Mapping[str, Any], devices: Mapping[str, str]
) -> dict[str, Any]:
    table = section.table
    name = SECTIONS.get(section.id, "Further rows" if published else "Scores")
    title = section.title.removeprefix(f"{name}: ")
    return {
        "id": section.id,
        "name": name,
        "title": title[:1].upper() + title[1:],
        "source": table.source if table else "",
        "published": table is not None,
        "marks": list(table.marks.items()) if table else [],
        "open": section.has_results(),
        "blocks": [_block(section, block, runs, devices) for block in section.blocks],
    }


def _block(section: Section, block: Block, runs: Mapping[str, Any], devices: Mapping[str, str]) -> dict[str, Any]:
    """A data set of a section: the table of what was run, and that of printed rows that were not."""
    idle = [line for line in block.lines if section.table is not None and line.ours["F1"] == NOT_RUN]
    told = [line for line in block.lines if line not in idle]
    tables = {
        name: _table(section, replace(block, lines=tuple(lines)), runs, devices) if lines else None
        for name, lines in (("told", told), ("idle", idle))
    }
    if tables["idle"]:  # names and printed numbers, and no other column
        tables["idle"]["span"] = str(1 + len(tables["idle"]["lines"][0]["cells"]))
    return {"title": block.title, "count": str(len(idle)), **tables}


def _table(section: Section, block: Block, runs: Mapping[str, Any], devices: Mapping[str, str]) -> dict[str, Any]:
    scale = Scale.over(cell for line in block.lines for cell in (line.ours["F1"], line.paper["F1"]))
    types = types_of(block.lines)
    metrics = [*OVERALL, *types]
    if section.table is not None:
        metrics = [
            metric
            for metric in metrics
            if any(line.finished or isinstance(line.paper_of(metric), Printed) for line in block.lines)
        ]
    speeds = any(line.cell and line.cell.get("throughput") for line in block.lines)
    lines = []
    group = ""
    for line in block.lines:
        heading = line.group if line.group != group else ""
        group = line.group
        lines.append({"heading": heading, **_line(section, line, metrics, scale, runs, devices)})
    return {
        "overall": [metric for metric in metrics if metric in OVERALL and metric != "F1"],
        "types": [metric for metric in metrics if metric in types],
        "overall_span": str(sum(metric in OVERALL and metric != "F1" for metric in metrics)),
        "types_span": str(sum(metric in types for metric in metrics)),
        "span": str(2 + len(metrics) + (section.table is not None) + 3 * block.has_probes() + speeds),
        "axis": axis(scale),
        "probes": block.has_probes(),
        "speeds": speeds,
        "lines": lines,
    }


def _line(
    section: Section,
    line: Line,
    metrics: Sequence[str],
    scale: Scale,
    runs: Mapping[str, Any],
    devices: Mapping[str, str],
) -> dict[str, Any]:
    row = line.row
    return {
        "id": f"{section.id}-{line.dataset}-{line.id}",
        "label": row.label if row else line.label,
        "by": line.system if row and line.system != row.system else "",
        "mark": row.mark if row else "",
        "system": line.system,
        "title": f"{row.title}. {row.source}" if row else "",
        "cells": [
            {"metric": metric, "paper": view(line.paper_of(metric)), "ours": view(line.ours_of(metric))}
            for metric in metrics
        ],
        "dots": strip(line.ours["F1"], line.paper["F1"], scale),
        "verdict": _verdict(line),
        "text_only": [{"system": row.system, **view(row.f1)} for row in line.text_only.rows],
        "probes": [view(line.probes[name]) for name in PICTURE_PROBES],
        "speeds": _speeds(line, devices),
        "notes": list(row.notes) if row else [],
        "conditions": _compared(line),
        "runs": _proof(line, runs),
    }


def _verdict(line: Line) -> dict[str, Any] | None:
    """The verdict of a line; ``apart`` says that the F1 it rests on is not the one that the columns print."""
    verdict, ours = line.verdict, line.ours["F1"]
    if verdict is None:
        return None
    apart = isinstance(line.scored, Cited) and isinstance(ours, Cited) and line.scored.number != ours.number
    return {
        "name": verdict.name,
        "style": verdict.name.lower(),
        "difference": view(line.difference) if verdict.ours is not None else None,
        "rule": verdict.rule,
        "scored": view(line.scored),
        "apart": apart,
        "reasons": [with_minus(reason) for reason in verdict.why],
        "caveats": [with_minus(caveat) for caveat in verdict.open_points],
    }


def _speeds(line: Line, devices: Mapping[str, str]) -> list[dict[str, Any]]:
    """Speeds by device; the mark is shown as soon as the page knows more than one device."""
    measured = (line.cell or {}).get("throughput", {})
    speeds = []
    for device, values in measured.items():
        mark = devices[device] if len(devices) > 1 else ""
        style = {"digits": 0, "mark": mark, "unit": f"sentences per second on {device}"}
        speeds.append(
            {
                "train": view(cited(values["train_sentences_per_second"], **style)),
                "inference": view(cited(values["inference_sentences_per_second"], **style)),
            }
        )
    return speeds


def _compared(line: Line) -> list[tuple[str, str, str, str]]:
    """Encoder, picture, scorer and copy: theirs, ours in the columns, and ours where the verdict was taken."""
    if not line.finished or line.cell is None:
        return []
    ours = (
        encoder_name(line.cell),
        line.cell["visual_input"],
        STANDARD,
        line.cell["data_copy"],
    )
    held = line.verdict.ours if line.verdict else None
    copy = f"{held.copy}, test split" if held and held.copy != ours[3] else ours[3]
    judged = (*ours[:2], held.lens, copy) if held else ours
    names = ("encoder", "visual", "scorer", "copy")
    used = line.row.used[line.dataset] if line.row else None
    theirs = [
        (getattr(used, name) + (" (inferred)" if name in used.inferred else "")) if used else "–" for name in names
    ]
    titles = ("Encoder", "Visual input", "Scorer", "Data copy")
    compared = list(zip(titles, theirs, ours, judged, strict=True))
    if visual_input(line.cell["visual_input"]).reads_pixels:
        read = shares_in_words(pictures_read(line.cell))
        compared.append(("Pictures read", "all", read, read))
    return compared


def _proof(line: Line, runs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Per seed: F1 on test and dev, best epoch, key, record and command."""
    f1 = line.ours["F1"]
    if not isinstance(f1, Cited):
        return []
    proof = []
    for record in f1.records:
        run = runs[record]
        proof.append(
            {
                "seed": str(run["seed"]),
                "test": view(f1_on_test(run)),
                "dev": view(f1_on_dev(run)),
                "epoch": epoch(run),
                "key": run["key"],
                "record": str(record_file(run)),
                "command": train_again(run["profile"], run["dataset"], run["system"], run["seed"]),
            }
        )
    return proof

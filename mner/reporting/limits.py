"""What was run and how far it goes, and why printed rows cannot be compared, in plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mner.evaluation.error_results import Truncation
from mner.evaluation.reasons import ReasonKind
from mner.evaluation.score_results import ScoredCell, ScoreResults
from mner.evaluation.verdicts import NOT_COMPARABLE, NOT_RUN
from mner.reporting.control_checks import are_controls
from mner.reporting.layout import Section
from mner.reporting.run_facts import commit, dataset_title

SEVERITIES = ("differs", "defect", "info")


def limits(scores: ScoreResults, truncation: Sequence[Truncation]) -> list[str]:
    """Sentences that say what a reader must not expect of the numbers: encoder, subset, epochs, inputs, gaps.

    ``truncation`` is that of ``audit.json``: test words that did not fit in a cell's ``max_pieces``.
    """
    finished = [cell for cell in scores.cells if cell.is_finished]
    if not finished:
        return ["Nothing has been run in this profile yet: every number of ours reads “not run”."]
    recipes = [cell.recipe for cell in finished]
    encoders = _distinct(cell.encoder_name for cell in finished)
    controls = are_controls(scores.datasets)
    said = [f"Text encoder: {encoders}."]
    if not controls:
        said[0] += " Each verdict says where a published row used another one."
    subsets = {recipe.get("train_sentences") for recipe in recipes} - {None}
    if subsets:
        said.append(f"Trained on a subset: {_distinct(subsets)} sentences, not the whole training split.")
    said.append(
        f"Epochs: {_distinct(recipe['epochs'] for recipe in recipes)}; the epoch is picked on dev, never on test."
    )
    frozen = {recipe.get("frozen_layers") or 0 for recipe in recipes}
    if frozen != {0}:
        said.append(f"Frozen encoder layers: {_distinct(frozen)}; a fully tuned encoder may score higher.")
    said.append(f"Precision of training: {_distinct(cell.precision or 'not recorded' for cell in finished)}.")
    said.append(f"What stands for the picture: {_pictures(finished)}.")
    said.append(f"Scorer of all our numbers: {scores.mode}.")
    if not controls:
        said.append(f"Dataset version: {_distinct(cell.dataset_version for cell in finished)}.")
    said += _cut(truncation)
    gaps = [cell for cell in scores.cells if cell.missing_seeds]
    if gaps:
        said.append(f"{len(gaps)} of {len(scores.cells)} cells lack at least one seed of the profile.")
    if scores.outside:
        said.append(f"{len(scores.outside)} runs on disk lie outside the profile and were not scored.")
    return said


def _pictures(finished: Sequence[ScoredCell]) -> str:
    """Every visual input with the systems that read it; with the data set where a system reads several."""
    inputs: dict[str, set[str]] = {}
    for cell in finished:
        inputs.setdefault(cell.system, set()).add(cell.visual_input)
    readers: dict[str, dict[str, list[str]]] = {}
    for cell in finished:
        where = readers.setdefault(cell.visual_input, {}).setdefault(cell.system, [])
        where += [dataset_title(cell.dataset)] if len(inputs[cell.system]) > 1 else []
    return "; ".join(f"{visual} ({_named(names)})" for visual, names in sorted(readers.items()))


def _named(places: Mapping[str, Sequence[str]]) -> str:
    """Systems, with the data sets where it matters."""
    return ", ".join(f"{name} on {' and '.join(on)}" if on else name for name, on in places.items())


def _cut(truncation: Sequence[Truncation]) -> list[str]:
    """One sentence for all cells that were cut alike."""
    alike: dict[str, list[str]] = {}
    for row in truncation:
        if row.state:
            alike.setdefault(row.state, []).append(row.system)
        elif row.cut_words:
            what = (
                f"{row.cut_words} of {row.words} test words of {dataset_title(row.dataset)}, in"
                f" {row.cut_sentences} sentences, lie beyond {row.max_pieces} word pieces and were not seen by the"
                " encoder"
            )
            alike.setdefault(what, []).append(row.system)
    return [f"Cut off: {what} ({', '.join(dict.fromkeys(systems))})." for what, systems in alike.items()]


def facts(scores: ScoreResults) -> list[tuple[str, str]]:
    """Name and value of what was run, for the head of the page."""
    finished = [run for run in scores.runs if run.is_finished]
    promised = len(scores.cells) * len(scores.seeds)
    names = (dataset_title(name) for name in scores.datasets)
    devices = {run.throughput["device"] for run in finished if run.throughput}
    commits = {commit(run) for run in finished}
    hours = sum(run.duration_seconds for run in finished) / 3600
    return [
        ("Runs", f"{len(finished)} of {promised} finished"),
        ("Data sets", ", ".join(names)),
        ("Systems", str(len(scores.systems))),
        ("Seeds", " ".join(str(seed) for seed in scores.seeds)),
        ("Device", ", ".join(sorted(devices)) or "–"),
        ("Software", "; ".join(sorted({run.software for run in finished})) or "–"),
        ("Compute", f"{hours:.1f} hours of runs" if finished else "–"),
        ("Commit", ", ".join(sorted(commits)) or "–"),
        ("Last run", max((run.finished_at for run in finished), default="–")),
    ]


def audit_summary(findings: Mapping[str, Sequence[Mapping[str, Any]] | None]) -> list[dict[str, Any]]:
    """Per data set: counts by severity as words, and every finding that is not mere information.

    ``findings`` maps data set to the content of its ``audit/findings.json``, None where no audit was made.
    """
    summary = []
    for dataset, found in findings.items():
        entry: dict[str, Any] = {"title": dataset_title(dataset), "audited": found is not None}
        found = found or ()
        counts = [sum(one["severity"] == severity for one in found) for severity in SEVERITIES]
        words = (
            "differ from what is documented",
            "defects of the public files",
            "as documented or merely counted",
        )
        entry["counts"] = [
            (name, str(count), what) for name, count, what in zip(SEVERITIES, counts, words, strict=True)
        ]
        entry["findings"] = [
            {
                "id": one["id"],
                "severity": one["severity"],
                "what": one["what"],
                "expected": _text(one["expected"]),
                "seen": _text(one["seen"]),
            }
            for severity in SEVERITIES[:2]
            for one in found
            if one["severity"] == severity
        ]
        summary.append(entry)
    return summary


def _distinct(values: Iterable[Any]) -> str:
    return ", ".join(map(str, sorted(set(values))))


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(one)}" for key, one in value.items())
    if isinstance(value, list):
        return " / ".join(_text(one) for one in value)
    return f"{value:.3f}" if isinstance(value, float) else str(value)


REMEDIES = {
    ReasonKind.ENCODER: (
        "text encoder",
        "profile “paper” gives each row the printed encoder, where that one is public.",
    ),
    ReasonKind.WEIGHTS: (
        "weights",
        "reports/paper.yaml names the SHA-256 of each encoder's weights; others were loaded, or it is not known.",
    ),
    ReasonKind.PICTURES: (
        "pictures read",
        "at least 99 % of the valid pictures of every split (mner images says what is there).",
    ),
    ReasonKind.MISSING: ("parts that are missing here", "mner card NAME says which; no profile has them."),
    ReasonKind.RECIPE: ("recipe", "mner card NAME has the published recipe and ours, where one is known."),
    ReasonKind.VISUAL: (
        "visual input",
        "the pictures themselves (MNER_IMAGES) and, in params.yaml, the regions that a row reads; the README says "
        "under “What a verdict means” which rows that reaches.",
    ),
    ReasonKind.TRAINED: ("frozen layers", "profiles “full” and “paper” train the whole encoder."),
    ReasonKind.TRAINING_DATA: ("training data", "profiles without train_sentences train on all sentences."),
    ReasonKind.TRAINING_VERSION: (
        "copy trained on",
        "nobody has documented how the row's training split differs from ours.",
    ),
    ReasonKind.DATASET_VERSION: ("version of the test split", "the row's dataset version is missing here."),
    ReasonKind.SCORER: ("scorer", "no rule of counting here is known to be that of the row's program."),
}
"""By the kind of a verdict's reason: what differs, and what it takes to make it alike."""
OTHER_PROFILES = "mner profile lists all profiles; “full” and “paper” have every system."
MISSING_RUNS = "mner plan lists them and what they cost, mner sweep trains them."


@dataclass(frozen=True, slots=True)
class Obstacles:
    """``why`` is one sentence, empty where all can be compared; ``remedies`` are names and what each takes."""

    why: str
    remedies: tuple[tuple[str, str], ...]


def obstacles(parts: Sequence[Section]) -> Obstacles:
    """What keeps printed rows of these sections from a verdict; a row counts once a data set."""
    lines = {(line.id, line.dataset): line for part in parts for block in part.blocks for line in block.lines}
    judged = [(line, line.verdict) for line in lines.values() if line.verdict]
    kinds = [{reason.kind for reason in one.reasons} for _, one in judged if one.name == NOT_COMPARABLE]
    counts = Counter(kind for found in kinds for kind in found)
    rows = sorted(counts.items(), key=lambda one: (-one[1], list(ReasonKind).index(one[0])))
    said = ", ".join(f"{REMEDIES[kind][0]} ({_rows(count)})" for kind, count in rows)
    why = [f"Not comparable: these runs and the printed rows differ in {said}."] if rows else []
    remedies = [(REMEDIES[kind][0].capitalize(), REMEDIES[kind][1]) for kind, _ in rows]
    idle = [line for line, verdict in judged if verdict.name == NOT_RUN]
    left_out = sum(line.cell is None for line in idle)
    for count, what, remedy in (
        (left_out, "of systems that this profile leaves out", OTHER_PROFILES),
        (len(idle) - left_out, "whose runs are missing", MISSING_RUNS),
    ):
        if count:
            why.append(f"Not run: {_rows(count)} {what}.")
            remedies.append((f"Rows {what}", remedy))
    return Obstacles(" ".join(why), tuple(remedies))


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"

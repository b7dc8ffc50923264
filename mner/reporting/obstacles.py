"""Why printed rows cannot be compared with the runs of a profile, in one sentence, and what would change that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mner.evaluation.reasons import ReasonKind
from mner.evaluation.verdicts import NOT_COMPARABLE, NOT_RUN
from mner.reporting.layout import Section

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
    ReasonKind.MISSING: ("parts that are not at hand", "mner card NAME says which; no profile has them."),
    ReasonKind.RECIPE: ("recipe", "mner card NAME has the published recipe beside ours, where one is known."),
    ReasonKind.VISUAL: (
        "visual input",
        "the pictures themselves (MNER_IMAGES) and, in params.yaml, the regions that a row reads; the README says "
        "under “What a verdict means” which rows that reaches.",
    ),
    ReasonKind.TRAINED: ("frozen layers", "profiles “full” and “paper” train the whole encoder."),
    ReasonKind.TRAINING_DATA: ("training data", "profiles without train_sentences train on all sentences."),
    ReasonKind.TRAINING_COPY: (
        "copy trained on",
        "nobody has documented how the row's training split differs from ours.",
    ),
    ReasonKind.DATA_COPY: ("copy of the test split", "the row's copy is not at hand."),
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

"""Everything the released scoring programs print, computed by our lenses in the layout of the golden files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mner.data.corpus import TYPES
from mner.data.spans import Spans, lenient_spans, seqeval_spans, strict_spans
from mner.data.tag_codes import KINDS, Tags, encode
from mner.evaluation.scorers import SCORERS, word_counts
from mner.evaluation.subword_scores import ScorerScores, rates, score_subword_batches

Tree = dict[str, Any]
TagRows = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Program:
    """A word-level program: its chunk rule, how it treats sentences and special tags, and the lens it became."""

    rule: Callable[[np.ndarray], Spans]
    lens: str | None
    joined: bool = False
    special_tags_outside: bool = False


WORD_PROGRAMS: dict[str, Program] = {
    "conlleval": Program(lenient_spans, "conlleval", special_tags_outside=True),
    "seqeval_default_1.2.2": Program(seqeval_spans, None),
    "seqeval_0.0.12": Program(lenient_spans, "umt"),
    "seqeval_strict_iob2_1.2.2": Program(strict_spans, "strict"),
    "umt_ner_evaluate": Program(lenient_spans, "umt"),
    "umgf_metric": Program(lenient_spans, "umgf", joined=True, special_tags_outside=True),
    "ncrfpp": Program(strict_spans, "ncrfpp"),
}


def word_program(name: str, gold: Tags, predicted: Tags) -> Tree:
    """One program's numbers: overall and per type, with counts, word accuracy and seqeval's printed report."""
    program = WORD_PROGRAMS[name]
    gold, predicted = encode(gold), encode(predicted)
    if program.special_tags_outside:
        gold, predicted = gold.without_special_tags(), predicted.without_special_tags()
    counts = word_counts(program.rule, gold, predicted, joined=program.joined)
    overall = _with_counts(rates(*counts.sum(axis=0).tolist()), counts.sum(axis=0))
    # Types of data sets that this process scored before follow behind the public kinds: no tag here has one.
    public = counts[: len(KINDS)]
    per_type = {
        _kind_name(kind): _with_counts(rates(*row.tolist()), row) for kind, row in zip(KINDS, public, strict=True)
    }
    if program.lens is not None:
        _overwrite(overall, per_type, SCORERS[program.lens].score(gold, predicted, None))
    accuracy = float((gold.codes == predicted.codes).mean())
    return {
        "overall": overall | {"token_accuracy": accuracy},
        "per_type": per_type,
        "report_text": _report_text(overall, {kind: per_type[kind] for kind in TYPES}),
    }


def piece_program(gold: Tags, predicted: Tags, batch: int) -> Tree:
    """R-GCN's numbers over piece tags: means over batches, and every batch's own."""
    batches = score_subword_batches(gold, predicted, batch)
    mean = batches.mean()
    per_batch = [
        {
            **{name: _three(row) for name, row in zip(("overall", *TYPES), rows, strict=True)},
            "gold_chunks": gold_chunks,
            "pred_chunks": predicted_chunks,
        }
        for rows, gold_chunks, predicted_chunks in zip(
            batches.scores.tolist(), batches.gold_chunks.tolist(), batches.predicted_chunks.tolist(), strict=True
        )
    ]
    return {
        "batch_size": batch,
        "num_batches": len(per_batch),
        "sentences_scored": batch * len(per_batch),
        "overall": _three((mean.precision, mean.recall, mean.f1)),
        "per_type": {kind: _three(row) for kind, row in mean.per_type.items()},
        "per_batch": per_batch,
    }


def _three(row: Sequence[float]) -> Tree:
    return dict(zip(("precision", "recall", "f1"), row, strict=True))


def _with_counts(scores: tuple[float, float, float], counts: np.ndarray) -> Tree:
    correct, predicted, gold = counts.tolist()
    return _three(scores) | {"correct": correct, "predicted": predicted, "gold": gold, "support": gold}


def _overwrite(overall: Tree, per_type: dict[str, Tree], scores: ScorerScores) -> None:
    """Take precision, recall and F1 from the lens itself, so that the lens is what gets compared."""
    overall.update(_three((scores.precision, scores.recall, scores.f1)))
    for kind, row in scores.per_type.items():
        per_type[kind].update(_three(row))


def _kind_name(kind: str) -> str:
    """How seqeval 1.2.2 names the type it reads from a special tag: all but its first character."""
    return kind if kind in TYPES else kind[1:] or "_"


def _report_text(overall: Tree, per_type: dict[str, Tree]) -> str:
    """seqeval 0.0.12's report: types found in gold, then micro and support-weighted averages."""
    rows = {kind: row for kind, row in per_type.items() if row["gold"]}
    support = [row["gold"] for row in rows.values()]
    keys = ("precision", "recall", "f1")
    weighted = (
        [np.average([row[key] for row in rows.values()], weights=support) for key in keys] if rows else [0.0] * 3
    )
    lines: list[tuple[str, ...]] = [("", *keys[:2], "f1-score", "support")]
    lines += [(kind, *(f"{row[key]:.4f}" for key in keys), str(row["gold"])) for kind, row in rows.items()]
    lines.append(("micro avg", *(f"{overall[key]:.4f}" for key in keys), str(sum(support))))
    lines.append(("macro avg", *(f"{value:.4f}" for value in weighted), str(sum(support))))
    return "\n".join(" ".join(line) for line in lines)

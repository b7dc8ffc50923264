"""Does our ITA compute what the released program computed? Every stored number is checked, or it is an error.

Files are recognised by what they hold; sizes, tag order, lengths and the accumulation length are read from
them. Tensors agree to 1e-9 (absolute, float64), tags and counts exactly, scores to 1e-12 (golden/ITA.md).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mner.evaluation.ita_scorer import Counts, ItaScores, read_spans, score
from mner.models.tag_schemes import bio_to_bioes
from mner.parity import parity_ita_crf as ita_crf
from mner.parity import parity_ita_cva as ita_cva
from mner.parity import parity_ita_pooling as ita_pooling
from mner.parity.golden import LAYOUT_ERRORS, Golden, report_of
from mner.parity.parity_report import Comparison, ParityError, ParityReport

SCORE_TOLERANCE = 1e-12
_TENSOR_CHECKS = {
    ".words_cross": ("ita cva", ita_cva.comparisons),
    ".subtoken_states": ("ita pooling", ita_pooling.comparisons),
    ".emissions": ("ita crf", ita_crf.comparisons),
}
_SCORER_KEYS = {"sets", "span_unit_cases", "metric_unit_cases", "bio_to_bioes"}


def check(path: Path) -> list[ParityReport]:
    """Check one file, or every ITA file of a folder (other files in it are left alone).

    Raises:
        ParityError: nothing there is an ITA golden file, or one of them is incomplete or damaged.
    """
    if not path.exists():
        raise ParityError(f"{path} does not exist; name a golden file or a folder of them")
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    reports = [report for report in map(_check_file, files) if report is not None]
    if not reports:
        raise ParityError(
            f"{path} holds no ITA golden file; expected ita_crf, ita_cva, ita_pooling (.safetensors) or "
            "ita_scorer.json, under whatever name"
        )
    return reports


def _check_file(file: Path) -> ParityReport | None:
    try:
        if file.suffix == ".safetensors":
            return _check_tensors(file)
        if file.suffix == ".json":
            return _check_scorer(file)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ParityError(f"{file} cannot be read: {error}") from error
    return None


def _check_tensors(file: Path) -> ParityReport | None:
    golden = Golden.read(file)
    if "tags" not in golden.metadata and "word_dropout" not in golden.metadata:
        return None
    inputs = [key for key in golden.tensors if key.startswith("input/")]
    for ending, (system, comparisons) in _TENSOR_CHECKS.items():
        if any(key.endswith(ending) for key in inputs):
            return report_of(system, golden, "golden/ITA.md", comparisons)
    return None


def _check_scorer(file: Path) -> ParityReport | None:
    content = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not content.keys() >= _SCORER_KEYS:
        return None
    try:
        return ParityReport("ita scorer", file, tuple(_scorer_comparisons(content)))
    except LAYOUT_ERRORS as error:
        raise ParityError(f"{file} is not laid out as golden/ITA.md 6 says: {error!r}") from error


def _scorer_comparisons(content: Mapping[str, Any]) -> Iterator[Comparison]:
    for name, data in content["sets"].items():
        yield from _set_comparisons(name, data)
    units = content["span_unit_cases"]
    yield _unequal("units/spans", [_as_lists(tags) for tags, _ in units], [spans for _, spans in units])
    converted = content["bio_to_bioes"]
    yield _unequal(
        "units/bio_to_bioes", [bio_to_bioes(bio) for bio, _ in converted], [bioes for _, bioes in converted]
    )
    metric = content["metric_unit_cases"]
    for column, field in enumerate(metric["columns"]):
        rows = metric["rows"]
        ours = [getattr(_counts(metric["columns"], row), field) for row in rows]
        yield _furthest(f"units/metric.{field}", ours, [row[column] for row in rows])


def _counts(columns: Sequence[str], row: Sequence[int | float]) -> Counts:
    return Counts(*(int(row[columns.index(field)]) for field in ("tp", "fp", "fn")))


def _set_comparisons(name: str, data: Mapping[str, Any]) -> Iterator[Comparison]:
    """One corpus: its spans, and its scores with and, where stored, without removal of image words.

    Removal is on in both views; it changes nothing where no word is tagged as an image word.
    """
    gold, predicted = data["gold"], data["pred"]
    ours = [[_as_lists(tags) for tags in pair] for pair in zip(gold, predicted, strict=True)]
    yield _unequal(f"{name}/spans", ours, data["spans"])
    for key, remove in (("scores", True), ("scores_without_x_removal", False)):
        if key in data:
            scores = _flat(_as_stored(score(gold, predicted, remove_image_words=remove)))
            expected = _flat(data[key])
            yield _unequal(f"{name}/{key}.entries", sorted(scores), sorted(expected))
            for entry in sorted(scores.keys() & expected.keys()):
                yield _furthest(f"{name}/{key}.{entry}", [scores[entry]], [expected[entry]])


def _as_stored(scores: ItaScores) -> dict[str, Any]:
    """Our scores under the file's names; ``tn_field`` repeats the true positives, a released quirk."""
    names = ("tp", "fp", "fn", "precision", "recall", "f1")
    micro = {name: getattr(scores.micro, name) for name in (*names, "accuracy")}
    per_type = {
        kind: {**{name: getattr(counts, name) for name in names}, "tn_field": counts.tp}
        for kind, counts in scores.per_type.items()
    }
    return {
        "micro": micro,
        "macro_f1": scores.macro_f1,
        "macro_accuracy": scores.macro_accuracy,
        "main_score": scores.micro.f1,
        "per_type": per_type,
    }


def _flat(value: Any, prefix: str = "") -> dict[str, float]:
    if not isinstance(value, Mapping):
        return {prefix: float(value)}
    found: dict[str, float] = {}
    for key, inner in value.items():
        found |= _flat(inner, f"{prefix}.{key}" if prefix else key)
    return found


def _as_lists(tags: Sequence[str]) -> list[list[Any]]:
    return [list(span) for span in read_spans(tags)]


def _unequal(name: str, ours: Sequence[Any], reference: Sequence[Any]) -> Comparison:
    """Share of entries that differ; another number of entries is wholly wrong."""
    if len(ours) != len(reference):
        return Comparison(name, 1.0, 0.0, "exact")
    differing = sum(mine != theirs for mine, theirs in zip(ours, reference, strict=True))
    return Comparison(name, differing / max(len(reference), 1), 0.0, "exact")


def _furthest(name: str, ours: Sequence[int | float], reference: Sequence[int | float]) -> Comparison:
    errors = [float(abs(mine - theirs)) for mine, theirs in zip(ours, reference, strict=True)]
    worst = max(errors, default=0.0)
    return Comparison(name, math.inf if any(map(math.isnan, errors)) else worst, SCORE_TOLERANCE, "absolute")

"""Compare re-scored numbers with the committed ones, and put them in their place on request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

from mner.base.files import (
    COMMITTED,
    read_json,
    write_all_atomically,
)
from mner.evaluation.kept_results import KEPT, REFERENCE, NoResultsError
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.result_files import FILES, results_bytes
from mner.evaluation.score_results import ScoreResults

MOST_DIFFERENCES = 10


class Evaluated(Protocol):
    """What scoring says of a profile, as far as it is kept (:class:`mner.evaluation.evaluate.Evaluation`)."""

    @property
    def scores(self) -> ScoreResults: ...
    @property
    def rescored(self) -> RescoredResults: ...


def check_against_reference(results: Evaluated, profile: str) -> str:
    """A sentence that re-scored numbers equal the committed ones, under every scorer, to the last digit.

    Raises:
        NoResultsError: they differ; the message names the first places that do.
    """
    found: list[str] = []
    for content in (results.scores, results.rescored):
        name = FILES[type(content)]
        committed = read_json(REFERENCE / profile / name, COMMITTED)
        found += _differences(committed, json.loads(results_bytes(content)), name.removesuffix(".json"))
    if found:
        more = f"\n  and {len(found) - MOST_DIFFERENCES} more" if len(found) > MOST_DIFFERENCES else ""
        raise NoResultsError(
            "re-scored numbers differ from the committed ones; has the corpus, the profile or the scorer changed? "
            + "".join(f"\n  {one}" for one in found[:MOST_DIFFERENCES])
            + more
        )
    return f"{len(results.scores.runs)} runs re-scored: every number equals the committed one"


def accept(results: Evaluated, profile: str) -> str:
    """Put re-scored numbers in place of the committed ones, tags and records as they are; says what it wrote."""
    folder = REFERENCE / profile
    contents = (results.scores, results.rescored)
    write_all_atomically({folder / FILES[type(content)]: results_bytes(content) for content in contents})
    names = " and ".join(FILES[cls] for cls in KEPT)
    return f"{folder}: {names} written again from the kept tags; review and commit them"


def _differences(before: Any, after: Any, place: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _differences(before.get(name), after.get(name), f"{place}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differences(one, other, f"{place}[{number}]")
    elif before != after:
        yield f"{place}: {str(before)[:60]} was committed, {str(after)[:60]} now"

"""Results of a profile in which nothing was run, for tests of one part of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mner.evaluation.error_results import AuditResults, ErrorResults
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.score_results import ScoreResults
from mner.evaluation.statistics_results import StatisticsResults
from mner.reporting.results import Results
from support.filled_results import filled

NO_ERRORS = ErrorResults("empty", (), {})
NO_AUDIT = AuditResults("empty", {}, ())


def partial_results(
    scores: Mapping[str, Any],
    rescored: Mapping[str, Any] | None = None,
    statistics: Mapping[str, Any] | None = None,
    errors: ErrorResults = NO_ERRORS,
    audit: AuditResults = NO_AUDIT,
) -> Results:
    """Results from the few keys that a test is about."""
    return Results(
        filled(ScoreResults, scores),
        filled(RescoredResults, rescored or {}),
        filled(StatisticsResults, statistics or {}),
        errors,
        audit,
    )

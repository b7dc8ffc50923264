"""Results survive JSON unchanged, and JSON that holds something else is refused with the nearest key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mner.config.strict import ConfigError
from mner.evaluation.error_results import (
    AgreementNumbers,
    AuditResults,
    DatasetErrors,
    EntityPlace,
    ErrorResults,
    GroupAgreement,
    OutcomeRow,
    SuspectLabel,
    SuspectLabels,
    SystemErrors,
    Truncation,
)
from mner.evaluation.result_files import as_json, read

PLACE = EntityPlace("PER", 0, 1)
ERRORS = ErrorResults(
    "tiny",
    ("correct", "missed"),
    {
        "toy": DatasetErrors(
            (SystemErrors("a", ("a/1",), (OutcomeRow("all", "all", {"correct": (1,), "missed": (3,)}),)),),
            (GroupAgreement("a", ("a/1",), AgreementNumbers(3, 50.0, 1, 0)), GroupAgreement("b", (), state="no")),
            SuspectLabels(("a/1",), 0.8, 2, (SuspectLabel(4, "other label", PLACE, (PLACE,), 0.9, 2, "i"),)),
        )
    },
)
AUDIT = AuditResults("tiny", {"toy": [{"id": "x"}], "other": None}, (Truncation("toy", "a", 9, 10, 1, 1),))


@pytest.mark.parametrize("content", [ERRORS, AUDIT], ids=["errors", "audit"])
def test_what_was_written_is_read_again(content: Any) -> None:
    held = json.loads(json.dumps(as_json(content)))
    assert read(type(content), held, "file") == content


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("datasets", "toy", "cells", 0, "sistem"), "a"),
        (("datasets", "toy", "cells", 0, "rows", 0, "counts", "correct"), [1.5]),
        (("datasets", "toy", "agreement", 0, "numbers", "pairwise"), "half"),
        (("outcomes",), "correct"),
    ],
)
def test_an_unknown_key_or_another_kind_is_refused(place: tuple[Any, ...], wrong: Any) -> None:
    held = json.loads(json.dumps(as_json(ERRORS)))
    *path, last = place
    inside = held
    for step in path:
        inside = inside[step]
    inside[last] = wrong
    with pytest.raises(ConfigError):
        read(ErrorResults, held, "file")

"""seqeval is had as it is, without all of scikit-learn; a later import of that gets it."""

from __future__ import annotations

import json
import random
import subprocess
import sys

from mner.data.corpus import LABELS

SCORES = """
import json, sys
gold, found = json.loads(sys.stdin.read())
if sys.argv[1] == "light":
    from mner.base.seqeval_metrics import seqeval_metrics
    metrics = seqeval_metrics()
else:
    from seqeval.metrics import sequence_labeling as metrics
from seqeval.scheme import IOB2
loaded = sorted({"sklearn", "scipy"} & set(sys.modules))
report = metrics.classification_report(gold, found, mode="strict", scheme=IOB2, output_dict=True, zero_division=0)
said = [metrics.f1_score(gold, found), {kind: list(map(float, row.values())) for kind, row in report.items()}]
from sklearn.base import BaseEstimator
from sklearn.exceptions import UndefinedMetricWarning
print(json.dumps([loaded, said, BaseEstimator.__name__]))
"""


def _tags(seed: int) -> list[list[str]]:
    rng = random.Random(seed)
    return [[rng.choice(LABELS) for _ in range(1 + number % 9)] for number in range(200)]


def _run(way: str) -> tuple[list[str], object, str]:
    command = [sys.executable, "-W", "ignore", "-c", SCORES, way]
    given = json.dumps([_tags(1), _tags(2)])
    done = subprocess.run(command, input=given, check=True, capture_output=True, text=True)
    loaded, said, name = json.loads(done.stdout)
    return loaded, said, name


def test_numbers_are_seqevals_and_scikit_learn_is_left_alone() -> None:
    light, whole = _run("light"), _run("whole")
    assert light[0] == []
    assert whole[0] == ["scipy", "sklearn"]
    assert light[1:] == whole[1:]

"""The lines of a run while it trains: one an epoch, with the time that is left if the others take as long."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from mner.training import trackers
from mner.training.trackers import ProgressLogger


def test_an_epoch_is_a_line_with_the_time_left_and_goes_on_to_the_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, lines = [100.0], []
    monkeypatch.setattr(trackers, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    passed: list[tuple[Mapping[str, float], int]] = []
    tracker = SimpleNamespace(epoch=lambda metrics, step: passed.append((metrics, step)))
    logger = ProgressLogger(tracker, lines.append, 4)
    # A run that goes on after its first epoch.
    for step, seconds in ((1, 10.0), (2, 25.0), (3, 5.0)):
        clock[0] += seconds
        logger.epoch({"train_loss": 0.5, "dev_f1": 12.5}, step)
    assert lines == [
        "    epoch 2/4  loss   0.5000  dev F1 12.50     10 s,    20 s left",
        "    epoch 3/4  loss   0.5000  dev F1 12.50     25 s,    25 s left",
        "    epoch 4/4  loss   0.5000  dev F1 12.50      5 s,     0 s left",
    ]
    assert passed == [({"train_loss": 0.5, "dev_f1": 12.5}, step) for step in (1, 2, 3)]

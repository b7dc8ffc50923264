"""The version of the training protocol: one number that stands for how every row is trained."""

from __future__ import annotations

PROTOCOL_VERSION = 1
"""Raise it when a run of the same recipe would come out otherwise for every row.

The protocol is what all rows share: how splits are read and batched, the loop, the optimisers and schedules, the
choice of the best epoch, the random streams, how predictions are decoded. Moving, renaming and rewording code
leaves it alone. A change that concerns one row raises the ``version`` on that row's card instead.
"""

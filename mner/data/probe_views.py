"""Probe views: what a system is shown of the pictures when it predicts, to see how much it hangs on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from mner.config.training_recipe import VIEWS
from mner.data.corpus import ABSENT

PROBES = VIEWS[1:]
PICTURE_PROBES = ("none", "shuffled")
"""Probes that take the own picture away; ``neighbours`` leaves it."""


def views_for(views: Iterable[str], needs: Collection[str]) -> list[str]:
    """Those of ``views`` that can differ for a system with these visual ``needs``: without any, ``own`` alone."""
    if not needs:
        return ["own"]
    return [view for view in views if view != "neighbours" or "relations" in needs]


def view_of(sentences: int, view: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Whose picture, and whose neighbours, each sentence is given in a probe view.

    ``own``: its own of both; ``none``: no picture and no neighbours; ``shuffled``: both of another sentence (a
    permutation without fixed points); ``neighbours``: its own picture, another sentence's neighbours.
    """
    own = np.arange(sentences)
    if view == "own":
        return own, own
    if view == "none":
        return np.full(sentences, ABSENT), np.full(sentences, ABSENT)
    if view not in VIEWS:
        raise ValueError(f"view {view!r} is unknown; choose one of {', '.join(VIEWS)}")
    if sentences == 1:
        raise ValueError(f"view {view} needs at least two sentences; one alone would get its own picture")
    order = np.random.default_rng(seed).permutation(sentences)
    given = np.empty(sentences, dtype=np.int64)
    given[order] = np.roll(order, 1)
    return given if view == "shuffled" else own, given

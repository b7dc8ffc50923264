"""The comparison of two systems, whichever of them is asked for first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def pair_of(statistics: Mapping[str, Any], dataset: str, a: str, b: str) -> Mapping[str, Any] | None:
    """A minus B from the content of ``statistics.json``, which holds each pair once in an order of its own.

    None where the two were not compared; a pair that could not be tested stays as it is.
    """
    pairs = statistics["datasets"][dataset]["comparisons"]
    pair = next((pair for pair in pairs if {pair["a"], pair["b"]} == {a, b}), None)
    if pair is None or pair["a"] == a or "state" in pair:
        return pair
    turned = {"a": pair["b"], "b": pair["a"], "difference": -pair["difference"]}
    turned |= {"low": -pair["high"], "high": -pair["low"]}
    ahead = pair["run_superiority"]
    turned["run_superiority"] = {
        **ahead,
        "estimate": 1 - ahead["estimate"],
        "low": 1 - ahead["high"],
        "high": 1 - ahead["low"],
    }
    return {**pair, **turned}

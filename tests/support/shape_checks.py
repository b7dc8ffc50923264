"""The checker behind jaxtyping's import hook: annotations of a call are held against arguments and result."""

from __future__ import annotations

from typing import Any

import numpy as np
from beartype import BeartypeConf, FrozenDict, beartype
from beartype.roar import BeartypeDecorHintPep3119Exception

SETTINGS = BeartypeConf(
    hint_overrides=FrozenDict({int: int | np.integer, float: float | int | np.integer | np.floating})
)
"""An int may stand where a float is asked for, as type checkers have it, and NumPy's numbers for Python's."""


def checked(thing: Any) -> Any:
    """``thing``, a function or class, with its annotations checked; unchecked where one is a static protocol."""
    try:
        return beartype(thing, conf=SETTINGS)
    except BeartypeDecorHintPep3119Exception:
        return thing

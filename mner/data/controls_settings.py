"""How large the controls are: what ``params.yaml`` may say of them, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from mner.data.controls_words import AMBIGUOUS_NAMES
from mner.data.corpus import SPLITS, TYPES

PLAIN_SHARE = 0.08
ABSENT_SHARE = 0.04


class ControlsError(ValueError):
    """Settings from which no meaningful control can be made; the message says which and what would do."""


@dataclass(frozen=True, slots=True)
class ControlsSettings:
    """Size of the controls: sentences per split, seed, and the share of sentences with an ambiguous name.

    Besides those, 8 % of the sentences have no entity and 4 % no picture; the rest have easy entities only.
    """

    train: int
    dev: int
    test: int
    seed: int
    ambiguous_share: float

    def __post_init__(self) -> None:
        for field in fields(self)[:4]:
            value = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise ControlsError(f"controls: {field.name} must be a whole number, not {value!r}")
        if not 0 < self.ambiguous_share <= 1 - PLAIN_SHARE:
            raise ControlsError(
                f"controls: ambiguous_share is {self.ambiguous_share}; it must be above 0 and at most "
                f"{1 - PLAIN_SHARE:.2f}, because {PLAIN_SHARE:.0%} of the sentences have no entity"
            )
        for split in SPLITS:
            if self.ambiguous(split) < len(TYPES):
                raise ControlsError(
                    f"controls: {split} = {getattr(self, split)} sentences hold {self.ambiguous(split)} ambiguous "
                    f"names; at least {len(TYPES)} are needed, one a type: ask for more sentences"
                )

    def ambiguous(self, split: str) -> int:
        """Number of ambiguous names in a split, one a sentence."""
        return round(getattr(self, split) * self.ambiguous_share)

    def plain(self, split: str) -> int:
        """Number of sentences without entities."""
        return round(getattr(self, split) * PLAIN_SHARE)

    def absent(self, split: str) -> int:
        """Number of sentences whose picture is absent."""
        return round(getattr(self, split) * ABSENT_SHARE)

    def names(self) -> tuple[str, ...]:
        """The ambiguous names in use: as many as can meet all types in the smallest split, twelve at most."""
        fitting = min(self.ambiguous(split) for split in SPLITS) // len(TYPES)
        return AMBIGUOUS_NAMES[:fitting]

"""How large the controls are, and the names of the generated corpora."""

from __future__ import annotations

from dataclasses import dataclass, fields

POSITIVE, NEGATIVE, NEIGHBOURS = "controls-positive", "controls-negative", "controls-neighbours"
CORPORA: tuple[str, ...] = (POSITIVE, NEGATIVE, NEIGHBOURS)


SPLITS = ("train", "dev", "test")
LEAST_AMBIGUOUS = 4
"""One ambiguous name for every type of entity."""
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
            if self.ambiguous(split) < LEAST_AMBIGUOUS:
                raise ControlsError(
                    f"controls: {split} = {getattr(self, split)} sentences hold {self.ambiguous(split)} ambiguous "
                    f"names; at least {LEAST_AMBIGUOUS} are needed, one a type: ask for more sentences"
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

    def ambiguous_names(self) -> int:
        """How many ambiguous names can meet all types in the smallest split."""
        return min(self.ambiguous(split) for split in SPLITS) // LEAST_AMBIGUOUS

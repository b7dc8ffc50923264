"""What reports need to know of a profile; ``mner.config.Config`` has this shape."""

from __future__ import annotations

from typing import Protocol


class ProfileFacts(Protocol):
    """The active profile: its cells, and a note on its purpose."""

    @property
    def name(self) -> str: ...
    @property
    def note(self) -> str: ...
    @property
    def datasets(self) -> tuple[str, ...]: ...
    @property
    def systems(self) -> tuple[str, ...]: ...
    @property
    def seeds(self) -> tuple[int, ...]: ...


class VerifyFacts(Protocol):
    """Margins in F1 points, and the level of each one-sided test."""

    @property
    def margin(self) -> float: ...
    @property
    def alpha(self) -> float: ...
    @property
    def reference_margin(self) -> float: ...
    @property
    def control_gain(self) -> float: ...


class Settings(Protocol):
    """The active profile and the settings of the verification."""

    @property
    def active(self) -> ProfileFacts: ...
    @property
    def verify(self) -> VerifyFacts: ...

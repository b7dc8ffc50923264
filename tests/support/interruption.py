"""Ends training between two epochs, as whatever kills a process would."""

from __future__ import annotations

from collections.abc import Callable


class InterruptedRunError(Exception):
    """Training was ended from outside."""


def after(epoch: int) -> Callable[[int], None]:
    """For a listener: raises ``InterruptedRunError`` when the epoch of this number (from 0) has been saved."""

    def interrupt(step: int) -> None:
        if step == epoch:
            raise InterruptedRunError

    return interrupt

"""Numbers of golden steps: summaries of tensors that any processor agrees on, their files, how they compare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mner.base.files import read_json, write_json_atomically

RELATIVE, ABSOLUTE = 1e-6, 1e-9
"""How far two numbers may be apart: of the largest in their list, and at least."""
DIGITS = 10
FORBIDDEN = 100.0
AFTER_DRAWS = ("updates", "after", "runs")
"""Parts of a golden step that depend on the dropout masks that the machine's build of torch draws."""


class GoldenStepError(ValueError):
    """A golden step that cannot be computed, read or written as asked."""


@dataclass(frozen=True, slots=True)
class GoldenFile:
    """One committed golden step: what it is of, its version, and its numbers by name.

    ``file``, ``options``, ``recipe`` and ``relations`` are the row's, as params.yaml had them when the step was
    written (empty for the training protocol). The test builds the row from them, not from params.yaml.
    """

    name: str
    version: int
    file: str
    options: Mapping[str, Any]
    recipe: Mapping[str, Any]
    relations: Mapping[str, Any]
    numbers: Mapping[str, Any]

    def write(self, folder: Path) -> Path:
        """Write ``<name>.json`` in the folder; returns its path."""
        path = folder / f"{self.name}.json"
        write_json_atomically(path, asdict(self))
        return path

    @classmethod
    def read(cls, path: Path) -> GoldenFile:
        """Read one file.

        Raises:
            GoldenStepError: it is not a golden step.
        """
        content = read_json(path)
        names = {field.name for field in fields(cls)}
        if not isinstance(content, dict) or set(content) != names:
            raise GoldenStepError(f"{path}: a golden step holds {', '.join(sorted(names))} and nothing else")
        return cls(**content)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two numbers that should agree and do not; ``place`` is the path to them, such as ``still.loss``.

    ``added`` says that nothing stood at this place before.
    """

    place: str
    expected: Any
    found: Any
    added: bool = False


def rounded(value: float) -> float:
    """A number with as many digits as are kept."""
    return float(f"{float(value):.{DIGITS}g}")


def summary(tensors: Iterable[Tensor]) -> list[float]:
    """Norm of some tensors together, and the sum of their products with cos(1), cos(2), ... each.

    The second number changes where entries change sign or place. Neither depends on the order of the tensors.
    Entries beyond ``FORBIDDEN`` (scores of transitions that must not happen) would drown others and count as it.
    """
    square, product = 0.0, 0.0
    for tensor in tensors:
        flat = tensor.detach().double().flatten().clamp(-FORBIDDEN, FORBIDDEN)
        square += float(flat @ flat)
        product += float(flat @ _waves(1 << len(flat).bit_length())[: len(flat)])
    return [rounded(square**0.5), rounded(product)]


@cache
def _waves(count: int) -> Tensor:
    return torch.cos(1 + torch.arange(count, dtype=torch.float64))


def plain(value: Any) -> Any:
    """The value as JSON gives it back: lists for tuples, mappings for dataclasses."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def dropout_draws() -> str:
    """Which of 32 entries torch's dropout keeps after seed 0: builds of torch for other processors may differ."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        kept = F.dropout(torch.ones(32, dtype=torch.float64), 0.5) > 0
    return "".join("1" if entry else "0" for entry in kept.tolist())


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[Difference]:
    """List where two golden steps disagree, but for the parts that :func:`not_compared` names."""
    left_out = not_compared(expected, found)
    one = {name: part for name, part in expected.items() if name not in left_out}
    other = {name: part for name, part in found.items() if name not in left_out}
    return list(_differences("", one, other))


def not_compared(expected: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the parts that cannot be compared: where dropout draws differ, they and all that follows from them."""
    if expected.get("draws") == found.get("draws"):
        return ()
    return tuple(name for name in ("draws", *AFTER_DRAWS) if name in expected or name in found)


def _differences(place: str, expected: Any, found: Any) -> Iterator[Difference]:
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for key in sorted({*expected, *found}):
            inner = f"{place}.{key}" if place else key
            if key in expected and key in found:
                yield from _differences(inner, expected[key], found[key])
            else:
                yield Difference(inner, expected.get(key), found.get(key), added=key not in expected)
    elif _is_list(expected) and _is_list(found) and len(expected) == len(found):
        if all(isinstance(value, float) for value in (*expected, *found)):
            size = max(map(abs, expected), default=0.0)
            if not all(_close(one, other, size) for one, other in zip(expected, found, strict=True)):
                yield Difference(place, expected, found)
            return
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from _differences(f"{place}[{number}]", one, other)
    elif isinstance(expected, float) and isinstance(found, float):
        if not _close(expected, found, abs(expected)):
            yield Difference(place, expected, found)
    elif expected != found:
        yield Difference(place, expected, found)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _close(one: float, other: float, size: float) -> bool:
    return abs(one - other) <= RELATIVE * size + ABSOLUTE

"""Golden tensors of one file, read strictly: what is missing is an error, and so is a result nobody compared."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from mner.parity.parity_report import Comparison, ParityError, ParityReport, compare

LAYOUT_ERRORS = (KeyError, IndexError, TypeError, ValueError, RuntimeError)
"""What reading a file raises that is not laid out as expected."""
RESULTS = ("output/", "grad/", "grad_input/")


def read_tensors(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a ``.safetensors`` file by name, and its metadata.

    Raises:
        ParityError: there is no such file, or it is not a safetensors file.
    """
    if not file.is_file():
        raise ParityError(f"{file}: no such file")
    try:
        with safe_open(file, "pt") as handle:
            tensors = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118 (no mapping)
            return tensors, handle.metadata() or {}
    except SafetensorError as error:
        raise ParityError(f"{file}: not a safetensors file ({error})") from error


@dataclass(frozen=True)
class Golden:
    """Tensors and metadata of a golden file, with a note of which results have been compared."""

    file: Path
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    tolerance: float
    _read: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, file: Path, tolerance: float = 1e-9) -> Golden:
        """Open a ``.safetensors`` file; ``tolerance`` is the largest absolute difference allowed.

        Raises:
            ParityError: as :func:`read_tensors`.
        """
        return cls(file, *read_tensors(file), tolerance)

    def __getitem__(self, key: str) -> Tensor:
        if key not in self.tensors:
            raise ParityError(f"{self.file} lacks {key}")
        return self.tensors[key]

    def json(self, key: str) -> Any:
        """A metadata entry, decoded.

        Raises:
            ParityError: it is missing or not JSON.
        """
        try:
            return json.loads(self.metadata[key])
        except KeyError as error:
            raise ParityError(f"{self.file} lacks the metadata entry {key!r}") from error
        except json.JSONDecodeError as error:
            raise ParityError(f"{self.file}: metadata entry {key!r} is not JSON: {error}") from error

    def cases(self, name: str) -> list[str]:
        """Names of the cases that have an ``input/<case>.<name>``, sorted."""
        ending = f".{name}"
        return sorted(
            key.removeprefix("input/").removesuffix(ending)
            for key in self.tensors
            if key.startswith("input/") and key.endswith(ending)
        )

    def layers_below(self, prefix: str) -> int:
        """How many numbered modules the parameters hold below ``prefix``."""
        pattern = re.compile(rf"param/{re.escape(prefix)}(\d+)\.")
        return len({found[1] for found in map(pattern.match, self.tensors) if found})

    def compare(self, key: str, ours: Tensor, *, where: Any = ..., exact: bool = False) -> Comparison:
        """Compare ours with the stored ``key``, both read at ``where`` (an index; everything by default).

        The comparison is called ``<case>/<rest of the key>``.
        """
        self._read.add(key)
        kind, case, rest = _parts(key)
        name = f"{case}/{'' if kind == 'output' else kind + '.'}{rest}"
        stored = self[key]
        if ours.shape != stored.shape:
            raise ParityError(f"{self.file}: {key} has shape {list(stored.shape)}, ours has {list(ours.shape)}")
        tolerance = 0.0 if exact else self.tolerance
        return compare(name, ours[where], stored[where], tolerance, "exact" if exact else "absolute")

    def refuse_unread(self) -> None:
        """Raise if the file stores a result that was never compared."""
        left = sorted(key for key in self.tensors.keys() - self._read if key.startswith(RESULTS))
        if left:
            raise ParityError(f"{self.file}: {len(left)} results are not checked by anything, first {left[0]}")


def _parts(key: str) -> tuple[str, str, str]:
    kind, _, rest = key.partition("/")
    case, _, name = rest.partition(".")
    return kind, case, name


def run_check(
    system: str, path: Path, model: str, layout: str, comparisons: Callable[[Golden], Iterator[Comparison]]
) -> ParityReport:
    """Open ``path``, make sure that it holds the authors' ``model``, and collect the comparisons.

    Raises:
        ParityError: no such file, another model's, not laid out as ``layout`` says, or a result is not compared.
    """
    golden = Golden.read(path)
    named = golden.metadata.get("model", "nothing")
    if named.partition(" ")[0] != model:
        raise ParityError(f"{path} is a golden file of {named}, not of {model}")
    return report_of(system, golden, layout, comparisons)


def report_of(
    system: str, golden: Golden, layout: str, comparisons: Callable[[Golden], Iterator[Comparison]]
) -> ParityReport:
    """Collect the comparisons of an opened file.

    Raises:
        ParityError: it is not laid out as ``layout`` says, or one of its results is not compared.
    """
    try:
        found = tuple(comparisons(golden))
    except ParityError:
        raise
    except LAYOUT_ERRORS as error:
        raise ParityError(f"{golden.file} is not laid out as {layout} says: {error!r}") from error
    golden.refuse_unread()
    return ParityReport(system, golden.file, found)

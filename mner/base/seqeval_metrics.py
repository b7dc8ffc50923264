"""Import seqeval's metrics without the seconds that importing scikit-learn takes.

Of scikit-learn, seqeval uses one class of warning, from ``sklearn/exceptions.py``, which imports nothing. The
package around it imports scipy and, where they are installed, pandas and more: longer than scoring takes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

METRICS = "seqeval.metrics.sequence_labeling"


def seqeval_metrics() -> ModuleType:
    """Give ``seqeval.metrics.sequence_labeling``, unchanged; a later ``import sklearn`` imports all of it."""
    if METRICS not in sys.modules and "sklearn" not in sys.modules:
        with _modules_without_their_package("sklearn"):
            import_module(METRICS)
    return import_module(METRICS)


@contextmanager
def _modules_without_their_package(name: str) -> Iterator[None]:
    """Let modules of a package be imported, inside, while its ``__init__`` is not run; none is kept afterwards."""
    spec = find_spec(name)
    if spec is not None:
        package = ModuleType(name)
        package.__path__ = list(spec.submodule_search_locations or ())
        sys.modules[name] = package
    try:
        yield
    finally:
        for module in [one for one in sys.modules if one.partition(".")[0] == name]:
            del sys.modules[module]

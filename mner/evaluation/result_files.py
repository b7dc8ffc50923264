"""Read and write the files of ``results/<profile>/``; nothing else turns results into JSON or JSON into results.

A key that is missing, unknown or of another kind is an error that names the file and the nearest key, as in
params.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from mner.base.files import REBUILD, json_bytes, read_json
from mner.config.strict import build
from mner.evaluation.error_results import AuditResults, ErrorResults
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.score_results import ScoreResults
from mner.evaluation.statistics_results import StatisticsResults

Content = TypeVar("Content")

FILES: Mapping[type, str] = {
    ScoreResults: "scores.json",
    RescoredResults: "lenses.json",
    StatisticsResults: "statistics.json",
    ErrorResults: "errors.json",
    AuditResults: "audit.json",
}
"""The file that each kind of result is kept in."""


def read(cls: type[Content], content: Any, where: str) -> Content:
    """Build a result from what JSON holds.

    Raises:
        ConfigError: a key is unknown, missing or of another kind; the message names the place and the nearest key.
    """
    found: Content = build(cls, content, where)
    return found


def read_results(cls: type[Content], path: Path, remedy: str = REBUILD) -> Content:
    """Read one of ``FILES``.

    Raises:
        BrokenFileError: the file is no JSON; the message holds the ``remedy``.
        ConfigError: see :func:`read`.
    """
    return read(cls, read_json(path, remedy), str(path))


def results_bytes(content: Any) -> bytes:
    """The bytes of a result's file."""
    return json_bytes(as_json(content), indent=None)


def as_json(content: Any) -> Any:
    """Turn a result, or what holds results, into what JSON can hold."""
    if isinstance(content, Mapping):
        return {name: as_json(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [as_json(item) for item in content]
    if not is_dataclass(content) or isinstance(content, type):
        return content
    left_out: frozenset[str] = getattr(content, "left_out", frozenset())
    keys = ((one.metadata.get("key", one.name), one.name) for one in fields(content))
    return {key: as_json(getattr(content, name)) for key, name in keys if key not in left_out}

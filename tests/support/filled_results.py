"""Results from the few keys that a test is about: all others get an empty value of their kind."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

from mner.evaluation.result_files import as_json, read

Content = TypeVar("Content")
_EMPTY: Mapping[Any, Any] = {str: "", int: 0, float: 0.0, bool: False}


def filled(cls: type[Content], content: Mapping[str, Any]) -> Content:
    """Read a result whose file has only some of its keys; unknown keys are still errors."""
    return read(cls, _completed(cls, content), "test")


def _completed(hint: Any, value: Any) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        classes = [one for one in inner if one is not types.NoneType]
        return _completed(next((one for one in classes if _fits(one, value)), classes[0]), value)
    if is_dataclass(hint) and isinstance(value, Mapping):
        return _filled_keys(typing.cast(type, hint), value)
    if origin is tuple and isinstance(value, list | tuple):
        return [_completed(inner[0], item) for item in value]
    if isinstance(value, Mapping) and len(inner) == 2:
        return {key: _completed(inner[1], item) for key, item in value.items()}
    return value


def _fits(hint: Any, value: Any) -> bool:
    if not is_dataclass(hint) or not isinstance(value, Mapping):
        return True
    return value.keys() <= {field.metadata.get("key", field.name) for field in fields(hint)}


def _filled_keys(cls: type, value: Mapping[str, Any]) -> dict[str, Any]:
    hints, found = typing.get_type_hints(cls), dict(value)
    for field in fields(cls):
        key = field.metadata.get("key", field.name)
        if key in found:
            found[key] = _completed(hints[field.name], found[key])
        elif field.default is MISSING and field.default_factory is MISSING:
            found[key] = _empty(hints[field.name])
        elif hasattr(cls, "required"):  # what must be there depends on values: give it all
            default = field.default_factory() if field.default is MISSING else field.default
            found[key] = as_json(default)
    return found


def _empty(hint: Any) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return inner[0]
    if origin is tuple:
        return []
    if types.NoneType in inner or hint is types.NoneType:
        return None
    if hint in _EMPTY:
        return _EMPTY[hint]
    if origin in (typing.Union, types.UnionType):
        return _empty(inner[0])
    return _filled_keys(hint, {}) if is_dataclass(hint) else {}


def changed(content: Content, change: Callable[[Any], object]) -> Content:
    """The same result after a change to what its file holds."""
    plain = as_json(content)
    change(plain)
    return read(type(content), plain, "test")

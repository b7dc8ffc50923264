"""YAML to frozen dataclasses, strictly: every key known, said once and present, every value of its type."""

from __future__ import annotations

import collections.abc
import dataclasses
import difflib
import functools
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import yaml


class ConfigError(ValueError):
    """params.yaml says something the harness does not understand; the message says where and what instead.

    Args:
        message: The line for the user.
        where: The place in the settings, such as ``active.recipe: epochs``; empty where no entry is at fault.
        found: What stands there.
        expected: The type expected there, or the names that are known or missing.
        nearest: The known name that was probably meant.
    """

    def __init__(
        self,
        message: str,
        where: str = "",
        found: object = None,
        expected: tuple[str, ...] = (),
        nearest: str | None = None,
    ) -> None:
        self.where, self.found, self.expected, self.nearest = where, found, expected, nearest
        super().__init__(message)


_SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, where PyYAML was built with it


class EachKeyOnce(_SafeLoader):  # type: ignore[misc, valid-type]
    """YAML's safe loader, but a key said twice in one mapping is an error and not its last value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        first: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                line = key.start_mark.line + 1
                if key.value in first:
                    said = first[key.value]
                    raise ConfigError(
                        f"line {line}: {key.value!r} is said before, in line {said}", f"line {line}", key.value
                    )
                first[key.value] = line
        return super().construct_mapping(node, deep)


# YAML 1.2, which DVC writes, has numbers without a dot before the exponent; the loader's own YAML 1.1 reads text.
EachKeyOnce.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+[eE][-+]?\d+$"), list("-+0123456789")
)


def build(cls: type, value: Any, where: str) -> Any:
    """Turn a mapping into a dataclass, recursively; every key must be known and present.

    A field may have another key in the file (``metadata={"key": ...}``). What was built may name further keys
    that must be present (``required``), where that depends on its values.
    """
    keys = _keys(cls)
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"{where}: expected a mapping with {', '.join(keys)}, found {value!r}", where, value, ("mapping",)
        )
    for key in value:
        known(key, keys, where)
    _refuse_missing(_required(cls) - value.keys(), where)
    try:
        made = cls(
            **{
                keys[key].name: entry if keys[key].is_plain(entry) else keys[key].convert(entry, where)
                for key, entry in value.items()
            }
        )
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{where}: {error}", where) from error
    _refuse_missing(getattr(made, "required", frozenset()) - value.keys(), where)
    return made


def _refuse_missing(missing: Set[str], where: str) -> None:
    if names := tuple(sorted(missing)):
        raise ConfigError(f"{where}: missing {', '.join(names)}", where, expected=names)


@dataclasses.dataclass(frozen=True, slots=True)
class _Key:
    """A key of a file, and the field it fills; ``plain`` is the type of a value that is taken as it is."""

    key: str
    name: str
    hint: Any
    plain: type | None

    def is_plain(self, value: Any) -> bool:
        return type(value) is self.plain

    def convert(self, value: Any, where: str) -> Any:
        return convert(self.hint, value, f"{where}: {self.key}")


@functools.cache
def _keys(cls: type) -> Mapping[str, _Key]:
    """The fields of a dataclass by their keys."""
    hints = typing.get_type_hints(cls)
    found = {}
    for field in dataclasses.fields(cls):
        key, hint = field.metadata.get("key", field.name), hints[field.name]
        found[key] = _Key(key, field.name, hint, hint if hint in (str, int, float, bool) else None)
    return found


@functools.cache
def _required(cls: type) -> frozenset[str]:
    return frozenset(
        field.metadata.get("key", field.name)
        for field in dataclasses.fields(cls)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    )


def known(key: Any, names: Any, where: str) -> None:
    """Raise a ConfigError that names the nearest of ``names`` if ``key``, whatever it is, is none of them."""
    if not isinstance(key, collections.abc.Hashable) or key not in names:
        known_names = tuple(str(name) for name in names)
        near = _nearest(key, known_names)
        raise ConfigError(f"{where}: unknown {key!r}; {nearest(key, names)}", where, key, known_names, near)


def nearest(word: Any, names: Iterable[Any]) -> str:
    """For an error's end: which of the names was probably meant, or all of them."""
    known_names = [str(name) for name in names]
    near = _nearest(word, known_names)
    return f"known: {', '.join(known_names) or 'none'}" if near is None else f"did you mean {near!r}?"


def _nearest(word: Any, names: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(str(word), names, n=1)), None)


def convert(hint: Any, value: Any, where: str) -> Any:
    """``value`` as its annotation says; raises a ConfigError where it is not of that kind."""
    if hint is Any:
        return value
    origin, arguments, is_built = _parts(hint)
    if is_built:
        return build(hint, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where}: expected a list, found {value!r}", where, value, ("list",))
        inner = arguments[0]
        return tuple(item if type(item) is inner else convert(inner, item, where) for item in value)
    if origin in (collections.abc.Mapping, dict):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: expected a mapping, found {value!r}", where, value, ("mapping",))
        inner = arguments[1] if arguments else Any
        if inner is Any:
            return dict(value)
        return {
            key: item if type(item) is inner else convert(inner, item, f"{where}.{key}")
            for key, item in value.items()
        }
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        fitting = _fitting([a for a in arguments if a is not type(None)], value)
        return value if type(value) is fitting else convert(fitting, value, where)
    if origin is typing.Literal:
        known(value, arguments, where)
        return value
    return _scalar(hint, value, where)


@functools.cache
def _parts(hint: Any) -> tuple[Any, tuple[Any, ...], bool]:
    """The origin and the arguments of an annotation, and whether it is a dataclass."""
    is_built = isinstance(hint, type) and dataclasses.is_dataclass(hint)
    return typing.get_origin(hint), typing.get_args(hint), is_built


def _fitting(hints: list[Any], value: Any) -> Any:
    """Of several dataclasses the first whose keys are those of the value; else the first of the annotations."""
    if len(hints) > 1 and isinstance(value, Mapping):
        fits = (hint for hint in hints if _required(hint) <= value.keys() <= _keys(hint).keys())
        return next(fits, hints[0])
    return hints[0]


def _scalar(hint: type, value: Any, where: str) -> Any:
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint is float and isinstance(value, str):
        raise ConfigError(
            f"{where}: expected a number, found the text {value!r}; write it without quotes",
            where,
            value,
            ("float",),
        )
    if type(value) is not hint:
        expected = hint.__name__
        raise ConfigError(f"{where}: expected {expected}, found {value!r}", where, value, (expected,))
    return value

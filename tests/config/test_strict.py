"""Dataclasses from YAML: every key known, said once and present, every value of its type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from support.messages import names

from mner.config.strict import ConfigError, EachKeyOnce, build, known


@dataclass(frozen=True)
class Part:
    size: int
    rate: float = 0.5

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError(f"size is {self.size}")


@dataclass(frozen=True)
class Whole:
    name: str
    part: Part
    table: Mapping[str, Part]
    sizes: tuple[int, ...]
    limit: int | None = None
    on: bool = False
    free: Any = None
    more: Mapping[str, Any] = field(default_factory=dict)


GOOD = {"name": "n", "part": {"size": 1}, "table": {"a": {"size": 2, "rate": 3}}, "sizes": [4, 5]}


def test_a_mapping_becomes_the_dataclass_with_its_parts():
    assert build(Whole, GOOD, "file") == Whole("n", Part(1), {"a": Part(2, 3.0)}, (4, 5))
    full = {**GOOD, "limit": 6, "on": True, "free": [1, {"x": None}], "more": {"y": {"z": 1}}}
    expected = Whole("n", Part(1), {"a": Part(2, 3.0)}, (4, 5), 6, True, [1, {"x": None}], {"y": {"z": 1}})
    assert build(Whole, full, "file") == expected
    assert build(Whole, {**GOOD, "limit": None}, "file").limit is None


def test_a_whole_number_is_a_number_and_becomes_one():
    rate = build(Part, {"size": 1, "rate": 2}, "file").rate
    assert (rate, type(rate)) == (2.0, float)


@pytest.mark.parametrize(
    ("change", "where", "found", "expected"),
    [
        ({"name": 1}, "file: name", 1, "str"),
        ({"on": 1}, "file: on", 1, "bool"),
        ({"sizes": {"a": 1}}, "file: sizes", {"a": 1}, "list"),
        ({"sizes": [4, "5"]}, "file: sizes", "5", "int"),
        ({"sizes": [4, None]}, "file: sizes", None, "int"),
        ({"limit": "6"}, "file: limit", "6", "int"),
        ({"part": None}, "file: part", None, "mapping"),
        ({"part": {"size": None}}, "file: part: size", None, "int"),
        ({"part": {"size": 1, "rate": "2e-4"}}, "file: part: rate", "2e-4", "float"),
        ({"part": {"size": 1, "rate": True}}, "file: part: rate", True, "float"),
        ({"part": {"size": 1, "rate": None}}, "file: part: rate", None, "float"),
        ({"part": {"sise": 1}}, "file: part", "sise", "size rate"),
        ({"part": {"zzz": 1}}, "file: part", "zzz", "size rate"),
        ({"table": [1]}, "file: table", [1], "mapping"),
        ({"table": {"a": {"size": "2"}}}, "file: table.a: size", "2", "int"),
        ({"more": 3}, "file: more", 3, "mapping"),
    ],
)
def test_an_error_says_where_what_was_expected_and_what_stands_there(change, where, found, expected):
    with pytest.raises(ConfigError, match=names(where, repr(found))) as raised:
        build(Whole, {**GOOD, **change}, "file")
    assert (raised.value.where, raised.value.found, raised.value.expected) == (
        where,
        found,
        tuple(expected.split()),
    )


def test_all_that_is_missing_is_named_in_order():
    with pytest.raises(ConfigError, match=r"^file: .*name, part, sizes$") as raised:
        build(Whole, {"table": {}}, "file")
    assert raised.value.expected == ("name", "part", "sizes")


def test_what_a_dataclass_refuses_is_an_error_by_its_place():
    with pytest.raises(ConfigError, match=names("file: part", "size", -1)) as raised:
        build(Whole, {**GOOD, "part": {"size": -1}}, "file")
    assert raised.value.where == "file: part"


def test_the_nearest_name_is_offered_and_all_names_where_none_is_near():
    known("size", {"size": 1}, "here")
    with pytest.raises(ConfigError, match=r"^here: .*2015.*'2017'") as raised:
        known(2015, ["all", 2017], "here")
    assert (raised.value.found, raised.value.nearest) == (2015, "2017")
    with pytest.raises(ConfigError, match=r"^here: .*'x'.*all, 2017$") as raised:
        known("x", ["all", 2017], "here")
    assert raised.value.nearest is None


def read(text: str) -> Any:
    return yaml.load(text, EachKeyOnce)


def test_a_key_is_said_once_in_each_mapping():
    assert read("a: {x: 1}\nb: {x: 2}\n") == {"a": {"x": 1}, "b": {"x": 2}}
    with pytest.raises(ConfigError, match=r"^line 3: 'x' .*\b2$"):
        read("a:\n  x: 1\n  x: 1\n")


def test_what_is_merged_in_may_be_said_again_and_merged_twice():
    text = "one: &one {x: 1, y: 1}\ntwo: &two {y: 2, z: 2}\nboth:\n  <<: *one\n  <<: *two\n  x: 3\n"
    both = read(text)["both"]
    assert (both["x"], sorted(both)) == (3, ["x", "y", "z"])


def test_a_list_is_no_key():
    with pytest.raises(yaml.YAMLError, match=names("line 1")):
        read("? [a, b]\n: 1\n")

"""Fingerprints of code count what it means, import closures what it loads, keys all that a run reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mner.tracking.fingerprint import code_fingerprint, import_closure, key_of_run, run_key

CODE = '"""Module."""\ndef scale(x, by=2):\n    """Scale."""\n    return x * by  # twice\n'


def fingerprint(folder: Path, text: str) -> str:
    (folder / "code.py").write_text(text)
    return code_fingerprint([Path("code.py")], folder)["code.py"]


@pytest.mark.parametrize(
    "same",
    [
        "def scale(x, by=2):\n    return x * by\n",
        "\n\n# other words\ndef scale(\n    x,\n    by=2,\n):\n    return (x * by)\n",
        CODE.replace("Scale.", "Multiply."),
        CODE.replace("    return", "    'a note'\n    return"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(tmp_path: Path, same: str) -> None:
    assert fingerprint(tmp_path, CODE) == fingerprint(tmp_path, same)


@pytest.mark.parametrize(
    "other",
    [
        CODE.replace("by=2", "by=2.0"),
        CODE.replace("by=2", "by=True"),
        CODE.replace("x * by", "by * x"),
        CODE.replace("scale", "scaled"),
        CODE.replace("by=2", "by: int = 2"),
        CODE + "scale(1)\n",
        CODE.replace("return x * by", "return 'x * by'"),
        CODE + "...\n",
    ],
)
def test_every_change_of_code_counts(tmp_path: Path, other: str) -> None:
    assert fingerprint(tmp_path, CODE) != fingerprint(tmp_path, other)


def test_a_docstring_in_an_empty_body_does_not_count(tmp_path: Path) -> None:
    assert fingerprint(tmp_path, "class E(Exception):\n    'Bad.'\n") == fingerprint(
        tmp_path, "class E(Exception):\n    pass\n"
    )


def test_a_fingerprint_is_the_same_under_every_python(tmp_path: Path) -> None:
    expected = "6b133c88022a0f6eac6f058b28f29659283b5b2dc3fd269d483eb4f093b7d17c"
    assert fingerprint(tmp_path, CODE + "class A(B, c=None):\n    d: int\n    e = {**f, 1: b'x'}\n") == expected


def test_code_that_cannot_be_fingerprinted_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("x = 1\ndef\n")
    with pytest.raises(ValueError, match=r"bad\.py:2: not Python"):
        code_fingerprint([Path("bad.py")], tmp_path)
    with pytest.raises(ValueError, match=r"absent\.py: no such file"):
        code_fingerprint([Path("absent.py")], tmp_path)
    with pytest.raises(ValueError, match="not in the subpath"):
        code_fingerprint([tmp_path / "bad.py"], tmp_path / "inner")


def test_the_import_closure_follows_modules_and_packages(tmp_path: Path) -> None:
    package = tmp_path / "p"
    package.mkdir()
    for name, text in {
        "__init__": "",
        "a": "import json\nfrom p import b\n",
        "b": "def f():\n    import p.c\n",
        "c": "from p.a import g\n",
        "d": "",
    }.items():
        (package / f"{name}.py").write_text(text)
    closure = import_closure([Path("p/a.py")], ["p"], tmp_path)
    assert closure == [Path("p/__init__.py"), Path("p/a.py"), Path("p/b.py"), Path("p/c.py")]
    (package / "d.py").write_text("from . import a\n")
    with pytest.raises(ValueError, match=r"d\.py:1: relative import"):
        import_closure([Path("p/d.py")], ["p"], tmp_path)


def test_a_key_depends_on_every_part_and_not_on_order() -> None:
    parts = {"seed": 1, "recipe": {"epochs": 2, "rate": 1e-5}}
    assert run_key(parts) == run_key({"recipe": {"rate": 0.00001, "epochs": 2}, "seed": 1})
    assert run_key(parts) != run_key({**parts, "seed": 2})
    assert run_key(parts) != run_key({**parts, "recipe": {"epochs": 2, "rate": 2e-5}})


def test_nothing_nought_and_a_word_of_nothing_are_different_code(tmp_path: Path) -> None:
    values = ("None", "0", "''", "'None'", "[]", "False")
    assert len({fingerprint(tmp_path, f"x = {value}\n") for value in values}) == len(values)
    assert fingerprint(tmp_path, "x = u'a'\n") == fingerprint(tmp_path, "x = 'a'\n")


def test_a_file_has_one_name_however_it_is_reached(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "code.py").write_text(CODE)
    assert list(code_fingerprint([Path("inner/../code.py")], tmp_path)) == ["code.py"]


def test_what_is_ignored_or_of_another_package_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    files = {
        "start.py": "import p.a, p.b\nimport pp\n",
        "pp.py": "",
        "p/a.py": "import p.c\n",
        "p/b.py": "",
        "p/c.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    everything = [Path("p/a.py"), Path("p/b.py"), Path("p/c.py"), Path("start.py")]
    assert import_closure([Path("start.py")], ["p"], tmp_path) == everything
    assert import_closure([Path("start.py")], ["p"], tmp_path, ["p/a"]) == [Path("p/b.py"), Path("start.py")]


def test_the_optimiser_that_recipes_did_not_name_is_no_part_of_a_key_and_any_other_is() -> None:
    names = ("files", "code", "encoder", "options")
    told: dict[str, Any] = {"dataset": "toy", "system": "bert", "seed": 1, "visual_input": "none"}
    told |= {name: {} for name in names}
    unnamed, adamw, bert = (
        key_of_run(**told, recipe={"epochs": 2, **more})
        for more in ({}, {"optimiser": "adamw"}, {"optimiser": "bert"})
    )
    assert unnamed == adamw != bert
    assert len({key_of_run(**told | {name: {"a": "1"}}, recipe={"epochs": 2}) for name in names} | {unnamed}) == 5


@pytest.mark.parametrize("part", [Path("x"), {1, 2}, float("nan")])
def test_a_key_is_made_of_json_only(part: Any) -> None:
    with pytest.raises(ValueError, match="JSON values only"):
        run_key({"part": part})


def test_a_file_of_the_closure_that_is_not_python_is_named(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "broken.py").write_text("def f(:\n")
    (tmp_path / "main.py").write_text("from package import broken\n")
    with pytest.raises(SyntaxError) as raised:
        import_closure([Path("main.py")], ("package",), tmp_path)
    assert raised.value.filename == str(tmp_path / "package" / "broken.py")

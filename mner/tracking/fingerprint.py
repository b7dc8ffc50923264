"""Hashes that say whether a finished run is still the run one would get: of code, and of all a run reads."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mner.files import sha256_of_json

UNNAMED_OPTIMISER = ("optimiser", "adamw")
"""What the recipes of all runs meant before they named an optimiser."""


def code_fingerprint(files: Sequence[Path], root: Path = Path()) -> dict[str, str]:
    """SHA-256 of each Python file's syntax tree; keys are paths relative to ``root``, with forward slashes.

    Positions and bare strings (docstrings) are left out, so comments, docstrings and formatting do not change
    the fingerprint and any change of code does. It does not depend on the Python version that computes it,
    as far as the versions parse alike: a run from another machine keeps its key.

    Raises:
        ValueError: a file lies outside ``root``, is missing or is not Python; the message says which.
    """
    prints = {}
    for file in files:
        path = root / file
        try:
            name = path.resolve().relative_to(root.resolve()).as_posix()
            prints[name] = _print_of(path.read_bytes())
        except SyntaxError as error:
            raise ValueError(f"{path}:{error.lineno}: not Python: {error.msg}") from error
        except FileNotFoundError as error:
            raise ValueError(f"{path}: no such file, so the code of this run cannot be fingerprinted") from error
    return prints


@cache
def _print_of(source: bytes) -> str:
    return sha256_of_json(_meaning(ast.parse(source)))


def _meaning(node: Any) -> Any:
    """A syntax tree as nested lists; ``ast.dump`` would do, but its text differs between Python versions."""
    if isinstance(node, list):
        return [_meaning(item) for item in node if not _does_nothing(item)]
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.JoinedStr):
        # Python 3.12 puts empty constants between the parts of some f-strings.
        node = ast.JoinedStr([part for part in node.values if not _is_empty_text(part)])
    parts = {name: _meaning(value) for name, value in ast.iter_fields(node) if name != "kind"}
    # Newer versions add fields (``type_params``) that are empty for older code.
    return [type(node).__name__, {name: part for name, part in parts.items() if part not in ("None", [])}]


def _is_empty_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""


def _does_nothing(statement: Any) -> bool:
    """Whether this is a string standing by itself, or the ``pass`` that a docstring makes needless."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return isinstance(statement.value.value, str)
    return isinstance(statement, ast.Pass)


def import_closure(
    files: Sequence[Path], packages: Sequence[str], root: Path = Path(), ignore: Sequence[str] = ()
) -> list[Path]:
    """The files given and all files of ``packages`` that they import, directly or not, sorted.

    Read from the syntax trees, so nothing is executed. ``from mner.models import gates`` counts as the module
    ``mner.models.gates`` where that is a file, else as ``mner.models``.

    Raises:
        ValueError: a relative import, which this does not follow.
    """
    found: set[Path] = set()
    waiting = [root / file for file in files]
    while waiting:
        file = waiting.pop()
        if file in found or file.relative_to(root).as_posix().startswith(tuple(ignore)):
            continue
        found.add(file)
        try:
            imports = _imports_of(file.read_bytes())
        except SyntaxError as error:
            error.filename = str(file)
            raise
        for line, relative, names in imports:
            if relative:
                raise ValueError(f"{file}:{line}: relative import; write the module's full name")
            for name in names:
                if name.split(".")[0] in packages:
                    waiting += _module_files(name, root)
    return sorted(file.relative_to(root) for file in found)


@cache
def _imports_of(source: bytes) -> tuple[tuple[int, bool, tuple[str, ...]], ...]:
    """Of every import: its line, whether it is relative, and the modules it may name."""
    return tuple(
        (node.lineno, isinstance(node, ast.ImportFrom) and node.level > 0, tuple(_imported(node)))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    )


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def _module_files(name: str, root: Path) -> list[Path]:
    path = root.joinpath(*name.split("."))
    return [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]


def run_key(parts: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of everything a run reads: inputs, code, recipe, options, encoder, seed.

    Raises:
        ValueError: a part is not JSON (a path, a set) or not finite; its key would not be reproducible.
    """
    try:
        json.dumps(parts, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"a run's key is made of JSON values only: {error}") from error
    return sha256_of_json(parts)


def key_of_run(
    *,
    dataset: str,
    system: str,
    seed: int,
    files: Mapping[str, str],
    code: Mapping[str, str],
    encoder: Mapping[str, Any],
    options: Mapping[str, Any],
    recipe: Mapping[str, Any],
    visual_input: str,
) -> str:
    """A run's identity: change any of this and it is another run.

    ``files`` and ``code`` are hashes by path. ``visual_input`` says which of the published sources that one file
    may hold was read, in the words of the record. An optimiser that is AdamW is left out: all runs had it before
    recipes named one, and keep their keys.
    """
    recipe = {name: value for name, value in recipe.items() if (name, value) != UNNAMED_OPTIMISER}
    read = {"files": files, "code": code, "encoder": encoder, "options": options, "recipe": recipe}
    named = {"dataset": dataset, "system": system, "seed": seed, "visual_input": visual_input}
    return run_key(named | {name: dict(part) for name, part in read.items()})

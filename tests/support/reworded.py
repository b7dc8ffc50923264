"""A copy of the repository whose messages and docstrings say the same in other words: tests must pass in it.

A developer's tool, run from the repository root. It copies what git tracks to a folder and replaces ten words
(with ``--lists 4`` forty) in docstrings, in errors and in what is printed or logged. Names, keys, paths, options
and quoted values stay. A test that fails in the copy, and not here, asserts a sentence and not a behaviour:

    PYTHONPATH=tests python -m support.reworded /tmp/reworded
    cd /tmp/reworded && PYTHONPATH=. python -m pytest -q -n auto
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import shutil
import subprocess
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGES = ("mner", "baselines", "stages")
SYNONYMS: tuple[Mapping[str, str], ...] = (
    {
        "missing": "absent",
        "unknown": "unfamiliar",
        "file": "document",
        "expected": "wanted",
        "damaged": "harmed",
        "delete": "remove",
        "choose": "pick",
        "nothing": "naught",
        "found": "met",
        "needs": "requires",
    },
    {
        "number": "figure",
        "folder": "directory",
        "does": "will",
        "cannot": "can't",
        "changed": "altered",
        "holds": "contains",
        "sentence": "utterance",
        "sentences": "utterances",
        "again": "afresh",
        "least": "minimum",
    },
    {
        "picture": "photograph",
        "pictures": "photographs",
        "record": "log",
        "results": "outcomes",
        "finished": "completed",
        "empty": "void",
        "without": "lacking",
        "other": "different",
        "name": "state",
        "set": "put",
    },
    {
        "tags": "labels",
        "words": "tokens",
        "word": "token",
        "runs": "trainings",
        "gold": "reference",
        "has": "owns",
        "kept": "stored",
        "first": "initial",
        "none": "nil",
        "more": "further",
    },
)
"""Lists of ten words and their synonyms; the first alone is what a release is held to."""

SPEAKERS = re.compile(r"Error$|Exception$|[Rr]efusal$|^(print|show|warn|warning|info|debug|error)$")
"""Names of what is called with a message for people."""

Region = tuple[tuple[int, int], tuple[int, int]]


def main() -> None:
    """Copy the repository and say how many literals were reworded."""
    parser = argparse.ArgumentParser(description="Copy the repository with reworded messages and docstrings.")
    parser.add_argument("to", type=Path, help="folder of the copy; it must not exist")
    parser.add_argument("--lists", type=int, default=1, choices=range(1, len(SYNONYMS) + 1), help="lists of words")
    arguments = parser.parse_args()
    words = {word: synonym for one in SYNONYMS[: arguments.lists] for word, synonym in one.items()}
    copy_tracked(Path.cwd(), arguments.to)
    print(f"{reword_packages(arguments.to, words)} literals reworded in {arguments.to}")


def copy_tracked(repository: Path, to: Path) -> None:
    """Copy what git tracks, and make it a repository of one commit."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=repository, capture_output=True, text=True, check=True)
    to.mkdir(parents=True)
    for name in filter(None, tracked.stdout.split("\0")):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(repository / name, to / name)
    me = ("-c", "user.name=reworded", "-c", "user.email=reworded@localhost")
    for command in (("init", "--quiet"), ("add", "--all"), (*me, "commit", "--quiet", "--message", "as it was")):
        subprocess.run(["git", *command], cwd=to, check=True)


def reword_packages(root: Path, words: Mapping[str, str]) -> int:
    """Reword every module of the packages under ``root``; how many literals changed."""
    changed = 0
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            source, count = reworded(path.read_text(encoding="utf-8"), words)
            path.write_text(source, encoding="utf-8")
            changed += count
    return changed


def reworded(source: str, words: Mapping[str, str]) -> tuple[str, int]:
    """A module's source with its messages and docstrings reworded, and how many literals changed."""
    regions = list(_spoken(ast.parse(source)))
    lines = source.splitlines(keepends=True)
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.STRING and any(a <= token.start and token.end <= b for a, b in regions)
    ]
    changed = 0
    for token in reversed(tokens):
        if " " not in token.string:  # a key, a name or an option
            continue
        new = _reword_literal(token.string, words)
        changed += new != token.string
        (first, start), (last, end) = token.start, token.end
        lines[first - 1 : last] = [lines[first - 1][:start] + new + lines[last - 1][end:]]
        lines[first - 1 : first] = lines[first - 1].splitlines(keepends=True)
    return "".join(lines), changed


def _spoken(tree: ast.AST) -> Iterator[Region]:
    """Where docstrings and messages stand, as (line, column in characters) of their start and end."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield _region(node.exc)
        elif isinstance(node, ast.Call) and SPEAKERS.search(_last_name(node.func)):
            yield _region(node)
        elif (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield _region(node.value)


def _last_name(called: ast.expr) -> str:
    return getattr(called, "attr", None) or getattr(called, "id", "")


def _region(node: ast.expr) -> Region:
    # Columns of the syntax tree count bytes: an end a little too far right is harmless, an ASCII start is exact.
    return (node.lineno, node.col_offset), (node.end_lineno or node.lineno, (node.end_col_offset or 0))


def _reword_literal(literal: str, words: Mapping[str, str]) -> str:
    """The literal with its words replaced, not in the braces of an f-string, a path, an option or a quotation."""
    pattern = re.compile(rf"(?<![\w\-./'\"`{{<\[%])({'|'.join(words)})(?![\w\-/'\"`}}>\]=*]|\.\w)")
    formatted = "f" in literal[: literal.index(literal[-1])].lower()
    parts = re.split(r"(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})", literal) if formatted else [literal]
    return "".join(part if part.startswith("{") else pattern.sub(lambda m: words[m[1]], part) for part in parts)


if __name__ == "__main__":
    main()

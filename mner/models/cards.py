"""What a system says of itself, and how to read that without loading the system.

Tables and verdicts need the cards of all systems. Importing the files that hold them imports torch, which takes
longer than scoring; :func:`card_of` therefore evaluates the one expression behind ``CARD`` from the file's source.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mner.data.side_data import WORDS

NEEDS = ("captions", "objects", "ocr", "regions", "relations", *WORDS)
PACKAGE = Path(__file__).resolve().parents[1]
DECODERS = ("crf", "softmax", "own")
RECIPE_FIELDS = frozenset(
    {
        *("epochs", "batch_size", "optimiser", "schedule", "warmup", "clip", "precision", "frozen_layers"),
        *("encoder_learning_rate", "head_learning_rate", "transition_learning_rate", "weight_decay"),
        *("shuffled", "loss", "clip_by", "decay", "decay_epochs", "evaluate_every", "dev_batch", "image_encoder"),
    }
)
"""Fields of a published recipe that ours must equal: those of a recipe here, and what all our runs share."""


class ContractError(ValueError):
    """A system file or its options do not satisfy the contract; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a reader must know of a system before believing its number.

    ``version`` is part of every run's identity: raise it when the system would give other results. Moving,
    renaming and rewording code leaves it alone.
    ``needs`` lists visual inputs (see ``NEEDS``); ``decoder`` is ``crf``, ``softmax`` or ``own`` (the tagger
    brings ``loss`` and ``decode`` itself). ``published`` states the paper's recipe in words, field by field;
    ``caveats`` what neither paper nor code settles. ``reconstructed`` is set where no code could be read.
    ``absence`` says why a tweet without any picture is read differently even where pictures mean nothing; the
    negative control then asks only that the own picture be worth no more than another tweet's.

    ``published_recipe`` lists what must equal ours before a printed number is judged, each value as a recipe here
    says it (or in words, where a recipe here cannot say it), or by data set; None where no recipe is known.
    ``recipe_inferred`` says what it follows from, where no paper or program states it for this very row.
    ``missing`` names what the system needs and the harness does not have: its runs are never comparable.
    """

    name: str
    title: str
    cite: str
    version: int = 1
    needs: tuple[str, ...] = ()
    decoder: str = "crf"
    published: Mapping[str, str] | None = None
    variants: Mapping[str, str] | None = None
    caveats: tuple[str, ...] = ()
    reconstructed: str = ""
    absence: str = ""
    published_recipe: Mapping[str, Any] | None = None
    recipe_inferred: str = ""
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if misspelt := set(self.published_recipe or ()) - RECIPE_FIELDS:
            raise ContractError(
                f"card {self.name}: published_recipe has no field {sorted(misspelt)[0]!r}; "
                f"choose from {', '.join(sorted(RECIPE_FIELDS))}"
            )
        unknown = set(self.needs) - set(NEEDS)
        if unknown or self.decoder not in DECODERS:
            raise ContractError(f"card {self.name}: needs {sorted(unknown)} or decoder {self.decoder!r} unknown")
        if isinstance(self.version, bool) or not isinstance(self.version, int) or self.version < 1:
            raise ContractError(f"card {self.name}: version {self.version!r} is no whole number from 1 on")


def card_of(file: str) -> Card:
    """Read the card of a system file without importing it.

    A card that the source alone does not tell, such as one that a function makes, is had by importing the file.

    Args:
        file: Its path as ``params.yaml`` names it, such as ``baselines/bert_crf.py``.

    Returns:
        What ``load_system(file).CARD`` is.

    Raises:
        ContractError: The file does not exist, or lacks a card or a tagger.
    """
    path = source_file(file)
    card = None if path is None else _card_in(path, path.stat().st_mtime_ns)
    if card is not None:
        return card
    from mner.models.system import load_system

    found: Card = load_system(file).CARD
    return found


def source_file(file: str) -> Path | None:
    """Find a system file: in the current folder, the checkout, or the installed package; None where it is not."""
    places = [root / file for root in (Path.cwd(), PACKAGE.parent, PACKAGE)]
    return next((place for place in places if place.is_file()), None)


@cache
def _card_in(path: Path, changed: int) -> Card | None:
    """Evaluate the card in a source file; None where the source alone does not tell."""
    try:
        module = _Constants(path)
        card = module["CARD"] if "Tagger" in module.defined else None
    except (NameError, AttributeError, TypeError, SyntaxError):
        return None
    return card if isinstance(card, Card) else None


class _Constants(dict[str, Any]):
    """The constants of a module, each evaluated from its source when it is asked for; nothing is imported.

    What may be said there: literals, names of other constants, constants of imported modules of ours, ``Card``.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        body = ast.parse(path.read_text(encoding="utf-8")).body
        self.defined = {node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
        self._expressions = {
            target.id: node.value
            for node in body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self._imported = {
            one.asname or one.name: (str(node.module), one.name)
            for node in body
            if isinstance(node, ast.ImportFrom)
            for one in node.names
        }

    def __missing__(self, name: str) -> Any:
        if name == Card.__name__:
            return Card
        if name in self._imported:
            return _imported(*self._imported[name])
        if name not in self._expressions:
            raise NameError(name)
        code = compile(ast.Expression(self._expressions[name]), name, "eval")
        return eval(code, {"__builtins__": {}}, self)  # as importing the file would, but for one expression

    def __getattr__(self, name: str) -> Any:
        return self[name]


def _imported(module: str, name: str) -> Any:
    """Give what ``from module import name`` would: a module's constants, or a constant of ``module``."""
    submodule, whole = (source_file(f"{dotted.replace('.', '/')}.py") for dotted in (f"{module}.{name}", module))
    if submodule is not None:
        return _Constants(submodule)
    if whole is None:
        raise NameError(module)
    return _Constants(whole)[name]

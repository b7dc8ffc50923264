"""The contract of a system: a card that says what it is, and a ``Tagger`` that computes emissions.

A system is one file with ``CARD`` and ``Tagger``; ``params.yaml`` names the file and the options of each row.
Nothing registers anything: :func:`load_system` imports the file a row names.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar

from jaxtyping import Bool, Float
from torch import Tensor, nn

from mner.config.strict import nearest
from mner.models.cards import PACKAGE, Card, ContractError
from mner.models.encoders import TextEncoder

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Emissions:
    """Label scores per word; ``mask`` is True on real words."""

    scores: Float[Tensor, "batch words labels"]
    mask: Bool[Tensor, "batch words"]


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What a tagger may build itself from.

    ``encoder`` makes a fresh pretrained text encoder (``mner.models.encoders.TextEncoder``); ``visual_size`` is
    the width of a region vector, None where the data set has no regions; ``labels`` fixes the label order.
    ``words`` are the sentences of every split, without tags, for systems that build a vocabulary.
    """

    labels: tuple[str, ...]
    encoder: Callable[[], TextEncoder]
    visual_size: int | None
    words: Mapping[str, Sequence[tuple[str, ...]]] = field(default_factory=dict)


class SystemModule(Protocol):
    """What a system file provides. ``context`` is present only in systems that read the picture as text.

    Their options name the parts of the context, ``context``, and may limit it to ``max_subwords``.
    """

    CARD: Card

    def Tagger(self, build: BuildContext, **options: Any) -> nn.Module: ...  # noqa: N802


def load_system(file: str) -> ModuleType:
    """Import the module at a repository-relative path such as ``baselines/bert_crf.py``.

    Raises:
        ContractError: the file does not exist, or lacks ``CARD`` or ``Tagger``.
    """
    name = _module_name(file)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise ContractError(f"system file {file} does not exist; params.yaml names it") from error
        raise
    missing = [part for part in ("CARD", "Tagger") if not hasattr(module, part)]
    if missing:
        raise ContractError(f"{file} lacks {' and '.join(missing)}; a system file provides CARD and Tagger")
    return module


def _module_name(file: str) -> str:
    """Name a system file for import: one of the current folder, of the checkout, or of the installed package.

    A wheel carries ``baselines`` inside this package, so that it claims no second name in a user's environment.
    """
    dotted = file.removesuffix(".py").replace("/", ".")
    for root in (Path.cwd(), PACKAGE.parent):
        if (root / file).is_file():
            if str(root) not in sys.path:
                sys.path.append(str(root))
            return dotted
    return f"{PACKAGE.name}.{dotted}" if (PACKAGE / file).is_file() else dotted


def make_tagger(module: ModuleType, build: BuildContext, options: Mapping[str, Any]) -> nn.Module:
    """Call a system file's ``Tagger`` with the options of its row.

    Raises:
        ContractError: the options do not fit the constructor's arguments.
    """
    check_options(module, module.CARD.name, options)
    return module.Tagger(build, **options)


def check_options(module: ModuleType, row: str, options: Mapping[str, Any]) -> None:
    """Hold a row's options against the arguments of its ``Tagger``, which is not built.

    Raises:
        ContractError: an option that the constructor does not take, with the nearest one, or one that is missing.
    """
    signature = inspect.signature(module.Tagger)
    _, *taken = signature.parameters.values()
    if not any(argument.kind is argument.VAR_KEYWORD for argument in taken):
        names = [argument.name for argument in taken]
        for option in options:
            if option not in names:
                raise ContractError(f"options of {row}: unknown {option!r}; {nearest(option, names)}")
    try:
        signature.bind(None, **options)
    except TypeError as error:
        raise ContractError(f"options of {row}: {error}") from error


def one_of(what: str, value: str, known: Collection[str]) -> str:
    """The value of an option, if it is one of those known.

    Raises:
        ContractError: it is not; the message lists them.
    """
    if value not in known:
        raise ContractError(f"{what} {value!r} is unknown; choose one of {', '.join(known)}")
    return value


def checked_limit(max_subwords: int | None, system: str) -> int | None:
    """Give the limit of a context in subwords, None for no limit.

    Raises:
        ContractError: it is no whole number of at least 1.
    """
    if max_subwords is not None and (type(max_subwords) is not int or max_subwords < 1):
        raise ContractError(
            f"{system}: max_subwords is {max_subwords!r}; a context keeps at least one, or null: all"
        )
    return max_subwords


def visual_size_of(build: BuildContext, system: str) -> int:
    """Width of a region vector, for systems that cannot do without.

    Raises:
        ContractError: the data set has no regions.
    """
    if build.visual_size is None:
        raise ContractError(f"{system} reads region features; this data set has none (stage 'features')")
    return build.visual_size


def given(part: Part | None, name: str, system: str, asked: str = "regions") -> Part:
    """A part of the batch that the system's card asks for.

    Raises:
        ContractError: the batch goes without.
    """
    if part is None:
        raise ContractError(f"{system} needs batch.{name}; its card asks for {asked}")
    return part

"""Where a text encoder's files lie; imports no torch, for scoring needs the tokenizer alone."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from mner.config.places import cache_folder
from mner.config.schema import EncoderSource
from mner.models.assembled_encoder import PackagesError, assembled


class EncoderError(ValueError):
    """A text encoder that cannot be had or used as asked; the message says what to do."""


def location_of(source: EncoderSource) -> str:
    """What ``from_pretrained`` takes: the package's model folder, the assembled folder, or the hub name.

    Raises:
        EncoderError: the package is not installed.
    """
    if source.packages:
        try:
            return str(assembled(source.name, source.packages, str(source.sha256), cache_folder()))
        except PackagesError as error:
            raise EncoderError(str(error)) from error
    if source.package is None:
        return str(source.hub)
    try:
        module = import_module(source.package)
    except ModuleNotFoundError as error:
        raise EncoderError(
            f"encoder {source.name} needs the Python package {source.package}: "
            f"pip install {source.package.replace('_', '-')}"
        ) from error
    return str(Path(str(module.__file__)).parent / "model")

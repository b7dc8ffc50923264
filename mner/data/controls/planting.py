"""The controls: a generated miniature corpus with planted truth, pictures included.

All hold the very same sentences and tags. In ``controls-positive`` the picture shows the type of the sentence's
ambiguous name, so a gain from pictures must be found. In ``controls-negative`` the same kinds of pictures are
dealt out at random within each split, so no gain may be found. ``controls-neighbours`` has the pictures of the
negative one, and retrieval lists whose pictures show the type: a gain must be found by what reads neighbours, and
by nothing else. What is reachable with and without pictures is computed into the audit (``controls_audit``).

The other two have no retrieval lists; relation graphs are rebuilt for them.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from mner.config.controls_settings import CORPORA, NEIGHBOURS, POSITIVE, ControlsError, ControlsSettings
from mner.data.controls.expected import audit_controls
from mner.data.controls.scenes import (
    RETRIEVAL_K,
    caption_scene,
    compose_scene,
    draw_scene,
    label_scene,
    no_lists,
    planted_lists,
)
from mner.data.controls.sentences import Draft, Example, ambiguous_mentions, draft_split
from mner.data.controls.vocabulary import AMBIGUOUS_NAMES
from mner.data.corpus import SPLITS, TYPES, Sentence
from mner.data.prepare import write_audit, write_corpus, write_side

SOURCE = "planted"


def plan_controls(dataset: str, settings: ControlsSettings) -> dict[str, list[Example]]:
    """Sentences and pictures of every split, before anything is drawn.

    Sentences, tags, image ids and absences do not depend on ``dataset``; only ``Example.shown`` does.
    """
    if dataset not in CORPORA:
        raise ControlsError(f"unknown control {dataset!r}; there are {', '.join(CORPORA)}")
    seen: set[tuple[str, ...]] = set()
    splits: dict[str, list[Example]] = {}
    first = 0
    for split in SPLITS:
        drafts = _drafts(split, settings, seen)
        images = [f"c{first + index:05d}" for index in range(len(drafts))]
        shown = _shown_types(drafts, dataset, split, settings)
        splits[split] = [Example(*row) for row in zip(drafts, images, shown, strict=True)]
        first += len(drafts)
    return splits


def write_controls(dataset: str, folder: Path, settings: ControlsSettings) -> None:
    """Write one control into its data folder ``data/<dataset>``: corpus, gold, side, pictures and audit.

    The same arguments give the same bytes. Image files are named in ``side/pixels.json`` relative to ``folder``;
    absent pictures are listed there as invalid. Pictures of an earlier, larger control are removed.

    Raises:
        ControlsError: ``dataset`` is not one of ``CORPORA``.
    """
    splits = plan_controls(dataset, settings)
    write_corpus(folder, {split: _sentences(examples) for split, examples in splits.items()})
    captions, objects, pixels = _write_pictures(folder, splits, settings.seed)
    lists = {
        split: planted_lists(examples, _stream(settings, "lists", split))
        if dataset == NEIGHBOURS
        else no_lists(examples)
        for split, examples in splits.items()
    }
    write_side(
        folder,
        captions={SOURCE: captions},
        objects={SOURCE: objects},
        retrieval={"k": RETRIEVAL_K, **lists},
        invalid=[one.image for examples in splits.values() for one in examples if one.shown is None],
        pixels=pixels,
    )
    findings = audit_controls(splits, captions, lists, names_of(settings), informative=dataset == POSITIVE)
    write_audit(folder, dataset, findings)


def names_of(settings: ControlsSettings) -> tuple[str, ...]:
    """The ambiguous names in use: as many as can meet all types in the smallest split, twelve at most."""
    return AMBIGUOUS_NAMES[: settings.ambiguous_names()]


def _stream(settings: ControlsSettings, *purpose: str) -> random.Random:
    """A generator of its own for each purpose, so that changing one never shifts another."""
    return random.Random("/".join((str(settings.seed), *purpose)))


def _drafts(split: str, settings: ControlsSettings, seen: set[tuple[str, ...]]) -> list[Draft]:
    ambiguous, plain = settings.ambiguous(split), settings.plain(split)
    mentions = ambiguous_mentions(ambiguous, names_of(settings), _stream(settings, "types", split))
    easy = getattr(settings, split) - ambiguous - plain
    return draft_split(plain, easy, mentions, seen, _stream(settings, "text", split))


def _shown_types(
    drafts: Sequence[Draft], dataset: str, split: str, settings: ControlsSettings
) -> list[str | None]:
    """The type each picture shows; controls but the positive one deal its pictures out anew."""
    anything = _stream(settings, "subjects", split)
    shown: list[str | None] = [draft.subject or anything.choice(TYPES) for draft in drafts]
    absent = set(_stream(settings, "absent", split).sample(range(len(drafts)), settings.absent(split)))
    present = [index for index in range(len(drafts)) if index not in absent]
    dealt = [shown[index] for index in present]
    if dataset != POSITIVE:
        _stream(settings, "deal", split).shuffle(dealt)
    types = dict(zip(present, dealt, strict=True))
    return [types.get(index) for index in range(len(drafts))]


def _sentences(examples: Sequence[Example]) -> list[Sentence]:
    return [
        Sentence(index, example.image, example.draft.words, example.draft.tags)
        for index, example in enumerate(examples)
    ]


def _write_pictures(
    folder: Path, splits: Mapping[str, Sequence[Example]], seed: int
) -> tuple[dict[str, str], dict[str, list[str]], dict[str, dict[str, str]]]:
    """Draw every present picture; returns captions, object labels and the file record by image id.

    A picture counts once ``side/pixels.json`` names its hash, and that is written after all of them: so they need
    no atomic writes of their own, which would spend most of the time waiting for the disk.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    captions: dict[str, str] = {}
    objects: dict[str, list[str]] = {}
    pixels: dict[str, dict[str, str]] = {}
    for example in (example for examples in splits.values() for example in examples):
        if example.shown is None:
            continue
        rng = random.Random(f"{seed}/picture/{example.image}/{example.shown}")
        scene = compose_scene(example.shown, rng)
        captions[example.image] = caption_scene(scene, rng)
        objects[example.image] = label_scene(scene, rng)
        file, content = f"images/{example.image}.png", draw_scene(scene)
        (folder / file).write_bytes(content)
        pixels[example.image] = {"file": file, "sha256": hashlib.sha256(content).hexdigest()}
    for stale in (folder / "images").glob("c*.png"):
        if stale.stem not in pixels:
            stale.unlink()
    return captions, objects, pixels

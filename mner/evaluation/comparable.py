"""Were our runs made as a printed row was? By what they loaded and read, not by what a configuration calls it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mner.evaluation.averages import WORD_VECTORS
from mner.evaluation.paper import UNKNOWN, Paper, Requirements, Used
from mner.evaluation.protocol import training_apart
from mner.evaluation.published_recipes import recipe_caveats, recipe_reasons
from mner.evaluation.reasons import INFERRED, NOTHING, Reason, ReasonKind, visual_input
from mner.evaluation.score_results import ScoredCell

LEAST_PICTURES = 0.99
"""Share of the valid pictures of every split that must have been read."""
SPLITS = ("train", "dev", "test")
_KIND_OF_FIELD = {
    "encoder": ReasonKind.ENCODER,
    "visual": ReasonKind.VISUAL,
    "scorer": ReasonKind.SCORER,
    "copy": ReasonKind.DATASET_VERSION,
}


def comparability(cell: ScoredCell, used: Used, paper: Paper) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
    """Reasons why runs of a cell were made otherwise than a printed row, and caveats that remain if they were not.

    ``cell`` is a finished cell of ``scores.json``. A known difference is a reason, and so is whatever nobody can
    show to be alike: weights without the named hash, pictures of which too few were read, a recipe that is not
    known. What the paper leaves open is a caveat, since it can be neither claimed nor excluded; but word vectors
    that no row of ``paper`` is known to have read do not stand for unknown ones. How the runs were scored is no
    part of it (``mner.evaluation.protocol``).
    """
    asked = paper.requirements.get(cell.system, Requirements())
    undocumented, different = training_apart(cell.dataset_version, used.copy, cell.dataset)
    unheard_of = _reads_unheard_of(cell, used, paper)
    reasons = (
        *_encoder(cell, used, paper, unheard_of),
        *_picture(cell, used, paper),
        *(Reason(ReasonKind.MISSING, "without it", what) for what in asked.missing),
        *undocumented,
        *_trained_on(cell.recipe),
        *recipe_reasons(cell, asked),
    )
    fields = [name for name in _KIND_OF_FIELD if not (name == "encoder" and unheard_of)]
    open_fields = [
        Reason(_KIND_OF_FIELD[name], theirs=UNKNOWN) for name in fields if getattr(used, name) == UNKNOWN
    ]
    inferred = [Reason(_KIND_OF_FIELD[name], theirs=INFERRED) for name in used.inferred]
    return reasons, (*open_fields, *inferred, *different, *recipe_caveats(asked))


def _reads_unheard_of(cell: ScoredCell, used: Used, paper: Paper) -> bool:
    vectors = cell.encoder is not None and cell.encoder.source == WORD_VECTORS
    return vectors and used.encoder == UNKNOWN and cell.encoder_name not in paper.encoders


def _encoder(cell: ScoredCell, used: Used, paper: Paper, unheard_of: bool) -> Iterator[Reason]:
    name = cell.encoder_name
    if unheard_of:
        yield Reason(ReasonKind.ENCODER, name, UNKNOWN, "no printed row is known to have read ours")
    elif used.encoder not in (UNKNOWN, name):
        yield Reason(ReasonKind.ENCODER, name, used.encoder)
    elif name != NOTHING:
        yield from _weights(cell, name, paper)


def _weights(cell: ScoredCell, name: str, paper: Paper) -> Iterator[Reason]:
    """Nothing, if what was loaded has the hash that is named for the encoder."""
    named = paper.weights.get(name)
    loaded = loaded_weights(cell)
    if named is None or named.sha256 is None or set(loaded) != {named.sha256}:
        source = (cell.encoder and cell.encoder.source) or "unnamed source"
        hashes = " and ".join(f"SHA-256 {one[:12]}" for one in loaded) or "not hashed"
        yield Reason(ReasonKind.WEIGHTS, f"{source}, {hashes}", str(named) if named else "not named")


def loaded_weights(cell: ScoredCell) -> tuple[str, ...]:
    """SHA-256 of the weights that a cell's runs loaded; several, where runs differ.

    Records that do not hold it apart have it as their encoder's hash.
    """
    encoder = cell.encoder
    if cell.loaded.weights_sha256 and (encoder is None or encoder.source != WORD_VECTORS):
        return cell.loaded.weights_sha256
    return (encoder.sha256,) if encoder is not None and encoder.sha256 else ()


def _picture(cell: ScoredCell, used: Used, paper: Paper) -> Iterator[Reason]:
    if used.visual == UNKNOWN:
        return
    ours, theirs = visual_input(cell.visual_input), visual_input(used.visual)
    if not ours.fits(theirs):
        yield Reason(ReasonKind.VISUAL, cell.visual_input, used.visual)
    elif theirs.reads_pixels:
        yield from _image_weights(cell, str(ours.regions).partition(":")[2], paper)
        yield from _pictures_read(cell)


def _image_weights(cell: ScoredCell, model: str, paper: Paper) -> Iterator[Reason]:
    """Nothing, if what made the regions has the hash that is named for the model of this name."""
    named, loaded = paper.weights.get(model), cell.loaded.regions_sha256
    if named is None or named.sha256 is None or set(loaded) != {named.sha256}:
        hashes = " and ".join(f"SHA-256 {one[:12]}" for one in loaded) or "not hashed"
        yield Reason(
            ReasonKind.WEIGHTS, f"{model}, {hashes}", str(named) if named else "not named", "of the pictures"
        )


def _pictures_read(cell: ScoredCell) -> Iterator[Reason]:
    shares = pictures_read(cell)
    if not shares or any(shares.get(split, 0.0) < LEAST_PICTURES for split in SPLITS):
        yield Reason(ReasonKind.PICTURES, shares_in_words(shares), f"all, at least {100 * LEAST_PICTURES:.0f} %")


def pictures_read(cell: ScoredCell) -> Mapping[str, float]:
    """By split, the share of valid pictures that a finished cell's runs read; empty where no record says it."""
    return cell.loaded.pictures_read


def shares_in_words(shares: Mapping[str, float]) -> str:
    """``train 100.0 %, dev 99.6 %, test 5.5 %``, cut and never rounded up; ``unknown`` where there are none."""
    texts = (f"{split} {int(1000 * share) / 10:.1f} %" for split, share in shares.items())
    return ", ".join(texts) or UNKNOWN


def _trained_on(recipe: Mapping[str, Any]) -> Iterator[Reason]:
    if (subset := recipe.get("train_sentences")) is not None:
        yield Reason(ReasonKind.TRAINING_DATA, f"a subset of {subset} sentences", "all")
    if frozen := recipe.get("frozen_layers"):
        yield Reason(ReasonKind.TRAINED, f"with {frozen} encoder layers frozen")

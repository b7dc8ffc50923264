"""A trained row in one folder, and out of it or out of a run again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from mner.base.files import reading, write_atomically, write_json_atomically, write_text_atomically
from mner.config import load as load_config
from mner.data.corpus import SPLITS, read_corpus
from mner.data.labels import labels_of
from mner.models.encoders import fingerprint_of
from mner.models.model import Model
from mner.models.system import load_system
from mner.tagger.picture_words import PredictError
from mner.tagger.row_recipe import RowRecipe
from mner.tagger.sequence_tagger import NEEDS_PIXELS, SequenceTagger
from mner.tracking.evidence import WEIGHTS, check_evidence
from mner.tracking.identity import parameter_differences, render_differences
from mner.training.checkpoint import CheckpointError, load_trainable, trainable_state
from mner.training.experiment import Cell

RECIPE, CARD = "tagger.json", "README.md"
FORMAT = 1


class PretrainedError(ValueError):
    """A folder that holds no tagger that this version of mner can load; ``path`` names it."""

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        super().__init__(f"{path}: {why}")


def load(folder: str | Path, device: str = "cpu") -> SequenceTagger:
    """Load a tagger from a run (``runs/<profile>/<data set>/<system>/<seed>``) or from a saved folder.

    Args:
        folder: either of them.
        device: where to compute, as torch names it.

    Raises:
        PretrainedError: no weights were kept, or they are of another version, which is named.
        PredictError: the row reads arrays of pictures, so that it cannot tag new sentences.
    """
    path = Path(folder)
    return from_pretrained(path, device) if (path / RECIPE).is_file() else _from_run(path, torch.device(device))


def save(recipe: RowRecipe, model: Model, folder: Path) -> None:
    """Write weights, labels and recipe, and a card for people.

    Raises:
        PretrainedError: the row's vocabulary is that of its data set, whose words are not written.
    """
    if recipe.has_vocabulary():
        raise PretrainedError(
            folder, f"{recipe.system} has word vectors for the words of {recipe.dataset}; use its run"
        )
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.contiguous() for name, tensor in trainable_state(model).items()}
    write_atomically(folder / WEIGHTS, lambda part: save_file(state, part))
    write_text_atomically(folder / CARD, _card(recipe))
    write_json_atomically(folder / RECIPE, {"format": FORMAT, **recipe.as_json()})


def from_pretrained(folder: Path, device: str = "cpu") -> SequenceTagger:
    """Load what :func:`save` wrote.

    Raises:
        PretrainedError: another format, version of the system, or encoder, or weights of other labels.
    """
    with reading(folder / RECIPE, "save the tagger again"):
        row = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
    if not isinstance(row, dict) or row.pop("format", None) != FORMAT:
        raise PretrainedError(folder / RECIPE, f"no tagger of format {FORMAT}; save it with this version of mner")
    try:
        recipe = RowRecipe.from_json(row)
    except (KeyError, TypeError, ValueError) as error:
        raise PretrainedError(folder / RECIPE, f"not a recipe of this version of mner ({error})") from error
    version = load_system(recipe.file).CARD.version
    if version != recipe.versions["system"]:
        why = f"{recipe.system} is version {version} here, and was {recipe.versions['system']} when trained"
        raise PretrainedError(folder, why)
    if len(recipe.labels) < 3 or recipe.labels != labels_of([label[2:] for label in recipe.labels[1::2]]):
        raise PretrainedError(
            folder, f"its labels are {', '.join(recipe.labels)}; expected O, then B- and I- of each type"
        )
    if fingerprint_of(recipe.encoder) != recipe.encoder_sha256:
        raise PretrainedError(folder, f"encoder {recipe.encoder.name} here has other weights than the tagger's")
    return _with_weights(recipe, folder, torch.device(device), 0, {})


def _from_run(folder: Path, device: torch.device) -> SequenceTagger:
    if not (folder / "record.json").is_file():
        raise PretrainedError(folder, f"holds neither a run (record.json) nor a saved tagger ({RECIPE})")
    record = check_evidence(folder).record
    if not (folder / WEIGHTS).is_file():
        command = f"mner run {record.dataset} {record.system} --seed {record.seed}"
        raise PretrainedError(
            folder, f"its weights were not kept; set `keep_weights: true` in its recipe, then `{command}`"
        )
    root = folder.resolve().parents[4]
    config = load_config(root / "params.yaml")
    profile = config.profiles.get(record.profile, config.active)
    cell = Cell(replace(config, active=profile), record.dataset, record.system, root)
    if found := parameter_differences(cell, record):
        raise PretrainedError(
            folder, f"this checkout would build another model: the run was {render_differences(found)}"
        )
    corpus = read_corpus(root / "data" / record.dataset / "corpus", record.dataset)
    recipe = RowRecipe.of(cell, record.encoder["sha256"], record.versions, corpus.labels)
    words = {name: tuple(sentence.words for sentence in corpus.split(name)) for name in SPLITS}
    words["train"] = words["train"][: cell.recipe.train_sentences]  # the vocabulary that training saw
    return _with_weights(recipe, folder, device, record.seed, words)


def _with_weights(
    recipe: RowRecipe, folder: Path, device: torch.device, seed: int, words: dict[str, tuple[tuple[str, ...], ...]]
) -> SequenceTagger:
    if NEEDS_PIXELS & set(recipe.needs):
        raise PredictError(
            f"{recipe.system} reads {', '.join(recipe.needs)}, which are made for whole data sets: add the tweets "
            "to a data set of your own, then `dvc repro`"
        )
    model = recipe.model(seed, device, words)
    with reading(folder / WEIGHTS, "train the run again, or save the tagger again"):
        weights = load_file(folder / WEIGHTS, device=str(device))
    try:
        load_trainable(model, weights)
    except CheckpointError as error:
        raise PretrainedError(folder / WEIGHTS, str(error)) from error
    return SequenceTagger(recipe, model.eval(), device)


def _card(recipe: RowRecipe) -> str:
    return (
        f"# {recipe.system}, trained on {recipe.dataset}\n\n"
        f"Encoder: {recipe.encoder.describe()}. Labels: {', '.join(recipe.labels)}.\n"
        f"Reads of a picture: {', '.join(recipe.needs) or 'nothing'}.\n\n"
        "```python\nimport mner\n\ntagger = mner.load('this/folder')\n"
        "tagger.predict(words=['Kevin', 'is', 'in', 'Oslo'])\n```\n"
    )

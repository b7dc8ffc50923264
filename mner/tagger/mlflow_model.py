"""A trained row as a LoggedModel of MLflow, which loads through ``mner.load``.

``mlflow.pyfunc.load_model("models:/<id>").predict([["Kevin", "is", "in", "Oslo"]])`` gives tags. Nothing is
pickled: the model is a folder that ``SequenceTagger.save_pretrained`` writes, and MLflow calls
:func:`_load_pyfunc` of this file to read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mner.base.files import read_json
from mner.tagger.picture_words import PredictError
from mner.tagger.pretrained_folder import PretrainedError, load
from mner.tagger.sequence_tagger import SequenceTagger
from mner.tracking.evidence import WEIGHTS
from mner.tracking.mlflow_database import import_mlflow
from mner.tracking.mlflow_store import Store
from mner.tracking.record import Record

NAME = "tagger"


class TaggerModel:
    """What MLflow serves: sentences in, tags out.

    Args:
        tagger: A trained row.
    """

    def __init__(self, tagger: SequenceTagger) -> None:
        self.tagger = tagger

    def predict(self, sentences: Sequence[Sequence[str]], params: Any = None) -> list[list[str]]:
        """Give the tags of each sentence.

        Args:
            sentences: Words of each.
            params: Not read; MLflow passes it.

        Returns:
            A tag a word.

        Raises:
            PredictError: A sentence without words.
        """
        return [list(one.tags) for one in self.tagger.predict_all([list(words) for words in sentences])]


def _load_pyfunc(path: str) -> TaggerModel:
    """Read a logged folder; MLflow finds this function by its name."""
    return TaggerModel(load(path))


def log_models(folder: Path, profile: str, uri: str) -> tuple[int, tuple[str, ...]]:
    """Log every run of a profile that kept its weights and is in the store. Safe to repeat.

    Args:
        folder: ``runs/<profile>``.
        profile: Its name.
        uri: The store.

    Returns:
        How many runs have a model now, and a line for each that cannot have one, such as a row that reads arrays
        of pictures.
    """
    logged, refused = 0, []
    kept = list(_with_weights(folder))
    if not kept:
        return 0, ()
    store = Store(uri, profile)
    for run in kept:
        record = Record.read(run / "record.json")
        child = store.find_child(record.dataset, record.system, record.seed, record.key)
        if child is None:
            continue
        if not store.has_model(child):
            try:
                _log(store, child.run_id, run, record)
            except (PredictError, PretrainedError) as error:
                refused.append(f"{run}: {error}")
                continue
        logged += 1
    return logged, tuple(refused)


def _with_weights(folder: Path) -> Iterator[Path]:
    for weights in sorted(folder.glob(f"*/*/*/{WEIGHTS}")):
        if read_json(weights.parent / "record.json").get("status") == "finished":
            yield weights.parent


def _log(store: Store, run_id: str, run: Path, record: Record) -> None:
    import_mlflow()
    from mlflow import pyfunc

    with TemporaryDirectory(prefix="mner-model-") as made:
        saved, packed = Path(made) / "saved", Path(made) / "model"
        load(run).save_pretrained(saved)
        pyfunc.save_model(packed, loader_module=__name__, data_path=str(saved), pip_requirements=["mner"])
        shown = {"dataset": record.dataset, "system": record.system, "seed": str(record.seed)}
        store.log_model(run_id, NAME, packed, {**shown, "mner.key": record.key})

"""A run with kept weights is a LoggedModel of MLflow that tags as the run did."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import tiny

from mner.data.corpus import read_corpus, read_tags
from mner.tagger.mlflow_model import log_models
from mner.tracking.mlflow_rebuild import rebuild
from mner.tracking.mlflow_store import Store

mlflow = pytest.importorskip("mlflow")


@pytest.mark.slow
def test_weights_become_one_model_that_loads_through_mner(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.change_parameters(world, lambda raw: raw["recipe"].update(keep_weights=True))
    tiny.train(world, "bert-crf")
    runs, uri = world / "runs" / "tiny", f"sqlite:///{world}/mlflow.db"
    rebuild(runs, "tiny", uri)
    for _ in range(2):
        assert log_models(runs, "tiny", uri) == (1, ())
    (cell,) = Store(uri, "tiny")._search({"mner.kind": "seed"})
    (output,) = cell.outputs.model_outputs
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    model = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    corpus = read_corpus(world / "data" / tiny.DATASET / "corpus", tiny.DATASET)
    sentences = [list(sentence.words) for sentence in corpus.split("test")]
    expected = [list(tags) for tags in read_tags(runs / tiny.DATASET / "bert-crf" / "1" / "test.own.jsonl")]
    assert model.predict(sentences) == expected

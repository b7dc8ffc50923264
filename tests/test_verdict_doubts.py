"""What nobody knows of a printed row is a doubt beside its verdict; word vectors keep it from having one."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from mner.evaluation.averages import WORD_VECTORS
from mner.evaluation.verdicts import NOT_COMPARABLE, REPRODUCED

VERDICTS = runpy.run_path(str(Path(__file__).with_name("test_verdicts.py")))
TABLE1, TARGET, _judge = (VERDICTS[name] for name in ("TABLE1", "TARGET", "_judge"))


def test_recipe_and_precision_are_doubts_with_what_ours_were() -> None:
    recipe = {"train_sentences": None, "frozen_layers": 0, "epochs": 6, "batch_size": 16}
    near = [TARGET - 0.01, TARGET, TARGET + 0.01]
    rounded = _judge(near, recipe=recipe, precision="bfloat16")
    assert rounded.name == REPRODUCED
    assert (
        "recipe: ours 6 epochs, 16 sentences a batch; theirs not compared, see mner card bert-crf"
        in rounded.doubts
    )
    assert "precision: ours trained in bfloat16, theirs unknown" in rounded.doubts
    for precision in ("float32", None):
        assert not any("precision" in doubt for doubt in _judge(near, precision=precision).doubts)


def test_word_vectors_that_no_row_reads_are_as_unlike_an_unknown_encoder_as_a_known_one() -> None:
    def judged(row: str, vectors: str) -> Any:
        encoder = {"name": vectors, "source": WORD_VECTORS, "sha256": None}
        near = [TABLE1[row].figure("twitter2017", "F1").value] * 2
        return _judge(near, row=TABLE1[row], system=row, visual_input="grid:resnet152", encoder=encoder)

    assert TABLE1["vg"].used["twitter2017"].encoder == "unknown"
    unknown, known = judged("vg", "glove-6b-50d"), judged("acoa", "glove-6b-50d")
    assert unknown.name == known.name == NOT_COMPARABLE
    assert unknown.reasons[0].startswith("encoder: ours glove-6b-50d, which no printed row is known to have read")
    assert not any("encoder" in doubt for doubt in unknown.doubts)
    heard_of = judged("vg", TABLE1["ocsga"].used["twitter2017"].encoder)
    assert heard_of.name == REPRODUCED
    assert "encoder of the published row is unknown" in heard_of.doubts

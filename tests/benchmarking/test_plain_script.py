"""The plain script is what it claims: first pieces are tagged, padding is neither read nor learned, rates fall."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mner.benchmarking.plain_script import IGNORED, UPDATES, PlainScript
from mner.data.corpus import LABELS, Sentence
from mner.models.encoders import pretrained_model, tokenizer_of

SENTENCES = (
    Sentence(0, "a", ("tokyo", "visits", "paris"), ("B-LOC", "O", "B-LOC")),
    Sentence(1, "b", ("nothing",), ("O",)),
)


@pytest.fixture
def script(tmp_path: Path, tiny: Any) -> PlainScript:
    source = tiny.write_encoder(tmp_path)
    encoder = pretrained_model(source)
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return PlainScript(encoder, tokenizer_of(source), SENTENCES, torch.device("cpu"))


def test_a_words_first_piece_has_its_tag_and_nothing_else_has_one(script: PlainScript) -> None:
    ids, labels = script._collate([0, 1])
    # [CLS] tok ##yo visits paris [SEP]
    assert script.lengths().tolist() == [6, 3]
    place, outside = LABELS.index("B-LOC"), LABELS.index("O")
    assert labels.tolist() == [
        [IGNORED, place, IGNORED, outside, place, IGNORED],
        [IGNORED, outside, *[IGNORED] * 4],
    ]
    assert ids[1, 3:].tolist() == [script.pad] * 3


def test_padding_moves_no_output(script: PlainScript, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "autocast", lambda *asked, **how: contextlib.nullcontext())
    for group in script.optimiser.param_groups:
        group["lr"] = 0.0  # for the update between the two
    seen: list[torch.Tensor] = []
    script.model.register_forward_hook(lambda module, inputs, output: seen.append(output.float()))
    assert [script.step(rows) for rows in ([1], [0, 1])] == [1, 2]
    torch.testing.assert_close(seen[0][0], seen[1][1, :3])


def test_the_rate_rises_over_a_tenth_and_falls_to_nothing(script: PlainScript) -> None:
    (factor,) = script.schedule.lr_lambdas
    warm = UPDATES // 10
    assert [factor(0), factor(warm - 1), factor(warm)] == pytest.approx([1 / warm, 1.0, 1.0])
    assert factor((UPDATES + warm) // 2) == pytest.approx(0.5)
    assert factor(UPDATES) == factor(UPDATES + 9) == 0.0

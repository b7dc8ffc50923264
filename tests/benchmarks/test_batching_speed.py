"""Batches from tables tokenised once, beside tokenising every batch anew; and the order of an epoch."""

from __future__ import annotations

import numpy as np
import pytest
from support import tiny

from mner.benchmarking.measure import stand_ins, stated_lengths
from mner.data.side_data import Side
from mner.data.subwords import WordPieces
from mner.features.store import FeatureStore
from mner.models.encoders import tokenizer_of
from mner.training.batching import Tables, batches_in_order, training_order

SENTENCES, BATCH = 512, 16


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return tokenizer_of(tiny.write_encoder(tmp_path_factory.mktemp("encoder")))


@pytest.fixture(scope="module")
def sentences():
    return stand_ins(stated_lengths("twitter2017", SENTENCES))


def _tables(tokenizer, store: FeatureStore | None) -> Tables:
    return Tables(
        WordPieces(tokenizer), 128, Side({}, None, {}, frozenset()), store, None, None, {}, reads_image_text=False
    )


def test_text_batches_beside_tokenising_each(beside, tokenizer, sentences) -> None:
    split = _tables(tokenizer, None).split(sentences, None)
    order = batches_in_order(split.text.lengths(), BATCH)

    def anew() -> int:
        return sum(
            tokenizer(
                [list(sentences[row].words) for row in rows],
                is_split_into_words=True,
                padding=True,
                return_tensors="pt",
            )["input_ids"].numel()
            for rows in order
        )

    pieces = beside(lambda: sum(split.batch(rows).text.input_ids.numel() for rows in order), anew, at_least=2.0)
    # Ours pads to multiples of eight, so it holds at least what the longest sentences need.
    assert anew() <= pieces < 2 * anew()


def test_batches_with_pictures(benchmark, tokenizer, sentences) -> None:
    import torch

    store = FeatureStore(
        torch.zeros(49 * 8, 256, dtype=torch.float16),
        np.arange(9) * 49,
        {sentence.image: number % 8 for number, sentence in enumerate(sentences)},
        {},
    )
    split = _tables(tokenizer, store).split(sentences, None)
    order = batches_in_order(split.text.lengths(), BATCH)
    shapes = benchmark(lambda: {split.batch(rows).image.regions.shape for rows in order})
    assert shapes == {(BATCH, 49, 256)}


def test_order_of_an_epoch_wastes_little(benchmark, sentences) -> None:
    lengths = np.array([pieces for _, pieces in stated_lengths("twitter2017", 3000)])
    order = benchmark(lambda: training_order(lengths, BATCH, np.random.default_rng(1)))
    padded = sum(int(lengths[rows].max()) * len(rows) for rows in order)
    shuffled = np.random.default_rng(1).permutation(len(lengths)).reshape(-1, 12)
    unsorted = sum(int(lengths[rows].max()) * len(rows) for rows in shuffled)
    assert sorted(row for rows in order for row in rows) == list(range(3000))
    assert padded < 1.05 * lengths.sum() < unsorted

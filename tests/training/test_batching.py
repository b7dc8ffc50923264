"""Batches: probe views, every sentence once an epoch, and nothing that depends on who shares the batch."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support import tiny
from support.messages import names

from mner.base.meters import Meter
from mner.config import Config
from mner.data.corpus import LABELS, SPLITS, view_of
from mner.training.batching import batches_in_order, training_order
from mner.training.experiment import Cell, prepare
from mner.training.loop import predict

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> tuple[Path, Config]:
    root = tmp_path_factory.mktemp("world")
    return root, tiny.make_world(root, select=["own"])


@pytest.fixture(scope="module")
def prepared(world):
    """A prepared cell of each system, made once."""
    root, config = world
    return {system: prepare(Cell(config, tiny.DATASET, system, root), CPU) for system in tiny.SYSTEMS}


@pytest.mark.parametrize("sentences", [2, 3, 5, 97])
@pytest.mark.parametrize("seed", range(5))
def test_shuffled_gives_everyone_another_ones_picture_and_uses_each_once(sentences, seed):
    given, neighbours = view_of(sentences, "shuffled", seed)
    assert (neighbours == given).all()
    assert sorted(given) == list(range(sentences))
    assert (given != np.arange(sentences)).all()
    assert (given == view_of(sentences, "shuffled", seed)[0]).all()
    own, neighbours = view_of(sentences, "neighbours", seed)
    assert (own == np.arange(sentences)).all()
    assert (neighbours == given).all()


def test_views_of_nobody_of_oneself_and_unknown_ones():
    assert [part.tolist() for part in view_of(3, "own", 0)] == [[0, 1, 2]] * 2
    assert [part.tolist() for part in view_of(3, "none", 0)] == [[-1, -1, -1]] * 2
    with pytest.raises(ValueError, match=names("'mine'", "own, none, shuffled, neighbours")):
        view_of(3, "mine", 0)
    with pytest.raises(ValueError, match=names("shuffled")):
        view_of(1, "shuffled", 0)


@pytest.mark.parametrize(("sentences", "size"), [(1, 4), (7, 3), (24, 8), (1003, 16)])
def test_an_epoch_sees_every_sentence_exactly_once_in_batches_of_the_size_asked_for(sentences, size):
    lengths = np.random.default_rng(0).integers(3, 40, sentences)
    for order in (training_order(lengths, size, np.random.default_rng(1)), batches_in_order(lengths, size)):
        assert sorted(row for batch in order for row in batch) == list(range(sentences))
        assert len(order) == -(-sentences // size)
        assert max(map(len, order)) <= size


def test_training_order_is_the_generators_and_wastes_little_padding():
    lengths = np.random.default_rng(0).integers(3, 60, 400)
    first = training_order(lengths, 16, np.random.default_rng(5))
    assert first == training_order(lengths, 16, np.random.default_rng(5))
    assert first != training_order(lengths, 16, np.random.default_rng(6))
    padded = sum(len(batch) * max(lengths[batch]) for batch in first)
    assert padded < 1.1 * lengths.sum()
    inference = batches_in_order(lengths, 16)
    assert [max(lengths[batch]) for batch in inference] == sorted(
        (max(lengths[b]) for b in inference), reverse=True
    )


def test_a_batch_holds_what_the_card_asks_for_and_nothing_else(prepared):
    expected = {
        "bert-crf": set(),
        "ita": {"cross", "has_context"},
        "rgcn": {"image", "inter", "intra"},
        "rgcn-released": {"image", "inter", "intra"},
    }
    optional = {"cross", "has_context", "image", "inter", "intra", "image_text"}
    for system, present in expected.items():
        batch = prepared[system].data.splits["train/own"].batch([0, 1])
        assert {name for name in optional if getattr(batch, name) is not None} == present, system


def test_words_and_tags_are_those_of_the_sentences(prepared):
    split = prepared["bert-crf"].data.splits["train/own"]
    rows = [3, 0, 2]
    batch = split.batch(rows)
    assert batch.index.tolist() == rows
    assert batch.word_mask.sum(1).tolist() == [len(words) for words in batch.words]
    for slot, row in enumerate(rows):
        sentence = split.sentences[row]
        assert batch.words[slot] == sentence.words
        tags = batch.tags[slot, : len(sentence.words)].tolist()
        assert tuple(LABELS[tag] for tag in tags) == sentence.tags
    assert (batch.tags[~batch.word_mask] == 0).all()
    assert prepared["bert-crf"].data.splits["test/own"].batch([0]).tags is None


def test_without_picture_everything_of_pictures_is_masked(prepared):
    batch = prepared["rgcn"].data.splits["test/none"].batch(range(8))
    for part in (batch.image, batch.inter, batch.intra):
        assert not part.mask.any()
        assert not part.regions.any()
    assert not batch.inter.scores.any()
    assert not batch.intra.scores.any()
    ita = prepared["ita"].data.splits["test/none"].batch(range(8))
    assert not ita.has_context.any()
    assert (ita.cross.input_ids == ita.text.input_ids).all()


def test_shuffled_gives_the_picture_words_and_neighbours_of_one_and_the_same_other_sentence(prepared):
    splits = prepared["rgcn"].data.splits
    own, shuffled = splits["test/own"].batch(range(8)), splits["test/shuffled"].batch(range(8))
    given = splits["test/shuffled"].picture_of
    assert torch.equal(shuffled.image.regions, own.image.regions[given])
    assert torch.equal(shuffled.inter.regions, own.inter.regions[given])
    assert torch.equal(shuffled.intra.scores, own.intra.scores[given])
    assert torch.equal(shuffled.text.input_ids, own.text.input_ids)
    others = splits["test/neighbours"].batch(range(8))
    assert torch.equal(others.image.regions, own.image.regions)
    assert torch.equal(others.inter.regions, own.inter.regions[given])
    assert torch.equal(others.intra.scores, own.intra.scores[given])
    ita = prepared["ita"].data.splits
    assert "test/neighbours" not in ita
    assert (ita["test/shuffled"].picture_of == given).all()
    contexts = [context_of(ita["test/own"].batch([row])) for row in range(8)]
    assert [context_of(ita["test/shuffled"].batch([row])) for row in range(8)] == [contexts[row] for row in given]


def context_of(batch) -> list[int]:
    pieces, tweet = batch.cross.input_ids[0][batch.cross.attention_mask[0]], int(batch.text.attention_mask.sum())
    return pieces[tweet - 1 :].tolist()


def test_absent_pictures_are_masks(prepared):
    batch = prepared["rgcn"].data.splits["train/own"].batch(range(8))
    # train3 has no caption, so no regions; train5 is an invalid picture.
    assert batch.image.mask.any(1).tolist() == [True, True, True, False, True, False, True, True]
    ita = prepared["ita"].data.splits["train/own"].batch(range(8))
    # train3 has objects all the same; train5 has nothing.
    assert ita.has_context.tolist() == [True, True, True, True, True, False, True, True]


def parts_of(value) -> list:
    if is_dataclass(value):
        return [tensor for field in fields(value) for tensor in parts_of(getattr(value, field.name))]
    return [value] if isinstance(value, torch.Tensor) else []


def test_a_batch_moves_whole(prepared):
    batch = prepared["rgcn"].data.splits["train/own"].batch(range(3))
    moved = batch.to(torch.device("meta"))
    assert len(parts_of(moved)) == len(parts_of(batch)) > 10
    assert all(tensor.device.type == "meta" for tensor in parts_of(moved))


@pytest.mark.parametrize("system", tiny.SYSTEMS)
def test_emissions_and_tags_of_a_sentence_do_not_depend_on_its_batch(prepared, system):
    model = prepared[system].model(1, CPU).eval()
    split = prepared[system].data.splits["test/own"]
    together = split.batch(range(8))
    with torch.no_grad():
        whole = emissions(model, together)
        for row in range(8):
            alone = emissions(model, split.batch([row]))
            length = len(together.words[row])
            torch.testing.assert_close(alone[0, :length], whole[row, :length], rtol=1e-4, atol=1e-5)
    recipe = prepared[system].cell.recipe
    assert predict(model, split, recipe, CPU, Meter(CPU)) == model.decode(together)


def emissions(model, batch) -> torch.Tensor:
    """Emissions of words (pieces in the released program), whatever a system calls them."""
    if hasattr(model.tagger, "emissions"):
        return model.tagger.emissions(batch.cross)
    output = model.tagger(batch)
    return output.scores if hasattr(output, "scores") else output.emissions


def test_train_sentences_takes_the_first_ones(world):
    root, config = world
    raw = {**config.recipe, "train_sentences": 5}
    cell = Cell(replace(config, recipe=raw), tiny.DATASET, "rgcn", root)
    data = prepare(cell, CPU).data
    assert [len(data.splits[f"{name}/own"]) for name in SPLITS] == [5, tiny.SIZES["dev"], tiny.SIZES["test"]]
    assert data.splits["train/own"].sentences == tiny.splits()["train"][:5]
    whole = prepare(Cell(config, tiny.DATASET, "rgcn", root), CPU).data
    for name in ("dev/own", "test/own"):
        one, other = data.splits[name].batch([0]), whole.splits[name].batch([0])
        assert torch.equal(one.inter.regions, other.inter.regions)

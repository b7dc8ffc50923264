"""Recurrent rows: each learns what was planted, ignores what must not matter, and is a function of its seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from mner.data.batch import Batch, TextInput, Visual
from mner.data.corpus import LABELS
from mner.data.side_data import ImageText
from mner.models.cards import ContractError
from mner.models.model import Model, make_model
from mner.models.system import BuildContext, load_system

VISUAL = 4
WORDS = {
    "vectors": "random",
    "size": 12,
    "trained": True,
    "vocabulary": "train",
    "lower_case": False,
    "digits": "keep",
    "missing": "uniform",
    "unknown_rate": 0.0,
}
SPELLING = {"characters": 8, "character_hidden": 8}
CONVOLUTIONS = {
    "embedding": 8, "filters": 4, "widths": [2, 3, 4], "inner": 16, "outputs": 8, "length": 10, "dropout": 0.1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    file: str
    options: dict[str, Any]


COMMON = {"words": WORDS, "hidden": 16, "dropout": 0.1}
READER = {**COMMON, **SPELLING}
TEXT_ROWS = {
    "bilstm-crf": Row("baselines/bilstm_crf.py", COMMON),
    "cnn-bilstm-crf": Row("baselines/cnn_bilstm_crf.py", {**COMMON, "characters": 8, "filters": 8}),
    "hbilstm-crf": Row("baselines/hbilstm_crf.py", {"reader": READER}),
}
ACOA = {"words": WORDS, "hidden": 16, "characters": CONVOLUTIONS}
IMAGE_ROWS = {
    "acoa": Row("baselines/acoa.py", {**ACOA, "variant": "released"}),
    "acoa-interacting": Row("baselines/acoa.py", {**ACOA, "variant": "interacting"}),
    "vg": Row("baselines/vg.py", {**READER, "variant": "paper"}),
    "vg-interacting": Row("baselines/vg.py", {**READER, "variant": "interacting"}),
    "iaik": Row("baselines/iaik.py", {"reader": READER, "attributes": 5}),
}
ROWS = {**TEXT_ROWS, **IMAGE_ROWS}

# A name's tag in these sentences follows from the words beside it; ORG endings follow from its letters.
SENTENCES = (
    (("we", "met", "Ada"), ("O", "O", "B-PER")),
    (("we", "met", "Ada", "Bee", "today"), ("O", "O", "B-PER", "I-PER", "O")),
    (("flying", "to", "Ada"), ("O", "O", "B-LOC")),
    (("flying", "to", "Bee", "now"), ("O", "O", "B-LOC", "O")),
    (("zincorp", "hires"), ("B-ORG", "O")),
    (("nothing", "here"), ("O", "O")),
)
UNSEEN = (("tincorp", "hires"), ("B-ORG", "O"))


def batch_of(sentences, images: Visual | None = None, shown: tuple[ImageText, ...] | None = None) -> Batch:
    lengths = torch.tensor([[len(words)] for words, _ in sentences])
    mask = torch.arange(int(lengths.max())) < lengths
    tags = torch.zeros(mask.shape, dtype=torch.long)
    for row, (words, labels) in enumerate(sentences):
        tags[row, : len(words)] = torch.tensor([LABELS.index(label) for label in labels])
    nothing = TextInput(torch.zeros(len(mask), 1, dtype=torch.long), mask[:, :1], torch.full(mask.shape, -1))
    words = tuple(words for words, _ in sentences)
    return Batch(torch.arange(len(mask)), words, mask, tags, nothing, image=images, image_text=shown)


def pictures(kinds: list[str], seed: int = 0) -> tuple[Visual, tuple[ImageText, ...]]:
    """Three noisy regions a picture, of which one tells ``person`` from ``boat``; ``none`` is no picture."""
    generator = torch.Generator().manual_seed(seed)
    regions = 0.1 * torch.randn(len(kinds), 3, VISUAL, generator=generator)
    for row, kind in enumerate(kinds):
        regions[row, row % 3, 0] += {"person": 2.0, "boat": -2.0, "none": 0.0}[kind]
    mask = torch.tensor([[kind != "none"] * 3 for kind in kinds])
    objects = {"person": ("person", "cell phone"), "boat": ("boat",), "none": ()}
    return Visual(regions, mask), tuple(ImageText(objects=objects[kind]) for kind in kinds)


def seen_batch(kinds: list[str] | None = None, seed: int = 0) -> Batch:
    """The same words every time: only the picture says whether ``Ada`` is a person or a place."""
    kinds = kinds or ["person", "boat"] * 4
    tag = {"person": "B-PER", "boat": "B-LOC", "none": "O"}
    return batch_of([(("hello", "Ada", "!"), ("O", tag[kind], "O")) for kind in kinds], *pictures(kinds, seed))


def text_batch(sentences=SENTENCES) -> Batch:
    images, shown = pictures(["none"] * len(sentences))
    return batch_of(sentences, images, shown)


def model_of(row: Row, seed: int = 0, vocabulary: Batch | None = None) -> Model:
    words = (vocabulary or text_batch()).words
    build = BuildContext(LABELS, torch.nn.Identity, VISUAL, {"train": words, "dev": (), "test": ()})
    torch.manual_seed(seed)
    return make_model(load_system(row.file), build, row.options)


def trained(row: Row, batch: Batch, updates: int = 60, seed: int = 0) -> Model:
    model = model_of(row, seed, batch).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(updates):
        optimiser.zero_grad()
        model.loss(batch).backward()
        optimiser.step()
    return model.eval()


def gold(batch: Batch) -> list[list[str]]:
    return [
        [LABELS[tag] for tag in row[: len(words)]]
        for row, words in zip(batch.tags.tolist(), batch.words, strict=True)
    ]


def emissions(model: Model, batch: Batch) -> Tensor:
    with torch.no_grad():
        given = model.tagger(batch)
    assert torch.isfinite(given.scores).all()
    return given.scores.masked_fill(~given.mask[..., None], 0)


@pytest.mark.parametrize("name", ROWS)
def test_learns_from_words(name: str) -> None:
    batch = text_batch()
    assert trained(ROWS[name], batch).decode(batch) == gold(batch)


@pytest.mark.parametrize("name", ["cnn-bilstm-crf", "hbilstm-crf"])
def test_characters_carry_over_to_unseen_words(name: str) -> None:
    texts = [(f"{start}corp", "ORG") for start in ("zin", "mal", "bra", "tor", "fen")]
    texts += [(f"{start}ville", "LOC") for start in ("pin", "sal", "gra", "mor", "len")]
    batch = text_batch(tuple(((word, "wins"), (f"B-{kind}", "O")) for word, kind in texts))
    words = {"words": {**WORDS, "unknown_rate": 0.5}}
    options = ROWS[name].options
    row = replace(ROWS[name], options={"reader": READER | words} if "reader" in options else options | words)
    unseen = text_batch(((("tincorp", "wins"), ("B-ORG", "O")), (("belville", "wins"), ("B-LOC", "O"))))
    assert trained(row, batch).decode(unseen) == gold(unseen)


@pytest.mark.parametrize("name", IMAGE_ROWS)
def test_learns_from_the_picture(name: str) -> None:
    batch = seen_batch()
    model = trained(ROWS[name], batch, updates=80)
    other = seen_batch(["boat", "person", "person", "boat"], seed=1)
    assert model.decode(other) == gold(other)


@pytest.mark.parametrize("name", IMAGE_ROWS)
def test_an_absent_picture_is_well_defined(name: str) -> None:
    """Whatever stands in its place in memory changes nothing, and the text is still read."""
    batch = seen_batch(["none", "none", "person"])
    model = trained(ROWS[name], batch, updates=5)
    absent = ~batch.image.mask[..., None]
    noise = replace(batch.image, regions=batch.image.regions + 50 * absent)
    assert torch.equal(emissions(model, batch), emissions(model, replace(batch, image=noise)))
    assert torch.equal(emissions(model, batch)[0], emissions(model, batch)[1])
    model.train().loss(batch).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", ROWS)
def test_a_sentence_does_not_see_its_batch(name: str) -> None:
    sentences = list(SENTENCES)
    kinds = ["person", "boat", "none", "boat", "person", "none"]
    images, shown = pictures(kinds)
    model = model_of(ROWS[name]).double().eval()
    images = Visual(images.regions.double(), images.mask)
    together = emissions(model, batch_of(sentences, images, shown))
    for row, (words, _) in enumerate(sentences):
        image = Visual(images.regions[row : row + 1], images.mask[row : row + 1])
        alone = emissions(model, batch_of(sentences[row : row + 1], image, shown[row : row + 1]))
        torch.testing.assert_close(alone[0], together[row, : len(words)], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ROWS)
def test_a_run_is_a_function_of_its_seed(name: str) -> None:
    batch = seen_batch()
    first, again, other = (trained(ROWS[name], batch, updates=3, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(emissions(first, batch), emissions(again, batch))
    assert not torch.equal(emissions(first, batch), emissions(other, batch))


@pytest.mark.parametrize("name", ROWS)
def test_runs_in_mixed_precision(name: str) -> None:
    batch = seen_batch()
    model = model_of(ROWS[name], vocabulary=batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model.loss(batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert loss.item() == pytest.approx(model.loss(batch).item(), rel=0.2)


def test_the_tweet_chooses_where_to_look_only_if_scores_interact() -> None:
    """VG as printed adds tanh of query and of region: softmax cancels the query."""
    for name, moves in (("vg", False), ("vg-interacting", True)):
        model = model_of(ROWS[name]).double().eval()
        images, _ = pictures(["person"])
        image = Visual(images.regions.double(), images.mask)
        tweets = torch.randn(2, 1, 4, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        mask = torch.ones(1, 4, dtype=torch.bool)
        with torch.no_grad():
            first, second = (model.tagger.ask(tweet, mask, image) for tweet in tweets)
        assert bool((first - second).abs().max() > 1e-9) is moves


def test_iaik_reads_distinct_labels_word_by_word() -> None:
    tagger = model_of(ROWS["iaik"]).tagger
    shown = (ImageText(objects=("person", "person", "cell phone", "potted plant")), ImageText())
    names = tagger.names(shown)
    known = tagger.vocabulary.words
    assert names[0].tolist() == [known[word] for word in ("person", "cell", "phone", "potted", "plant")]
    assert names[1].tolist() == [0] * 5


@pytest.mark.parametrize("name", IMAGE_ROWS)
def test_missing_inputs_are_refused(name: str) -> None:
    row, batch = ROWS[name], seen_batch()
    with pytest.raises(ContractError):
        model_of(row).loss(replace(batch, image=None))
    build = BuildContext(LABELS, torch.nn.Identity, None, {"train": batch.words})
    with pytest.raises(ContractError):
        make_model(load_system(row.file), build, row.options)


@pytest.mark.parametrize("name", ["acoa", "vg"])
def test_unknown_variants_are_refused(name: str) -> None:
    row = ROWS[name]
    with pytest.raises(ContractError):
        model_of(replace(row, options={**row.options, "variant": "own"}))


def test_cards_say_what_is_reconstructed() -> None:
    for name, row in ROWS.items():
        card = load_system(row.file).CARD
        assert name.startswith(card.name)
        assert bool(card.needs) is (name in IMAGE_ROWS)
        assert card.published
        assert card.caveats
        assert bool(card.reconstructed) is (card.name in ("vg", "iaik"))
        variants = set(card.variants or ())
        assert row.options.get("variant") in (variants or {None})

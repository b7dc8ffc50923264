"""Published lists are recognised by their scores: planted ones, in order, permuted, and of another encoder."""

from __future__ import annotations

import pytest
import torch
from support import tiny

from mner.data.corpus import SPLITS, Corpus, Sentence
from mner.graphs.list_identification import LAYERS, identify, layer_means
from mner.graphs.relations import GraphError
from mner.models.encoders import TextEncoder, pretrained_model, tokenizer_of
from mner.reporting.graph_tables import identify_table

WORDS = [word for word in tiny.vocabulary() if word.isalpha() and len(word) > 3]
SIZES = {"train": 10, "dev": 4, "test": 4}
K = 5


def words_of(number: int, generator: torch.Generator) -> tuple[str, ...]:
    places = torch.randint(len(WORDS), (4 + number % 3,), generator=generator)
    return tuple(WORDS[place] for place in places)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    generator = torch.Generator().manual_seed(1)
    made = {
        split: tuple(Sentence(i, f"{split}{i}", words_of(i, generator), None) for i in range(size))
        for split, size in SIZES.items()
    }
    return Corpus("toy", **made)


@pytest.fixture(scope="module")
def captions(corpus) -> dict[str, str]:
    generator = torch.Generator().manual_seed(2)
    return {
        one.image: " ".join(words_of(i, generator))
        for split in SPLITS
        for i, one in enumerate(corpus.split(split))
    }


@pytest.fixture(scope="module")
def embeds(tmp_path_factory):
    """Embedders by seed of a tiny encoder."""

    def embedder(seed: int):
        source = tiny.write_encoder(tmp_path_factory.mktemp(f"encoder{seed}"), seed=seed, layers=3)
        model, tokenizer = TextEncoder(pretrained_model(source)), tokenizer_of(source)
        device = torch.device("cpu")
        return lambda texts, desc: layer_means(texts, model, tokenizer, batch_size=4, device=device, desc=desc)

    return {seed: embedder(seed) for seed in (0, 1)}


def planted(corpus: Corpus, captions: dict[str, str], embed, layer: str, order: list[int]) -> dict[str, list]:
    """Lists of the nearest captions of tweet ``order[i]`` at the place of tweet i; the first one is missing."""
    sentences = [one for split in SPLITS for one in corpus.split(split)]
    images = sorted(captions)
    tweets = embed([list(one.words) for one in sentences], "t")[layer]
    described = embed([captions[image].split() for image in images], "c")[layer]
    entries: list[dict | None] = []
    for giver in order:
        values, rows = (described @ tweets[giver]).topk(K)
        entries.append({"inter_images": [images[row] for row in rows], "inter_scores": values.tolist()})
    entries[0] = None
    found, start = {}, 0
    for split, size in SIZES.items():
        found[split] = entries[start : start + size]
        start += size
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_lists_in_order_are_recognised_by_their_layer(corpus, captions, embeds, layer) -> None:
    total = sum(SIZES.values())
    retrieval = planted(corpus, captions, embeds[0], layer, list(range(total)))
    found = {one.layer: one for one in identify(corpus, retrieval, {"some": captions}, embeds[0])}
    right = found[layer]
    assert (right.lists, right.exact, right.own) == (total - 1, total - 1, total - 1)
    assert right.order == tuple(range(1, total))
    assert right.says == "makes the lists"
    (other,) = (one for name, one in found.items() if name != layer)
    assert other.order is None
    assert other.deviation > right.deviation


def test_a_permutation_is_recovered(corpus, captions, embeds) -> None:
    total = sum(SIZES.values())
    order = torch.roll(torch.arange(total), 3).tolist()
    retrieval = planted(corpus, captions, embeds[0], "last", order)
    found = {one.layer: one for one in identify(corpus, retrieval, {"some": captions}, embeds[0])}
    assert found["last"].order == tuple(order[1:])
    assert found["last"].own == 0
    assert found["last"].exact == total - 1
    assert "another tweet" in found["last"].says


def test_another_encoder_or_other_captions_do_not_make_the_lists(corpus, captions, embeds) -> None:
    retrieval = planted(corpus, captions, embeds[0], "last", list(range(sum(SIZES.values()))))
    images, texts = list(captions), list(captions.values())
    exchanged = dict(zip(images, [*texts[1:], texts[0]], strict=True))
    found = identify(corpus, retrieval, {"own": captions}, embeds[1])
    found += identify(corpus, retrieval, {"exchanged": exchanged}, embeds[0])
    assert [one.order for one in found] == [None] * 4
    assert max(one.exact for one in found) == 0
    table = identify_table("toy", found)
    assert table.count("does not make the lists") == 4


def test_lists_without_any_caption_are_refused(corpus, captions, embeds) -> None:
    retrieval = planted(corpus, captions, embeds[0], "last", list(range(sum(SIZES.values()))))
    with pytest.raises(GraphError):
        identify(corpus, retrieval, {"none": {"unknown": "a dog"}}, embeds[0])

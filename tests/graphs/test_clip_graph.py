"""Graphs from pixels, with a small random model of the real CLIP classes over drawn pictures."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from support import tiny

from mner.config.schema import EncoderSource
from mner.data.corpus import Corpus, Sentence
from mner.features.store import ABSENT
from mner.graphs.clip import ClipEncoder, clip_graph
from mner.graphs.graph_building import opener
from mner.graphs.relations import GraphError

COLOURS = {"a": (250, 0, 0), "b": (0, 0, 250), "c": (250, 10, 10), "d": (0, 200, 0)}


def write_clip(folder: Path) -> EncoderSource:
    """A package with a random CLIP, a tokenizer of single letters and an image processor."""
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

    package = "clip_" + hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    model = folder / package / "model"
    model.mkdir(parents=True)
    (folder / package / "__init__.py").write_text('"""A random CLIP for tests."""\n', encoding="utf-8")
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    CLIPTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, merges=[]).save_pretrained(model)
    CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}).save_pretrained(model)
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**shape, "vocab_size": len(pieces), "max_position_embeddings": 12, "eos_token_id": len(pieces) - 1}
    text |= {"bos_token_id": len(pieces) - 2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = CLIPModel(
            CLIPConfig(
                text_config=text, vision_config={**shape, "image_size": 16, "patch_size": 8}, projection_dim=8
            )
        )
    made.save_pretrained(model)
    sys.path.append(str(folder))
    return EncoderSource("clip", package=package)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> ClipEncoder:
    with tiny.one_thread():
        return ClipEncoder.load(write_clip(tmp_path_factory.mktemp("clip")), torch.device("cpu"), 2)


CORPUS = Corpus(
    "toy",
    (Sentence(0, "a", ("red", "dress"), None), Sentence(1, "b", ("blue",), None)),
    (Sentence(0, "gone", ("x",), None),),
    (Sentence(0, "c", ("red", "dress"), None), Sentence(1, "d", ("a",) * 40, None)),
)


def drawn(image: str) -> Image.Image | None:
    return Image.new("RGB", (20, 24), COLOURS[image]) if image in COLOURS else None


def test_pictures_that_cannot_be_opened_have_no_edges_and_nobody_is_its_own_neighbour(encoder):
    graph = clip_graph(CORPUS, encoder, drawn, k=3, pool="all")
    assert graph.images == ("a", "b", "c", "d")
    assert graph.provenance["pictures"] == {"wanted": 5, "opened": 4}
    images = ["a", "b", "gone", "c", "d"]
    for number, image in enumerate(images):
        for relation in (graph.inter, graph.intra):
            assert image not in [graph.images[row] for row in relation.rows[number].tolist() if row != ABSENT]
    assert (graph.intra.rows[2] == ABSENT).all()
    assert (graph.inter.rows[2] != ABSENT).all(), "its text still retrieves pictures"


def test_scores_are_the_models_own_cosines(encoder):
    graph = clip_graph(CORPUS, encoder, drawn, k=3, pool="all")
    ids = encoder.tokenizer(["blue"], return_tensors="pt")
    pixels = encoder.processor([drawn(image) for image in graph.images], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        output = encoder.model(**ids, pixel_values=pixels)
    expected = (output.text_embeds @ output.image_embeds.T)[0]
    rows = graph.inter.rows[1]
    torch.testing.assert_close(graph.inter.scores[1], expected[rows], atol=1e-5, rtol=1e-4)
    similar = output.image_embeds @ output.image_embeds.T
    torch.testing.assert_close(graph.intra.scores[0], similar[0][graph.intra.rows[0]], atol=1e-5, rtol=1e-4)
    assert graph.intra.rows[0].tolist()[0] == similar[0].index_fill(0, torch.tensor([0]), -1).argmax()


def test_the_same_text_has_the_same_vector_in_any_batch_and_long_ones_are_cut(encoder):
    vectors = encoder.texts(["red dress", "blue", "a " * 40, "red dress"])
    torch.testing.assert_close(vectors[0], vectors[3])
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(4))


def test_the_training_pool_and_a_folder_without_pictures(encoder):
    graph = clip_graph(CORPUS, encoder, drawn, k=2, pool="train")
    assert graph.images == ("a", "b")
    assert graph.provenance["of_test"] == {"pool": 0.0, "inter": 0.0, "intra": 0.0}
    with pytest.raises(GraphError):
        clip_graph(CORPUS, encoder, lambda image: None, k=2, pool="all")


def test_another_kind_of_model_is_refused(tmp_path):
    source = tiny.write_encoder(tmp_path)
    with pytest.raises(GraphError):
        ClipEncoder.load(source, torch.device("cpu"), 2)


def test_pictures_are_opened_as_they_were_recorded(tmp_path):
    folder, side = tmp_path / "pictures", tmp_path / "side"
    folder.mkdir()
    side.mkdir()
    drawn("a").save(folder / "a.png")
    digest = hashlib.sha256((folder / "a.png").read_bytes()).hexdigest()
    pixels = {
        "a": {"file": "a.png", "sha256": digest},
        "b": {"file": "a.png", "sha256": "0" * 64},
        "c": {"file": "c.png", "sha256": digest},
    }
    (side / "pixels.json").write_text(json.dumps(pixels), encoding="utf-8")
    opened = opener(side, folder)
    assert opened("a").getpixel((0, 0)) == COLOURS["a"]
    assert [opened(image) for image in "bcd"] == [None] * 3
    assert opener(side, None) is None

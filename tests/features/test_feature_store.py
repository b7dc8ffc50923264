"""Region features survive their file, absent pictures are masks, torn files are refused."""

from __future__ import annotations

import json
import os
import threading

import numpy as np
import pytest
import torch
from support import tiny

from mner.base.hardware import cpu_threads, side_by_side
from mner.config import load
from mner.data.corpus import ABSENT
from mner.data.subwords import WordPieces
from mner.features.feature_building import build_features, by_length, caption_token_features, sentence_vectors
from mner.features.store import FeatureError, read_store, write_store
from mner.models.encoders import TextEncoder, extraction_fingerprint_of, pretrained_model, tokenizer_of

CPU = torch.device("cpu")


@pytest.fixture
def features() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    counts = {"b": 3, "a": 1, "none": 0, "c": 5}
    # Halves of whole numbers, which float16 holds exactly.
    return {k: torch.randint(-99, 99, (n, 4), generator=generator) / 2 for k, n in counts.items()}


@pytest.fixture
def store(tmp_path, features):
    write_store(tmp_path / "f.safetensors", features, {"encoder": "x"})
    return read_store(tmp_path / "f.safetensors")


def test_features_round_trip(store, features):
    assert store.width == 4
    assert store.provenance == {"encoder": "x"}
    for image, expected in features.items():
        visual = store.gather([store.row_of(image)])
        assert torch.equal(visual.regions[visual.mask], expected), image


def test_the_file_does_not_depend_on_the_order_of_insertion(tmp_path, features):
    for name, order in (("one", sorted(features)), ("two", sorted(features, reverse=True))):
        write_store(tmp_path / name, {image: features[image] for image in order}, {})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_rows_are_padded_to_the_longest_and_absent_rows_are_masked(store, features):
    rows = [store.row_of(image) for image in ("b", "unknown", "a", "none", None)]
    assert rows[1] == rows[4] == ABSENT
    visual = store.gather(rows)
    assert visual.regions.shape == (5, 3, 4)
    assert visual.regions.dtype == torch.float32
    assert visual.mask.sum(1).tolist() == [3, 0, 1, 0, 0]
    assert not visual.regions[~visual.mask].any()
    assert torch.equal(visual.regions[2, 0], features["a"][0])


def test_a_batch_without_any_picture_still_has_a_region_axis(store):
    visual = store.gather([ABSENT, ABSENT])
    assert visual.regions.shape == (2, 1, 4)
    assert not visual.mask.any()


def test_neighbours_keep_their_order_and_absent_ones_score_nothing(store, features):
    a, b = store.row_of("a"), store.row_of("b")
    rows, scores = np.array([[b, a], [a, ABSENT]]), np.array([[0.9, 0.5], [0.7, 0.6]])
    found = store.gather_neighbours(rows, scores)
    assert found.regions.shape == (2, 2, 3, 4)
    assert torch.equal(found.regions[0, 0], features["b"])
    assert torch.equal(found.regions[1, 0, :1], features["a"])
    assert found.mask.sum(-1).tolist() == [[3, 1], [1, 0]]
    torch.testing.assert_close(found.scores, torch.tensor([[0.9, 0.5], [0.7, 0.0]]))


def test_torn_or_missing_files_are_refused(tmp_path, features):
    path = tmp_path / "f.safetensors"
    with pytest.raises(FeatureError):
        read_store(path)
    write_store(path, features, {})
    index = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**index, "ids": index["ids"][:-1]}))
    with pytest.raises(FeatureError):
        read_store(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(FeatureError):
        read_store(path)
    with pytest.raises(FeatureError):
        write_store(path, {}, {})


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return tiny.write_encoder(tmp_path_factory.mktemp("packages"))


def test_caption_tokens_are_the_states_of_the_captions_own_pieces(source):
    captions = {"x": "a person in tokyo", "y": "lights", "blank": " ", "z": "a trophy on a table " * 3}
    encoder, tokenizer = TextEncoder(pretrained_model(source)), tokenizer_of(source)
    made = {
        size: caption_token_features(captions, encoder, tokenizer, max_regions=6, batch_size=size, device=CPU)
        for size in (1, 4)
    }
    assert {image: len(regions) for image, regions in made[4].items()} == {"x": 5, "y": 1, "z": 6}
    for image in made[4]:
        assert made[1][image].dtype == torch.float16  # as the store holds them
        assert all(made[size][image].untyped_storage().nbytes() == made[size][image].nbytes for size in made)
        torch.testing.assert_close(made[1][image], made[4][image], rtol=0, atol=0)
    text = WordPieces(tokenizer).table([captions["x"].split()], max_pieces=20).rows([0], 4)
    with torch.no_grad():
        states = TextEncoder(pretrained_model(source)).eval().pieces(text)
    torch.testing.assert_close(made[1]["x"], states[0, 1:6].half(), rtol=1e-3, atol=1e-6)


def test_sentence_vectors_have_length_one_or_are_zero_for_no_words(source):
    texts = [["alice", "visits"], [], ["tokyo"], ["alice", "visits"]]
    encoder, tokenizer = TextEncoder(pretrained_model(source)), tokenizer_of(source)
    vectors = sentence_vectors(texts, encoder, tokenizer, batch_size=3, device=CPU, desc="t")
    assert vectors.dtype == torch.float64
    torch.testing.assert_close(vectors.norm(dim=1), torch.tensor([1.0, 0.0, 1.0, 1.0]).double())
    torch.testing.assert_close(vectors[0], vectors[3])
    assert not torch.allclose(vectors[0], vectors[2])


def test_batches_hold_similar_lengths_the_shortest_first_and_equal_ones_in_their_order():
    assert by_length([3, 1, 3, 2, 1], 2) == [[1, 4], [3, 0], [2]]


def test_a_long_text_is_read_to_its_end(source):
    texts = [["alice"] * 10, ["alice"] * 10 + ["tokyo"] * 10]
    common = {"batch_size": 2, "device": CPU, "desc": "t"}
    first, both = sentence_vectors(texts, TextEncoder(pretrained_model(source)), tokenizer_of(source), **common)
    assert not torch.allclose(first, both, atol=1e-3)


def test_an_encoder_in_training_drops_nothing_out(source):
    encoder, tokenizer = TextEncoder(pretrained_model(source)), tokenizer_of(source)
    common = {"batch_size": 2, "device": CPU}
    captions = {"x": "a person"}
    tokens = [
        caption_token_features(captions, encoder.train(), tokenizer, max_regions=6, **common) for _ in range(2)
    ]
    assert torch.equal(tokens[0]["x"], tokens[1]["x"])
    vectors = [sentence_vectors([["a"]], encoder.train(), tokenizer, desc="t", **common) for _ in range(2)]
    assert torch.equal(*vectors)


@pytest.mark.parametrize("make", ["tokens", "sentences"])
def test_more_cores_change_no_byte(source, make, monkeypatch):
    texts = [f"a person in tokyo {'!' * (row % 5)}" for row in range(23)]
    encoder, tokenizer = TextEncoder(pretrained_model(source)), tokenizer_of(source)

    def made(cores: int) -> list[torch.Tensor]:
        monkeypatch.setattr(os, "cpu_count", lambda: cores)
        common = {"batch_size": 4, "device": CPU}
        if make == "sentences":
            return [sentence_vectors([text.split() for text in texts], encoder, tokenizer, desc="t", **common)]
        captions = dict(zip(map(str, range(23)), texts, strict=True))
        return list(caption_token_features(captions, encoder, tokenizer, max_regions=6, **common).values())

    with cpu_threads(1):
        alone, together = made(1), made(4)
    assert len(alone) == len(together)
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))
    assert not any(one.requires_grad for one in together)


def test_side_by_side_keeps_the_order_of_items_and_their_threads(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    meeting = threading.Barrier(2, timeout=20)

    def compute(item: int) -> tuple[int, bool, int]:
        meeting.wait()  # ends only if two are computed at the same time
        return item, torch.is_grad_enabled(), torch.get_num_threads()

    with cpu_threads(2):
        assert list(side_by_side(compute, range(6), CPU)) == [(item, False, 2) for item in range(6)]
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(lambda item: 1 / item, [1, 0, 1], CPU))


def test_a_data_sets_features_cover_its_usable_pictures_and_say_how_they_were_made(tmp_path):
    config = tiny.make_world(tmp_path)
    path = tmp_path / "features" / tiny.DATASET / "caption_tokens.safetensors"
    store = read_store(path)
    pictures = {sentence.image for split in tiny.splits().values() for sentence in split}
    assert set(store.rows) == pictures - {"train3", "train5"}  # without a caption; invalid
    assert np.diff(store.offsets).max() <= config.features.max_regions
    provenance = store.provenance
    assert provenance["pictures_wanted"] == len(pictures)
    assert provenance["pictures_with_features"] == len(store.rows)
    assert provenance["captions"] == "planted"
    assert provenance["encoder_sha256"] == extraction_fingerprint_of(config.encoders["tiny"])
    before = path.read_bytes()
    build_features(load(tmp_path / "params.yaml"), tiny.DATASET, tmp_path, CPU)
    assert path.read_bytes() == before

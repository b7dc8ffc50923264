"""Hub extractors with the real classes at tiny size, random weights, loaded from a folder as from a hub."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from mner.base.files import sha256_of
from mner.features.extractors.contract import ExtractorError
from mner.features.extractors.extractor_names import Surroundings, load_extractor
from mner.features.extractors.pinned_models import state_sha256
from mner.features.extractors.tesseract import lines_of
from mner.features.found import Caption, Objects

CPU = torch.device("cpu")
HUB = ["grid-hub", "objects-detr", "captions-blip"]
COMMIT = "0123456789abcdef" * 2 + "01234567"


def noise(width: int, height: int, seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def around(tmp_path) -> Surroundings:
    return Surroundings(CPU, tmp_path / "cache", (), network=False)


@pytest.fixture(scope="module")
def resnet(tmp_path_factory) -> str:
    from transformers import ResNetConfig, ResNetModel

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("resnet")
    config = ResNetConfig(embedding_size=4, hidden_sizes=[4, 6, 8, 12], depths=[1, 1, 1, 1], layer_type="basic")
    ResNetModel(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def detr(tmp_path_factory) -> str:
    from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig

    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("detr")
    backbone = ResNetConfig(
        embedding_size=4,
        hidden_sizes=[4, 6, 8, 12],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage4"],
    )
    sizes = {f"{part}_{what}": value for part in ("encoder", "decoder") for what, value in
             (("layers", 1), ("attention_heads", 2), ("ffn_dim", 16))}  # fmt: skip
    config = DetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=backbone,
        d_model=16,
        num_queries=6,
        num_labels=3,
        **sizes,
    )
    DetrForObjectDetection(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def blip(tmp_path_factory) -> str:
    from transformers import BertTokenizerFast, BlipConfig, BlipForConditionalGeneration

    torch.manual_seed(2)
    folder = tmp_path_factory.mktemp("blip")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *(f"word{number}" for number in range(40))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BlipConfig(
        text_config={
            **sizes,
            "vocab_size": len(words),
            "encoder_hidden_size": 16,
            "bos_token_id": 5,
            "sep_token_id": 3,
            "eos_token_id": 3,
            "pad_token_id": 0,
            "initializer_range": 1.0,
        },
        vision_config={**sizes, "image_size": 32, "patch_size": 16, "initializer_range": 1.0},
        projection_dim=16,
    )
    BlipForConditionalGeneration(config).save_pretrained(folder)
    return str(folder)


def test_a_resnet_gives_49_regions_whatever_the_batch(around, resnet):
    extractor = load_extractor("grid-hub", around, {"model": resnet})
    prepared = [extractor.prepare(noise(300, 240, seed)) for seed in range(3)]
    together = extractor.extract(prepared)
    assert {found.values.shape for found in together} == {(49, 12)}
    for found, picture in zip(together, prepared, strict=True):
        np.testing.assert_allclose(found.values, extractor.extract([picture])[0].values, atol=1e-5)
    assert not np.allclose(together[0].values, together[1].values)
    pooled = load_extractor("grid-hub", around, {"model": resnet, "pool": 1}).extract(prepared[:1])[0]
    np.testing.assert_allclose(pooled.values[0], together[0].values.mean(axis=0), atol=1e-5)
    assert extractor.extract([]) == []


def test_the_weights_hash_is_that_of_the_weights(around, resnet, tmp_path):
    import shutil

    provenance = load_extractor("grid-hub", around, {"model": resnet}).provenance
    assert provenance["model"] == f"folder:{Path(resnet).name}"
    assert len(provenance["weights_sha256"]) == 64
    other = tmp_path / "other"
    shutil.copytree(resnet, other)
    weights = load_file(other / "model.safetensors")
    name = sorted(key for key in weights if key.endswith("weight"))[0]
    weights[name] = weights[name] + 1
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    changed = load_extractor("grid-hub", around, {"model": str(other)}).provenance
    assert changed["weights_sha256"] != provenance["weights_sha256"]


def test_the_hash_of_a_state_knows_names_shapes_and_values():
    def layer(width: int, value: float) -> torch.nn.Module:
        module = torch.nn.Linear(width, 1, bias=False)
        torch.nn.init.constant_(module.weight, value)
        return module

    one = state_sha256(layer(2, 1.0))
    assert one == state_sha256(layer(2, 1.0))
    assert len({one, state_sha256(layer(3, 1.0)), state_sha256(layer(2, 2.0))}) == 3
    assert one != state_sha256(torch.nn.Sequential(layer(2, 1.0)))


def test_detr_boxes_lie_in_the_picture_and_do_not_depend_on_the_batch(around, detr):
    extractor = load_extractor("objects-detr", around, {"model": detr, "score": 0.0, "short": 64, "long": 100})
    prepared = [extractor.prepare(noise(*size, seed)) for seed, size in enumerate([(80, 60), (60, 80), (80, 60)])]
    together = extractor.extract(prepared)
    for found, picture in zip(together, prepared, strict=True):
        assert isinstance(found, Objects)
        assert Objects.from_json(found.to_json()) == found
        assert [item.score for item in found.items] == sorted((item.score for item in found.items), reverse=True)
        (alone,) = extractor.extract([picture])
        assert [item.label for item in alone.items] == [item.label for item in found.items]
        for one, other in zip(alone.items, found.items, strict=True):
            assert one.box == pytest.approx(other.box, abs=1e-5)
    few = load_extractor(
        "objects-detr", around, {"model": detr, "score": 0.0, "limit": 2, "short": 64, "long": 100}
    )
    assert few.extract(prepared[:1])[0].items == together[0].items[:2]


def test_blip_captions_are_the_same_every_time(around, blip):
    extractor = load_extractor("captions-blip", around, {"model": blip, "pieces": 6})
    prepared = [extractor.prepare(noise(50, 40, seed)) for seed in range(3)]
    assert {picture.shape for picture in prepared} == {(32, 32, 3)}
    captions = extractor.extract(prepared)
    assert all(isinstance(caption, Caption) for caption in captions)
    assert any(caption.text for caption in captions)
    assert captions == extractor.extract(prepared)
    assert captions == [extractor.extract([picture])[0] for picture in prepared]
    assert all(Caption.from_json(caption.to_json()) == caption for caption in captions)


@pytest.mark.parametrize("name", HUB)
def test_a_hub_that_is_not_reached_is_an_error_with_ways_out(around, name):
    with pytest.raises(ExtractorError):
        load_extractor(name, around, {"model": "nobody/no-such-model", "revision": COMMIT})


@pytest.mark.parametrize("name", HUB)
@pytest.mark.parametrize("revision", [None, "main", "no_timm", COMMIT[:12], COMMIT.upper(), f"{COMMIT}\n", ""])
def test_a_hub_model_without_a_commit_is_refused_before_anything_is_fetched(around, name, revision):
    with pytest.raises(ExtractorError):
        load_extractor(name, around, {"model": "nobody/no-such-model", "revision": revision})
    with pytest.raises(ExtractorError):
        load_extractor(name, around)


def test_a_folder_has_no_revision(around, resnet):
    with pytest.raises(ExtractorError):
        load_extractor("grid-hub", around, {"model": resnet, "revision": COMMIT})


def test_a_model_without_a_feature_map_is_refused(around, tmp_path):
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        image_size=224,
        patch_size=32,
    )
    ViTModel(config).save_pretrained(tmp_path / "vit")
    extractor = load_extractor("grid-hub", around, {"model": str(tmp_path / "vit")})
    with pytest.raises(ExtractorError):
        extractor.extract([extractor.prepare(noise(50, 50, 0))])


def test_words_of_tesseract_join_to_lines():
    table = {
        "text": ["", "Big", "news", "noise", "today"],
        "conf": ["-1", 90, 70, 20, 96.5],
        "block_num": [1, 1, 1, 2, 3],
        "par_num": [0, 1, 1, 1, 1],
        "line_num": [0, 1, 1, 1, 1],
        "left": [0, 10, 60, 5, 20],
        "top": [0, 10, 12, 90, 50],
        "width": [100, 40, 30, 5, 60],
        "height": [100, 20, 20, 5, 10],
    }
    lines = lines_of(table, 100, 100, 0.5)
    assert [(line.text, round(line.score, 3), line.box) for line in lines.items] == [
        ("Big news", 0.8, (0.1, 0.1, 0.9, 0.32)),
        ("today", 0.965, (0.2, 0.5, 0.8, 0.6)),
    ]


class TestTorchvisionLayout:
    """A ResNet under torchvision's names of layers is the network that ``transformers`` has under its own."""

    @staticmethod
    def _torchvision_name(name: str) -> str:
        """The inverse of what the extractor does, written apart from it."""
        parts = name.split(".")
        if parts[0] == "embedder":
            return {"convolution": "conv1", "normalization": "bn1"}[parts[2]] + "." + parts[3]
        stage, layer, what, inner = int(parts[2]) + 1, parts[4], parts[5], parts[6]
        if what == "shortcut":
            return f"layer{stage}.{layer}.downsample.{['convolution', 'normalization'].index(inner)}.{parts[7]}"
        short = {"convolution": "conv", "normalization": "bn"}[parts[7]]
        return f"layer{stage}.{layer}.{short}{int(inner) + 1}.{parts[8]}"

    @pytest.fixture(params=["bottleneck", "basic"])
    def resnet_of_both(self, request, tmp_path):
        from transformers import ResNetConfig, ResNetModel

        torch.manual_seed(0)
        sizes = {"embedding_size": 4, "hidden_sizes": [8, 12, 16, 20], "depths": [1, 2, 1, 1]}
        model = ResNetModel(ResNetConfig(**sizes, layer_type=request.param)).eval()
        state = {self._torchvision_name(name): value.clone() for name, value in model.state_dict().items()}
        state["fc.weight"] = torch.zeros(10, 20)
        save_file(state, tmp_path / "model.safetensors")
        return model, tmp_path

    def test_the_last_map_is_that_of_the_same_network(self, resnet_of_both, around) -> None:
        model, folder = resnet_of_both
        extractor = load_extractor("grid-torchvision", around, {"model": str(folder), "resize": 72, "crop": 64})
        (found,) = extractor.extract([extractor.prepare(noise(90, 80, 1))])
        pixels = extractor._scale.batch([extractor.prepare(noise(90, 80, 1))], CPU)
        with torch.inference_mode():
            expected = model(pixels).last_hidden_state[0].flatten(1).T
        assert found.values.shape == (4, 20)
        np.testing.assert_array_equal(found.values, expected.numpy())
        assert extractor.provenance["model"] == f"folder:{folder.name}"
        assert extractor.provenance["file_sha256"] == sha256_of(folder / "model.safetensors")

    def test_another_file_is_refused(self, tmp_path, around) -> None:
        for state in ({"weight": torch.zeros(2)}, {"conv1.weight": torch.zeros(4, 3, 7, 7)}):
            save_file(state, tmp_path / "model.safetensors")
            with pytest.raises(ExtractorError):
                load_extractor("grid-torchvision", around, {"model": str(tmp_path)})
        with pytest.raises(ExtractorError):
            load_extractor("grid-torchvision", around, {"model": str(tmp_path / "nowhere")})

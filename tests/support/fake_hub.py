"""A hub's cache with tiny random models of the right classes, at the very names and commits that settings pin."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from mner.config import Config
from support import tiny_encoders

POSITIONS = 300
DETECTOR = {"name": "objects-detr", "model": "facebook/detr-tiny", "revision": "d" * 40, "short": 64, "long": 96}
"""Stands for YOLOX-nano, whose file is pinned by its hash; with random weights it finds something or nothing."""


def fill(cache: Path, config: Config) -> None:
    """Write every encoder and image model that the active profile names into ``cache``, a hub's folder."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    for name in {config.active.encoder_of(system) for system in config.active.systems}:
        source = config.encoders[name]
        kind = "xlm-roberta" if name.startswith("xlm-roberta") else "bert"
        tiny_encoders.write(kind, _snapshot(cache, str(source.hub), str(source.revision)), POSITIONS)
    for kind in sorted(set(config.active.regions.values())):
        options = dict(config.features.extractors[kind].options)
        made = options.get("grid", {**options, "name": config.features.extractors[kind].name})
        folder = _snapshot(cache, made["model"], made["revision"])
        if not folder.exists():
            _resnet(folder, torchvision=made["name"] == "grid-torchvision")
    _detr(_snapshot(cache, DETECTOR["model"], DETECTOR["revision"]))


def _snapshot(cache: Path, name: str, commit: str) -> Path:
    return cache / f"models--{name.replace('/', '--')}" / "snapshots" / commit


def _resnet_config(**more: Any) -> Any:
    from transformers import ResNetConfig

    sizes = {"embedding_size": 8, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
    return ResNetConfig(**sizes, layer_type="bottleneck", **more)


def _resnet(folder: Path, *, torchvision: bool) -> None:
    """Write a ResNet with transformers' names of layers, or with torchvision's."""
    from transformers import ResNetModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = ResNetModel(_resnet_config())
    model.save_pretrained(folder)
    if torchvision:
        state = {_torchvision_name(name): value for name, value in model.state_dict().items()}
        shutil.rmtree(folder)
        folder.mkdir()
        save_file(state, folder / "model.safetensors")


def _torchvision_name(name: str) -> str:
    """What torchvision calls a layer of transformers' ResNet."""
    parts = name.split(".")
    short = {"convolution": "conv", "normalization": "bn"}
    if parts[0] == "embedder":
        return f"{short[parts[2]]}1.{parts[3]}"
    place = f"layer{int(parts[2]) + 1}.{parts[4]}"
    if parts[5] == "shortcut":
        return f"{place}.downsample.{list(short).index(parts[6])}.{parts[7]}"
    return f"{place}.{short[parts[7]]}{int(parts[6]) + 1}.{parts[8]}"


def _detr(folder: Path) -> None:
    from transformers import DetrConfig, DetrForObjectDetection

    sizes = {f"{part}_{what}": value for part in ("encoder", "decoder") for what, value in
             (("layers", 1), ("attention_heads", 2), ("ffn_dim", 16))}  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        backbone = _resnet_config(out_features=["stage4"])
        config = DetrConfig(
            backbone_config=backbone, use_timm_backbone=False, d_model=16, num_queries=4, num_labels=3, **sizes
        )
        DetrForObjectDetection(config).save_pretrained(folder)

"""Region grid by a ResNet in torchvision's layout: the weights that the printed rows' programs took.

These programs load ``torchvision.models.resnet152`` and its like. timm keeps the same weights on the hub, as
``resnet152.tv_in1k``, under torchvision's names of layers. The network is that of ``transformers``, so neither
torchvision nor timm is needed. Both stride in the 3 x 3 convolution (He et al., CVPR 2016, in its form "v1.5").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mner.features.extractors.contract import ExtractorError
from mner.features.extractors.hub_grid import HubGrid
from mner.features.extractors.pinned_models import WEIGHTS, file_from_hub, origin_of
from mner.features.pixels import CentreCrop

_BLOCK = re.compile(r"layer(\d)\.(\d+)\.(?:(conv|bn)(\d)|downsample\.([01]))\.(\w+)")
_PARTS = {"conv": "convolution", "bn": "normalization", "0": "convolution", "1": "normalization"}


def load_torchvision_resnet(
    *,
    device: torch.device,
    network: bool,
    model: str = "timm/resnet152.tv_in1k",
    revision: str | None = None,
    pool: int | None = None,
    resize: int = 256,
    crop: int = 224,
) -> HubGrid:
    """The extractor for a hub name and commit, or a folder without one, that holds ``model.safetensors``.

    Scale and regions are those of :class:`HubGrid`: 49 regions of width 2048 at 224 px.

    Raises:
        ExtractorError: the file is missing, or holds no ResNet in this layout.
    """
    path = file_from_hub(model, revision, WEIGHTS, network=network)
    backbone = resnet_from(path)
    origin = origin_of(backbone, model, revision, path)
    return HubGrid(backbone.to(device), device, origin, CentreCrop(resize, crop, "bilinear"), pool)


def resnet_from(path: Path) -> nn.Module:
    """The network whose weights a file holds, frozen and in eval mode; depths and widths follow from the file.

    Raises:
        ExtractorError: it is no such file.
    """
    from transformers import ResNetModel

    try:
        state = load_file(path)
        network = ResNetModel(_config(state))
        named = {new: value for name, value in state.items() if (new := layer_name(name)) is not None}
        network.load_state_dict(named, strict=True)
    except (SafetensorError, RuntimeError, KeyError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ExtractorError(
            f"{path}: no ResNet in torchvision's layout ({reason}); name one such as timm/resnet152.tv_in1k, or "
            "take the extractor grid-hub"
        ) from error
    return network.eval().requires_grad_(False)


def layer_name(name: str) -> str | None:
    """What ``transformers`` calls a layer of torchvision's ResNet; None for the classifier.

    Raises:
        KeyError: torchvision's ResNet has no such layer.
    """
    if name.startswith("fc."):
        return None
    stem = re.fullmatch(r"(conv|bn)1\.(\w+)", name)
    if stem is not None:
        return f"embedder.embedder.{_PARTS[stem[1]]}.{stem[2]}"
    block = _BLOCK.fullmatch(name)
    if block is None:
        raise KeyError(name)
    stage, layer, kind, number, shortcut, what = block.groups()
    place = f"encoder.stages.{int(stage) - 1}.layers.{layer}"
    if shortcut is not None:
        return f"{place}.shortcut.{_PARTS[shortcut]}.{what}"
    return f"{place}.layer.{int(number) - 1}.{_PARTS[kind]}.{what}"


def _config(state: Mapping[str, Tensor]) -> Any:
    from transformers import ResNetConfig

    stages = sorted({block[1] for block in map(_BLOCK.fullmatch, state) if block is not None})
    depths = [len({block[2] for block in map(_BLOCK.fullmatch, state) if block and block[1] == n}) for n in stages]
    if not stages:
        raise KeyError("layer1")
    deep = "layer1.0.conv3.weight" in state
    last = "conv3" if deep else "conv2"
    return ResNetConfig(
        embedding_size=state["conv1.weight"].shape[0],
        hidden_sizes=[state[f"layer{stage}.0.{last}.weight"].shape[0] for stage in stages],
        depths=depths,
        layer_type="bottleneck" if deep else "basic",
    )

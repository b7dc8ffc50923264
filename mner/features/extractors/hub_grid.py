"""Region grid by any convolutional backbone of ``transformers``: ResNet-50, -101, -152, as in the printed rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import nn

from mner.features.extractors.contract import ExtractorError
from mner.features.extractors.efficientnet import pooled_map
from mner.features.extractors.pinned_models import model_from_hub
from mner.features.found import Found, Regions
from mner.features.pixels import CentreCrop, Scale


def load_hub_grid(
    *,
    device: torch.device,
    network: bool,
    model: str = "microsoft/resnet-152",
    revision: str | None = None,
    pool: int | None = None,
    resize: int = 256,
    crop: int = 224,
) -> HubGrid:
    """The extractor for a hub name and commit, or a folder without one.

    The scale is ImageNet's mean and deviation. With 224 px a ResNet's last map is 7 x 7: 49 regions of width 2048.
    """
    from transformers import AutoModel

    backbone, origin = model_from_hub(AutoModel, model, revision, network=network, hashed=True)
    return HubGrid(backbone.to(device), device, origin, CentreCrop(resize, crop, "bilinear"), pool)


class HubGrid:
    """Last feature map of a convolutional backbone as regions; ``pool`` p averages it to p x p."""

    kind = "grid"

    def __init__(
        self,
        backbone: nn.Module,
        device: torch.device,
        origin: dict[str, object],
        crop: CentreCrop,
        pool: int | None,
    ) -> None:
        self._backbone, self._device, self._crop, self._pool = backbone, device, crop, pool
        self._scale = Scale()
        self.provenance = {
            **origin,
            "preprocessing": f"{crop.describe()}; {self._scale.describe()}",
            "regions": "last feature map" + ("" if pool is None else f", averaged to {pool} x {pool}"),
        }

    def prepare(self, image: Image.Image) -> np.ndarray:
        """The centre crop, 8-bit RGB."""
        return self._crop(image)

    @torch.inference_mode()
    def extract(self, prepared: Sequence[np.ndarray]) -> list[Found]:
        """Regions of each picture, row by row from the top left.

        Raises:
            ExtractorError: the model's states are no feature map (a vision transformer, say).
        """
        if not prepared:
            return []
        states = self._backbone(self._scale.batch(prepared, self._device)).last_hidden_state
        if states.dim() != 4:
            raise ExtractorError(
                f"{self.provenance['model']} gives states of shape {tuple(states.shape)}, not batch x width x "
                "rows x columns; name a convolutional model such as microsoft/resnet-50"
            )
        return [Regions(values) for values in pooled_map(states, self._pool).float().cpu().numpy()]

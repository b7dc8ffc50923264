"""Captions by BLIP (Li et al., ICML 2022) from a model hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from mner.features.extractors.contract import ExtractorError
from mner.features.extractors.pinned_models import from_hub, model_from_hub
from mner.features.found import Caption, Found
from mner.features.pixels import Scale, square

# Mean and deviation of CLIP's training pictures, which BLIP was trained with too.
SCALE = Scale((122.7709383, 116.7460125, 104.0937362), (68.5005327, 66.6321579, 70.3231630))


def load_blip(
    *,
    device: torch.device,
    network: bool,
    model: str = "Salesforce/blip-image-captioning-base",
    revision: str | None = None,
    pieces: int = 30,
    beams: int = 1,
) -> BlipCaptions:
    """The extractor for a hub name and commit, or a folder without one."""
    from transformers import AutoTokenizer, BlipForConditionalGeneration

    captioner, origin = model_from_hub(BlipForConditionalGeneration, model, revision, network=network)
    tokenizer = from_hub(AutoTokenizer, model, revision, network=network)
    return BlipCaptions(captioner.to(device), tokenizer, device, origin, pieces=pieces, beams=beams)


class BlipCaptions:
    """One caption a picture of at most ``pieces`` word pieces: greedy, or by beam search, never sampled."""

    kind = "captions"

    def __init__(
        self,
        captioner: Any,
        tokenizer: Any,
        device: torch.device,
        origin: Mapping[str, Any],
        *,
        pieces: int,
        beams: int,
    ) -> None:
        if pieces < 1 or beams < 1:
            raise ExtractorError(f"{pieces} pieces and {beams} beams; both are at least 1")
        self._captioner, self._tokenizer, self._device = captioner, tokenizer, device
        self._pieces, self._beams = pieces, beams
        self._side: int = captioner.config.vision_config.image_size
        self.provenance = {
            **origin,
            "preprocessing": f"RGB, squeezed to {self._side} px squared (bicubic, Pillow); {SCALE.describe()}",
            "generation": f"at most {pieces} pieces, {'greedy' if beams == 1 else f'{beams} beams'}, no prompt",
        }

    def prepare(self, image: Image.Image) -> np.ndarray:
        """The squeezed picture, 8-bit RGB."""
        return square(image, self._side, "bicubic")

    @torch.inference_mode()
    def extract(self, prepared: Sequence[np.ndarray]) -> list[Found]:
        """A caption of each picture; it may be empty."""
        if not prepared:
            return []
        pieces = self._captioner.generate(
            pixel_values=SCALE.batch(prepared, self._device),
            max_new_tokens=self._pieces,
            num_beams=self._beams,
            do_sample=False,
        )
        texts = self._tokenizer.batch_decode(pieces, skip_special_tokens=True)
        return [Caption(" ".join(text.split())) for text in texts]

"""Mixed precision: what a recipe asks for, and what the hardware at hand multiplies natively."""

from __future__ import annotations

import torch

from mner.config.training_recipe import Recipe


def precision_of(recipe: Recipe, device: torch.device) -> str:
    """``bfloat16`` or ``float32``; ``auto`` is settled by the device."""
    if recipe.precision != "auto":
        return recipe.precision
    return "bfloat16" if has_bfloat16(device) else "float32"


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 products run natively: GPUs from Ampere on, CPUs with AVX-512 BF16 or AMX.

    Elsewhere torch emulates them, slower than float32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def autocast(recipe: Recipe, device: torch.device) -> torch.autocast:
    """The context that forward passes of a run are computed in."""
    enabled = precision_of(recipe, device) == "bfloat16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)

"""Seeds, deterministic kernels, number formats and memory of a training process.

A training step frees hundreds of megabytes (gradients, activations) that the next step asks for again. The GNU C
library hands large blocks back to the kernel at once, and the kernel zeroes each page anew when it is touched
again. Keeping them moves no number of a run, only its time; how much, ``mner bench --levers`` measures.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from mner.config.training_recipe import Recipe


def stream(seed: int, *name: str | int) -> int:
    """A 63-bit seed for one named use, such as ``stream(3, "order", epoch)``."""
    text = "/".join(map(str, (seed, *name)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *name: str | int) -> np.random.Generator:
    """NumPy generator of one named stream."""
    return np.random.default_rng(stream(seed, *name))


@contextmanager
def torch_stream(device: torch.device, seed: int, *name: str | int) -> Iterator[None]:
    """Run a block with torch's generators set to one named stream, and put them back afterwards.

    Dropout and initialisers draw from torch's own generators; this is the one place that sets them.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(stream(seed, *name))
        yield


def make_deterministic() -> None:
    """Deterministic kernels only, and float32 that is float32.

    The number of CPU threads, which moves results too, is the recipe's.
    """
    # cuBLAS is deterministic only with a fixed workspace, which it reads when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # The same switch as use_deterministic_algorithms, which also imports the compiler: seconds in every process.
    torch.set_deterministic_debug_mode("error")
    # That switch also has all fresh memory filled, for programs that read what they have not written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # cuDNN's LSTMs and convolutions would multiply float32 with ten bits of mantissa.
    torch.backends.cudnn.allow_tf32 = False


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


# Parameters of mallopt, from malloc.h of the GNU C library.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
# The largest number mallopt takes, in bytes: larger blocks still come from the kernel.
LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Keep freed blocks below 2 GiB in this process, for good; False where the C library offers no such setting.

    The process then holds on to its peak of CPU memory until it ends. Memory of a GPU has an allocator of its own.
    Call it before the memory is first used: what was mapped before is handed back as ever.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not the GNU C library
        return False
    trims, maps = mallopt(TRIM_THRESHOLD, LARGEST), mallopt(MMAP_THRESHOLD, LARGEST)
    return trims == maps == 1

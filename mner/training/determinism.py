"""What a process must set before it trains, so that the same run gives the same bytes again."""

from __future__ import annotations

import os

import torch


def make_deterministic() -> None:
    """Deterministic kernels only, and float32 that is float32.

    The number of CPU threads, which moves results too, is the recipe's.
    """
    # cuBLAS is deterministic only with a fixed workspace, which it reads when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # The same switch as use_deterministic_algorithms, which also imports the compiler: seconds in every process.
    torch.set_deterministic_debug_mode("error")
    # That switch also has all fresh memory filled, for programs that read what they have not written.
    torch.utils.deterministic.fill_uninitialized_memory = False
    # cuDNN's LSTMs and convolutions would multiply float32 with ten bits of mantissa.
    torch.backends.cudnn.allow_tf32 = False

"""Sessions of ONNX Runtime: which processor, how many threads."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from mner.features.packages import needed


def uses_cuda(runtime: ModuleType, device: torch.device) -> bool:
    """Whether this ONNX Runtime can compute on the device, and it is a GPU."""
    return device.type == "cuda" and "CUDAExecutionProvider" in runtime.get_available_providers()


def onnx_session(path: Path, device: torch.device, threads: int, extractor: str) -> Any:
    """A session on the device if this ONNX Runtime can use it, else on the processor.

    The runtime is chosen at installation (onnxruntime or onnxruntime-gpu); where a session runs stands in its
    extractor's provenance, and changes findings by float error only.

    Raises:
        ExtractorError: onnxruntime is not installed.
    """
    runtime = needed("onnxruntime", extractor)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    providers: list[Any] = ["CPUExecutionProvider"]
    if uses_cuda(runtime, device):
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
    return runtime.InferenceSession(str(path), sess_options=options, providers=providers)

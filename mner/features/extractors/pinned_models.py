"""Load pinned models of extractors: from a package, an ONNX file or a model hub."""

from __future__ import annotations

import hashlib
import re
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from mner.base.files import sha256_of
from mner.features.extractors.contract import ExtractorError

WEIGHTS = "model.safetensors"
INSTALL = "pip install -e '.[pixels]'"


def needed(module: str, extractor: str) -> ModuleType:
    """An optional package.

    Raises:
        ExtractorError: it is not installed, or lacks something of its own.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ExtractorError(
            f"extractor {extractor} needs the Python package {module} ({error}): {INSTALL}"
        ) from error


def versions(*distributions: str) -> dict[str, str]:
    """Installed versions by distribution name, for provenance."""
    found = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError as error:
            raise ExtractorError(f"the package {name} is not installed: {INSTALL}") from error
    return found


def checked_weights(path: Path, sha256: str, distribution: str) -> Path:
    """A weight file that a package carries, if its bytes are the ones this project was measured with.

    Raises:
        ExtractorError: the file is missing or another one.
    """
    if not path.is_file():
        raise ExtractorError(f"{distribution} carries no {path.name}; install the pinned version: {INSTALL}")
    found = sha256_of(path)
    if found != sha256:
        raise ExtractorError(
            f"{path.name} of {distribution} has SHA-256 {found}, expected {sha256}: another version of the "
            f"package; install the one of constraints.txt: {INSTALL} -c constraints.txt"
        )
    return path


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


def check_pinned(name: str, revision: str | None) -> None:
    """Refuse what may be other weights tomorrow: a hub's model has a commit, a folder of one's own has none.

    Raises:
        ExtractorError: says which of the two is wrong and where commits are listed.
    """
    if Path(name).is_dir():
        if revision is not None:
            raise ExtractorError(
                f"{name} is a folder, which has no revision; leave {revision!r} out: its weights' hash names it"
            )
        return
    if not re.fullmatch(r"[0-9a-f]{40}", revision or ""):
        raise ExtractorError(
            f"{name}: revision {revision!r} is not a commit of 40 hexadecimal digits; set it in the extractor's "
            "options (params.yaml, features.extractors). A branch such as 'main' moves, and results with it. The "
            "hub's page of the model lists its commits"
        )


def from_hub(factory: Any, name: str, revision: str | None, *, network: bool, **options: Any) -> Any:
    """``factory.from_pretrained`` for a model, tokenizer or configuration; ``network`` false keeps to the cache.

    Raises:
        ExtractorError: it is not pinned, missing, or needs a package that is not installed.
    """
    check_pinned(name, revision)
    at = {} if revision is None else {"revision": revision}
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        return factory.from_pretrained(name, local_files_only=not network, **at, **options)
    except (OSError, ImportError, ValueError) as error:
        raise _not_at_hand(name if revision is None else f"{name} at revision {revision}", error) from error


def model_from_hub(
    factory: Any, name: str, revision: str | None, *, network: bool, hashed: bool = False
) -> tuple[nn.Module, dict[str, Any]]:
    """A frozen float32 model in eval mode, still on the processor, and its part of the provenance.

    ``revision`` is a commit, None for a folder. Weights are read from safetensors only. ``weights_sha256`` is
    :func:`state_sha256`, so that it does not depend on how the hub cut them into files. With ``hashed``,
    ``file_sha256`` is that of the file itself, which a hub's page names.
    """
    model = from_hub(factory, name, revision, network=network, use_safetensors=True, dtype=torch.float32)
    model = model.eval().requires_grad_(False)
    return model, origin_of(model, name, revision, _weights_file(name, revision) if hashed else None)


def _weights_file(name: str, revision: str | None) -> Path | None:
    """The one file that holds a loaded model's weights; None where they are cut into several."""
    try:
        return file_from_hub(name, revision, WEIGHTS, network=False)
    except ExtractorError:
        return None


def origin_of(model: Any, name: str, revision: str | None, file: Path | None) -> dict[str, Any]:
    """A hub model's part of the provenance; ``file`` holds its weights and is hashed, too, if it is given."""
    return {
        "model": f"folder:{Path(name).name}" if revision is None else f"hub:{name}@{revision}",
        "commit": getattr(model.config, "_commit_hash", None),
        "weights_sha256": state_sha256(model),
        **({} if file is None else {"file_sha256": sha256_of(file)}),
        "packages": versions("pillow", "torch", "transformers"),
    }


def file_from_hub(name: str, revision: str | None, file: str, *, network: bool) -> Path:
    """One file of a model, from its folder or at its commit from the hub or the hub's cache.

    Raises:
        ExtractorError: the model is not pinned, or the file is missing.
    """
    check_pinned(name, revision)
    if revision is None:
        path = Path(name) / file
        if not path.is_file():
            raise ExtractorError(f"{path} is missing; name a folder that holds it")
        return path
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(name, file, revision=revision, local_files_only=not network))
    except (OSError, ValueError) as error:
        raise _not_at_hand(f"{name} at revision {revision}", error) from error


def _not_at_hand(pinned: str, error: Exception) -> ExtractorError:
    reason = str(error).strip().splitlines()[0]
    return ExtractorError(
        f"{pinned} is not at hand: fill the hub's cache on a machine with access, allow the network, name a "
        "folder that holds the model, or choose an extractor that installs with the project "
        "(grid-efficientnet-lite2, objects-yolox-nano, tags-efficientnet-lite2, ocr-rapidocr). "
        f"Reason: {reason}"
    )


def state_sha256(model: nn.Module) -> str:
    """SHA-256 over names, shapes and bytes of all weights and buffers, in order of their names."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()

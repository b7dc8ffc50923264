"""Drive one extractor over many pictures: in order, batched, prepared ahead, resumable, nothing lost silently."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from tqdm import tqdm

from mner.base.exhaustion import NO_ROOM
from mner.base.files import exclusive, sha256_of_json
from mner.base.meters import peak_memory_gib, reset_peak_memory
from mner.config.schema import REGION_KINDS
from mner.data.picture_files import Refusal, quiet_pillow
from mner.features.extraction_results import (
    merge_found,
    merge_regions,
    read_refused,
    result_path,
    stands,
    write_findings,
)
from mner.features.extractors.contract import Extractor
from mner.features.found import Found, Regions
from mner.features.pictures import Picture, Pictures
from mner.features.pixels import open_image
from mner.features.shards import ExtractionError, Shard, WorkFolder

_CPU = torch.device("cpu")
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Extraction:
    """What an extraction did: pictures with results, refused ones, and how fast and large it was.

    ``computed`` counts the pictures opened now; the others come from an earlier, interrupted or finished run.
    Memory is in GiB, ``gpu_gib`` None on a CPU.
    """

    path: Path
    kind: str
    with_results: int
    refused: Mapping[str, Refusal]
    computed: int
    seconds: float
    memory_gib: float
    gpu_gib: float | None

    def render(self) -> str:
        """Three aligned lines for people."""
        counts = Counter(refusal.kind for refusal in self.refused.values())
        why = ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items())) or "none"
        rate = f", {self.computed / self.seconds:,.1f} pictures/s" if self.computed and self.seconds > 0 else ""
        gpu = "" if self.gpu_gib is None else f", GPU {self.gpu_gib:.2f} GiB"
        return (
            f"{self.kind:<10} {self.with_results:,} pictures -> {self.path}\n"
            f"{'':<10} masked: {why}\n"
            f"{'':<10} {self.computed:,} computed now in {self.seconds:,.1f} s{rate}; "
            f"peak memory {self.memory_gib:.2f} GiB{gpu}"
        )


def extract(
    pictures: Pictures,
    extractor: Extractor,
    folder: Path,
    work: Path,
    *,
    batch_size: int,
    device: torch.device,
    workers: int = 2,
    pictures_per_shard: int = 32,
    name: str | None = None,
) -> Extraction:
    """Run the extractor over all listed pictures and write ``<name>`` and its findings into ``folder``.

    ``name`` is the extractor's kind, unless several extractors of a kind write into the folder.

    Region kinds become a feature store, the others one JSON file. ``work`` holds finished shards until the result
    stands: after a kill the next call goes on from them and ends in the same bytes. A result that stands already
    and was made from the same pictures in the same way is left as it is. The result does not depend on
    ``workers`` and ``pictures_per_shard``; ``device`` is where the extractor computes.

    Raises:
        ExtractionError: the extractor fails on a picture, the disk or the GPU's memory is full; shards are kept.
        FeatureError: no picture at all could be used.
    """
    started = time.perf_counter()
    for place in {_CPU, device}:
        reset_peak_memory(place)
    job = _Job(pictures, extractor, batch_size, workers, device, name or extractor.kind)
    lock = work.with_name(f"{work.name}.lock")
    with _exhaustion_is_said(folder, work, batch_size), exclusive(lock), quiet_pillow():
        computed, with_results, refused = _extract(job, folder, work, pictures_per_shard)
    return Extraction(
        result_path(folder, job.name),
        job.name,
        with_results,
        refused,
        computed,
        time.perf_counter() - started,
        peak_memory_gib(_CPU),
        peak_memory_gib(device) if device.type == "cuda" else None,
    )


@dataclass(frozen=True, slots=True)
class _Job:
    pictures: Pictures
    extractor: Extractor
    batch_size: int
    workers: int
    device: torch.device
    name: str

    def identity(self) -> dict[str, Any]:
        """All that moves a result, in plain data."""
        made = {f"extractor: {key}": value for key, value in self.extractor.provenance.items()}
        return {
            **made,
            "kind": self.extractor.kind,
            "batch_size": self.batch_size,
            "device": self.device.type,
            "pictures_sha256": self.pictures.fingerprint(),
        }

    def load(self, picture: Picture) -> np.ndarray | Refusal:
        """The prepared picture, or why it is refused."""
        image = self.open(picture)
        if isinstance(image, Refusal):
            return image
        try:
            return self.extractor.prepare(image)
        except Exception as error:
            raise ExtractionError(
                f"picture {picture.image} ({picture.file}): preparing it failed: {error}"
            ) from error

    def open(self, picture: Picture) -> Any:
        """The picture, or why it is refused."""
        folder = self.pictures.folder
        return open_image(folder / picture.file, folder, sha256=picture.sha256)

    def still(self, refused: Mapping[str, Refusal]) -> bool:
        """Whether pictures that were refused in an earlier run are refused for the same reason now."""
        by_id = {one.image: one for one in self.pictures.listed if one.image in refused}
        return all(self.open(by_id[image]) == refusal for image, refusal in refused.items() if image in by_id)


def _extract(job: _Job, folder: Path, work: Path, pictures_per_shard: int) -> tuple[int, int, dict[str, Refusal]]:
    """Pictures computed now, pictures with results, and all refusals."""
    kind, listed = job.name, job.pictures.listed
    identity = job.identity()
    key = sha256_of_json(identity)
    path = result_path(folder, kind)
    if stands(folder, kind, key):
        opened = {i: r for i, r in read_refused(folder, kind).items() if i not in job.pictures.refused}
        if opened.keys() <= {one.image for one in listed} and job.still(opened):
            refused = {**job.pictures.refused, **opened}
            write_findings(folder, kind, len(listed) + len(job.pictures.refused), refused, made=True)
            return 0, len(listed) - len(opened), refused
    size = job.batch_size * -(-pictures_per_shard // job.batch_size)
    chunks = [listed[start : start + size] for start in range(0, len(listed), size)]
    held = WorkFolder(work, {**identity, "pictures_per_shard": size})
    held.open()
    shards = _all_shards(job, held, chunks)
    refused = dict(job.pictures.refused)
    for shard, _ in shards:
        refused.update(shard.refused)
    with_results = sum(len(shard.images) for shard, _ in shards)
    wanted = len(listed) + len(job.pictures.refused)
    provenance = {
        "kind": job.extractor.kind,
        "extractor": dict(job.extractor.provenance),
        "batch_size": job.batch_size,
        "device": job.device.type,
        "pictures_wanted": wanted,
        "pictures_with_features": with_results,
        "pictures_sha256": identity["pictures_sha256"],
        "identity_sha256": key,
    }
    write_findings(folder, kind, wanted, refused, made=False)
    if job.extractor.kind in REGION_KINDS:
        merge_regions(path, held, [shard for shard, _ in shards], provenance)
    else:
        merge_found(path, (shard for shard, _ in shards), provenance)
    write_findings(folder, kind, wanted, refused, made=True)
    held.remove()
    return sum(now for _, now in shards), with_results, refused


def _all_shards(job: _Job, held: WorkFolder, chunks: list[tuple[Picture, ...]]) -> list[tuple[Shard, int]]:
    """Every shard with the number of its pictures computed now; those that stand are read, the others computed."""
    shards: dict[int, Shard] = {}
    for number in range(len(chunks)):
        shard = held.read(number)
        if shard is not None and job.still(shard.refused):
            shards[number] = shard
    pending = [number for number in range(len(chunks)) if number not in shards]
    done = sum(len(chunks[number]) for number in shards)
    pool = ThreadPoolExecutor(max_workers=job.workers, thread_name_prefix="pictures")
    window = 2 * job.batch_size + job.workers
    loaded = _ahead(pool, job.load, (one for number in pending for one in chunks[number]), window)
    try:
        total = sum(map(len, chunks))
        label = job.name
        with tqdm(total=total, initial=done, desc=label, unit="picture", disable=None) as progress:
            for number in pending:
                results, refused = _computed(job, chunks[number], loaded, progress)
                shards[number] = held.write(number, results, refused)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    fresh = set(pending)
    return [(shards[n], len(chunk) if n in fresh else 0) for n, chunk in enumerate(chunks)]


def _computed(
    job: _Job, chunk: tuple[Picture, ...], loaded: Iterator[np.ndarray | Refusal], progress: tqdm
) -> tuple[list[tuple[str, Found]], dict[str, Refusal]]:
    results: list[tuple[str, Found]] = []
    refused: dict[str, Refusal] = {}
    for start in range(0, len(chunk), job.batch_size):
        batch = chunk[start : start + job.batch_size]
        images, prepared = [], []
        for picture in batch:
            one = next(loaded)
            if isinstance(one, Refusal):
                refused[picture.image] = one
            else:
                images.append(picture.image)
                prepared.append(one)
        results += zip(images, _found(job.extractor, images, prepared), strict=True)
        if job.device.type == "cuda":
            progress.set_postfix_str(f"GPU {peak_memory_gib(job.device):.1f} GiB", refresh=False)
        progress.update(len(batch))
    return results, refused


def _found(extractor: Extractor, images: list[str], prepared: list[np.ndarray]) -> list[Found]:
    """What the extractor finds, one a picture and of its kind."""
    if not images:
        return []
    found = extractor.extract(prepared)
    regions = extractor.kind in REGION_KINDS
    if len(found) != len(images) or any(isinstance(one, Regions) != regions for one in found):
        raise ExtractionError(
            f"pictures {images[0]} to {images[-1]}: an extractor of kind {extractor.kind} gave {len(found)} "
            f"findings ({', '.join(sorted({type(one).__name__ for one in found}))}) for {len(images)} pictures"
        )
    return found


def _ahead(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item], window: int
) -> Iterator[Result]:
    """Results in the order of ``items``, at most ``window`` of them under way or waiting at a time."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) >= window:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def _exhaustion_is_said(folder: Path, work: Path, batch_size: int) -> Iterator[None]:
    """Turn a full disk and a full GPU into sentences; every finished shard is on the disk by then."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ExtractionError(
            f"the GPU's memory does not hold a batch of {batch_size} pictures; set a smaller batch_size ({error})"
        ) from error
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise ExtractionError(
            f"no room left ({error.strerror}) while writing to {folder} or {work}; what stood there is "
            f"untouched and finished shards are kept in {work}: free some room and run again"
        ) from error

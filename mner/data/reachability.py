"""Say where every file of a data set can be had, before anything is fetched."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mner.data.download import BROKEN, reason_of, state_of
from mner.data.public_files import BASE, SourceFile


@dataclass(frozen=True, slots=True)
class Reachability:
    """Where each file of a data set can be had.

    ``where`` maps a source path to ``cache``, ``mirror <folder>``, ``network`` or ``nowhere``; ``why`` is one
    line for the user.
    """

    where: dict[str, str]
    why: str

    @property
    def ok(self) -> bool:
        """Whether every file can be had."""
        return "nowhere" not in self.where.values()


def reachable(
    sources: Iterable[SourceFile],
    *,
    cache: Path,
    mirrors: Sequence[Path] = (),
    network: bool = True,
    base: str = BASE,
    timeout: float = 5.0,
) -> Reachability:
    """Whether all ``sources`` can be had and from where, downloading none of them.

    Files at hand are checked by their bytes. For the others one header request per repository is made, so a
    machine without network learns it in about one ``timeout`` (seconds).
    """
    where: dict[str, str] = {}
    damaged: list[str] = []
    absent: list[SourceFile] = []
    for source in sources:
        place, defect = _at_hand(source, cache, mirrors)
        where[source.path] = place
        if defect:
            damaged.append(defect)
        elif place == "nowhere":
            absent.append(source)
    refused: dict[str, str] = {}
    if absent and network:
        refused = _probe(absent, base, timeout)
        where.update({source.path: "network" for source in absent if _repository(source) not in refused})
    return Reachability(where, _in_one_line(where, damaged, refused, network, base))


def _at_hand(source: SourceFile, cache: Path, mirrors: Sequence[Path]) -> tuple[str, str]:
    """Place of a file without the network, and what is wrong with the mirror copy that hides the next place."""
    if state_of(source, cache / source.path) == "":
        return "cache", ""
    for mirror in mirrors:
        state = state_of(source, mirror / source.path)
        if state == "":
            return f"mirror {mirror}", ""
        if state != "absent":
            return "nowhere", f"mirror {mirror} holds other bytes for {source.path}"
    return "nowhere", ""


def _probe(sources: Sequence[SourceFile], base: str, timeout: float) -> dict[str, str]:
    """Repositories that do not answer, with the reason; stops asking once the host itself is unreachable."""
    refused: dict[str, str] = {}
    examples = {_repository(source): source for source in reversed(sources)}
    for repository, source in examples.items():
        request = urllib.request.Request(source.address(base), method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=timeout):
                pass
        except urllib.error.HTTPError as error:
            refused[repository] = f"answer {error.code}"
        except BROKEN as error:
            return dict.fromkeys(examples, reason_of(error))
    return refused


def _in_one_line(
    where: dict[str, str], damaged: list[str], refused: dict[str, str], network: bool, base: str
) -> str:
    places = sorted(set(where.values()))
    counts = ", ".join(
        f"{list(where.values()).count(place)} from {place}" for place in places if place != "nowhere"
    )
    lacking = list(where.values()).count("nowhere")
    if not lacking:
        return f"all {len(where)} files can be had: {counts}"
    if damaged:
        reason = damaged[0]
    elif not network:
        reason = "neither cached nor mirrored, and the network is not allowed"
    else:
        repository, cause = next(iter(refused.items()))
        reason = f"neither cached nor mirrored, and {base}/{repository} cannot be reached ({cause})"
    return f"{lacking} of {len(where)} files cannot be had: {reason}"


def _repository(source: SourceFile) -> str:
    return "/".join(source.path.split("/")[:3])

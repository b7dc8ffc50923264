"""Our lenses against the outputs of the released scoring programs.

Layouts and rules: ``golden/README.md 5`` and ``golden/R_GCN.md 6``.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mner.base.files import sha256_of
from mner.data.corpus import TYPE_ALIASES
from mner.data.readers import read_rgcn
from mner.data.spans import Spans, lenient_spans, rgcn_spans, seqeval_spans, strict_spans
from mner.data.tag_codes import KINDS, EncodedTags, Tags, encode
from mner.evaluation.subword_scores import lift_to_subwords, score_subword_batches
from mner.parity.parity_report import Comparison, ParityError, ParityReport
from mner.parity.perturbation import canonical, perturb
from mner.parity.programs import WORD_PROGRAMS, TagRows, Tree, piece_program, word_program

TOLERANCE = 1e-12
_ABOUT = {"description", "types", "seed", "kinds", "sources"}
_CHUNK_RULES = {
    "umt": lenient_spans,
    "umgf": lenient_spans,
    "seqeval_0.0.12": lenient_spans,
    "seqeval_default_1.2.2": seqeval_spans,
    "seqeval_strict_iob2": strict_spans,
    "ncrfpp": strict_spans,
}
_COLLAPSED = "per_batch"
Leaf = tuple[str, Any, Any]


def check(path: Path, *, corpus_file: Path | None) -> ParityReport:
    """Compare every number of a file laid out as ``scorers.json`` or as ``r_gcn_metrics.json`` with ours.

    ``corpus_file`` is the data file that the section ``tw15_test`` was made from (its name and hash stand in the
    section's ``meta``); without it that section is left out and the report's title says so.

    Raises:
        ParityError: the file has another layout, names a program we do not have or a number we do not
            compute, or ``corpus_file`` is not the file it was made from.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if "cases" in content and "label_to_index" in content:
            return ParityReport("R-GCN metrics", path, tuple(_metric_cases(content)))
        return _check_sections(path, content, corpus_file)
    except json.JSONDecodeError as error:
        raise ParityError(f"{path}: not JSON ({error})") from error
    except KeyError as error:
        raise ParityError(f"{path}: key {error} is missing") from error


def _check_sections(path: Path, content: Tree, corpus_file: Path | None) -> ParityReport:
    sections = {
        "word_level": _word_level,
        "word_level_with_special_tags": _special_tags,
        "pieces": _pieces,
        "chunk_unit_cases": _chunk_cases,
    }
    unknown = set(content) - set(sections) - _ABOUT - {"tw15_test"}
    if unknown:
        raise ParityError(
            f"{path}: unknown section {sorted(unknown)[0]!r}; expected {', '.join(sections)}, tw15_test"
        )
    comparisons = [row for name, section in sections.items() if name in content for row in section(content)]
    title = "scorers"
    if "tw15_test" in content and corpus_file is not None:
        comparisons += _corpus_section(content, corpus_file)
    elif "tw15_test" in content:
        title = f"scorers, not compared: tw15_test, give its corpus file ({content['tw15_test']['meta']['file']})"
    return ParityReport(title, path, tuple(comparisons))


def _word_level(content: Tree) -> Iterator[Comparison]:
    section = content["word_level"]
    yield from _programs("word_level", section["scores"], section["gold"], section["pred"])


def _special_tags(content: Tree) -> Iterator[Comparison]:
    words, section = content["word_level"], content["word_level_with_special_tags"]
    predicted = [list(row) for row in words["pred"]]
    for sentence, position, tag in section["replacements"]:
        predicted[sentence][position] = tag
    yield from _programs("word_level_with_special_tags", section["scores"], words["gold"], predicted)


def _pieces(content: Tree) -> Iterator[Comparison]:
    section = content["pieces"]
    for name, part in section.items():
        if name == "pieces_per_word":
            continue
        lifted = lift_to_subwords(content["word_level"]["gold"], section["pieces_per_word"], part["max_len"])
        same = lifted.codes.tolist() == encode(part["gold"]).codes.tolist()
        yield Comparison(f"pieces/{name}/gold lifted from words", 0.0 if same else 1.0, 0.0, "exact")
        yield from _programs(f"pieces/{name}", part["scores"], part["gold"], part["pred"])


def _corpus_section(content: Tree, corpus_file: Path) -> Iterator[Comparison]:
    section = content["tw15_test"]
    meta = section["meta"]
    if not corpus_file.is_file():
        raise ParityError(f"{corpus_file}: no such file; name a checkout's {meta['file']} of R-GCN's repository")
    if sha256_of(corpus_file) != meta["file_sha256"]:
        raise ParityError(
            f"{corpus_file}: not the file the scores were made from; "
            f"expected {meta['file']} with SHA-256 {meta['file_sha256']}"
        )
    gold = [list(record.sentence.tags or ()) for record in read_rgcn(corpus_file)]
    yield _exact("tw15_test/sentences", len(gold), meta["sentences"])
    yield _exact("tw15_test/gold_sha256", _tags_sha256(gold, content["types"]), meta["gold_sha256"])
    for name, expected in section["scores"].items():
        predicted, operations = _corpus_predictions(name, gold)
        made = {"operation_counts": operations, "prediction_sha256": _tags_sha256(predicted, content["types"])}
        facts = {key: value for key, value in expected.items() if key in made}
        yield from _compared(f"tw15_test/{name}", facts, made)
        scores = {key: value for key, value in expected.items() if key not in made}
        counts, most = section["pieces_per_word"], meta["max_pieces"]
        lifted = lift_to_subwords(gold, counts, most), lift_to_subwords(predicted, counts, most)
        yield from _programs(f"tw15_test/{name}", scores, gold, predicted, lifted)


def _corpus_predictions(name: str, gold: TagRows) -> tuple[TagRows, Mapping[str, int]]:
    if name == "gold_as_is":
        return gold, {}
    if name == "gold_canonical":
        return canonical(gold), {}
    if match := re.fullmatch(r"perturbed_seed_(\d+)(_no_orphans)?", name):
        return perturb(gold, int(match[1]), orphans=match[2] is None)
    raise ParityError(
        f"tw15_test/{name}: unknown predictions; expected gold_as_is, gold_canonical or perturbed_seed_N"
    )


def _programs(
    place: str, scores: Tree, gold: Tags, predicted: Tags, pieces: tuple[EncodedTags, EncodedTags] | None = None
) -> Iterator[Comparison]:
    """Compare each program's numbers; piece programs read ``pieces``, or the tags themselves without it."""
    gold, predicted = encode(gold), encode(predicted)
    for name, expected in scores.items():
        if name in WORD_PROGRAMS:
            ours = word_program(name, gold, predicted)
        elif name == "rgcn_one_batch":
            ours = piece_program(*(pieces or (gold, predicted)), batch=len(gold.lengths))
        elif match := re.fullmatch(r"rgcn_batch(\d+)", name):
            ours = piece_program(*(pieces or (gold, predicted)), batch=int(match[1]))
        else:
            raise ParityError(
                f"{place}: unknown program {name!r}; expected {', '.join(WORD_PROGRAMS)} or rgcn_batch<N>"
            )
        yield from _compared(f"{place}/{name}", expected, ours)


def _chunk_cases(content: Tree) -> Iterator[Comparison]:
    section = content["chunk_unit_cases"]
    for tags, expected in section["rgcn_pieces"]:
        yield _exact(f"chunk_unit_cases/rgcn/{' '.join(tags)}", _rgcn_chunks(tags), _named(expected))
    for tags, by_program in section["word"]:
        codes = encode([tags]).bordered()
        for program, expected in by_program.items():
            if program not in _CHUNK_RULES:
                raise ParityError(
                    f"chunk_unit_cases/word: unknown program {program!r}; expected {', '.join(_CHUNK_RULES)}"
                )
            name = f"chunk_unit_cases/{program}/{' '.join(tags)}"
            yield _exact(name, _chunks(_CHUNK_RULES[program](codes)), _named(expected))


def _metric_cases(content: Tree) -> Iterator[Comparison]:
    tag_of = {index: tag for tag, index in content["label_to_index"].items()}
    for number, case in enumerate(content["cases"]):
        gold, predicted = ([tag_of[index] for index in case[side]] for side in ("true", "pred"))
        yield _exact(f"chunks/case {number} true", _rgcn_chunks(gold), _named(case["true_chunks"]))
        yield _exact(f"chunks/case {number} pred", _rgcn_chunks(predicted), _named(case["pred_chunks"]))
        overall, *per_type = score_subword_batches([gold], [predicted], 1).scores[0].tolist()
        ours = {
            "f1_p_r": _f1_first(overall),
            "per_type": {k: _f1_first(v) for k, v in zip(KINDS, per_type, strict=False)},
        }
        yield from _compared(f"scores/case {number}", {key: case[key] for key in ours}, ours)


def _f1_first(scores: Sequence[float]) -> list[float]:
    return [scores[2], *scores[:2]]


def _rgcn_chunks(tags: Sequence[str]) -> list[list[Any]]:
    codes = encode([tags]).bordered()
    return _chunks(rgcn_spans(codes, np.array([len(tags) - 1])))


def _chunks(spans: Spans) -> list[list[Any]]:
    rows = zip(spans.kinds.tolist(), spans.first.tolist(), spans.last.tolist(), strict=True)
    return [[KINDS[kind], first, last] for kind, first, last in rows]


def _named(chunks: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return sorted(
        ([_canonical_name(kind), first, last] for kind, first, last in chunks), key=lambda chunk: chunk[2]
    )


def _canonical_name(name: str) -> str:
    """Our name of an entity type; other keys stay."""
    return TYPE_ALIASES.get(name, name)


def _tags_sha256(rows: TagRows, types: Sequence[str]) -> str:
    """Hash of the tags under the file's own type names: sentences joined by newline, tags by one space."""
    name = {_canonical_name(kind): kind for kind in types}
    text = "\n".join(" ".join(tag if tag == "O" else f"{tag[:2]}{name[tag[2:]]}" for tag in row) for row in rows)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _compared(place: str, expected: Any, ours: Any) -> Iterator[Comparison]:
    """One comparison per expected entry; a list of batches is one comparison that states how many it holds."""
    batches: dict[str, list[Leaf]] = {}
    for leaf in _leaves(place, expected, ours):
        head, collapsed, _ = leaf[0].partition(f"/{_COLLAPSED}/")
        if collapsed:
            batches.setdefault(f"{head}/{_COLLAPSED}", []).append(leaf)
        else:
            yield _comparison(*leaf)
    for name, leaves in batches.items():
        errors = [_comparison(*leaf).error for leaf in leaves]
        yield Comparison(f"{name} ({len(leaves)} numbers)", max(errors), TOLERANCE, "absolute")


def _leaves(place: str, expected: Any, ours: Any) -> Iterator[Leaf]:
    if isinstance(expected, list):
        if not isinstance(ours, list) or len(ours) != len(expected):
            raise ParityError(f"{place}: the file has {len(expected)} entries, ours are {ours!r:.80}")
        expected, ours = dict(enumerate(expected)), dict(enumerate(ours))
    if not isinstance(expected, dict):
        yield place, expected, ours
        return
    for key, value in expected.items():
        name = _canonical_name(key) if isinstance(key, str) else key  # else: the index of a batch
        if name not in ours:
            raise ParityError(f"{place}/{key}: the file has a value that we do not compute")
        yield from _leaves(f"{place}/{key}", value, ours[name])


def _comparison(name: str, expected: Any, ours: Any) -> Comparison:
    if isinstance(expected, str):
        return _exact(name, sorted(map(str.split, ours.split("\n"))), _lines(expected))
    error = abs(ours - expected)
    return Comparison(name, math.inf if math.isnan(error) else error, TOLERANCE, "absolute")


def _lines(text: str) -> list[list[str]]:
    """Cells of a printed report: blank lines, spacing and the order of types vary from run to run."""
    return sorted([_canonical_name(cell) for cell in line.split()] for line in text.split("\n") if line.strip())


def _exact(name: str, ours: Any, expected: Any) -> Comparison:
    return Comparison(name, 0.0 if ours == expected else 1.0, 0.0, "exact")

"""Cases of the case study and errors by class as lists for a terminal; words of tweets only where asked for."""

from __future__ import annotations

from collections.abc import Sequence

from mner.columns import indented, wrapped
from mner.data.corpus import Sentence
from mner.evaluation.agreement import Case
from mner.evaluation.case_study import CLASSES, ErrorCase
from mner.evaluation.spans import EncodedTags, entities


def render_cases(
    dataset: str,
    found: Sequence[Case],
    other_way: int | None,
    gold: EncodedTags,
    sentences: Sequence[Sentence],
    right: str,
    wrong: Sequence[str],
    words: bool,
) -> str:
    """Cases one a line: sentence, picture, gold entities by positions, and the share of right runs by system.

    ``other_way`` counts the sentences of which the contrary holds, where ``wrong`` is one system.
    """
    truth, rivals = entities(gold), ", ".join(wrong)
    rows = [("sentence", "picture", "gold entities (type first-last word)", "runs right")]
    for case in found:
        sentence = sentences[case.sentence]
        marked = " ".join(f"{kind} {first}-{last}" for kind, first, last in truth[case.sentence])
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in case.right.items())
        rows.append((str(case.sentence), sentence.image, marked, shares))
        if words:
            rows.append(("", "", " ".join(sentence.words), ""))
    said = f"{dataset}, {len(sentences)} test sentences: "
    said += f"{len(found)} that every run of {right} reads right and none of {rivals} does"
    if other_way is not None:
        said += f"; {other_way} the other way round (every run of {rivals}, none of {right})"
    return "\n".join([*wrapped(f"{said}."), "", *indented(rows)]) + "\n"


def render_classes(
    dataset: str, system: str, found: Sequence[ErrorCase], sentences: Sequence[Sentence], words: bool
) -> str:
    """Errors by class, one a line: sentence, picture, type and word positions."""
    lines = [*wrapped(f"{dataset}, {len(sentences)} test sentences: errors that all runs of {system} make.")]
    for kind, mark in CLASSES.items():
        own = [case for case in found if case.kind == kind]
        lines += ["", *wrapped(f"{kind}: {len(own)} ({mark})")]
        rows = [("sentence", "picture", "entity (type first-last word)", "words" if words else "")]
        for case in own:
            sentence, entity = sentences[case.sentence], case.entity
            text = " ".join(sentence.words[entity.first : entity.last + 1]) if words else ""
            rows.append((str(case.sentence), sentence.image, f"{entity.kind} {entity.first}-{entity.last}", text))
        lines += indented(rows) if own else []
    return "\n".join(lines) + "\n"

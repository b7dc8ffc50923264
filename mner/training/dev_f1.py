"""The one metric training knows: F1 on the development split, by which the epoch is chosen."""

from __future__ import annotations

from collections.abc import Sequence


def dev_f1(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> float:
    """Micro-averaged F1 in percent by conlleval's rule (Tjong Kim Sang and De Meulder 2003), sentence by sentence.

    To the last bit what seqeval's ``f1_score`` gives times 100: the same operations in the same order, because
    epochs that tie there must tie here (the earlier one wins). 0 where nothing is found or nothing is to be found.
    Apart from the lenses, so that work on those does not change what a run is.
    """
    correct = found = support = 0
    for tags, guess in zip(gold, predicted, strict=True):
        wanted, given = entities(tags), entities(guess)
        correct, found, support = correct + len(wanted & given), found + len(given), support + len(wanted)
    precision = correct / found if found else 0.0
    recall = correct / support if support else 0.0
    either = precision + recall
    return 100.0 * (2.0 * precision * recall / either) if either else 0.0


def entities(tags: Sequence[str]) -> set[tuple[int, int, str]]:
    """(first word, word after the last, type) of each entity; an I- that continues none of its type opens one."""
    found = set()
    first, kind = 0, ""
    for place, tag in enumerate((*tags, "O")):
        prefix, _, this = tag.partition("-")
        if kind and (prefix != "I" or this != kind):
            found.add((first, place, kind))
            kind = ""
        if this and not kind:
            first, kind = place, this
    return found

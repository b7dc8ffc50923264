"""What kind of mistakes a system makes: missed, spurious, type and boundary errors, by several cuts.

Entities are read by the standard (conlleval) rule. Words are looked at only to tell entities seen in training
from unseen ones; nothing here returns a word.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Literal, NamedTuple

from mner.data.corpus import Sentence
from mner.data.spans import Entity, entities, orphans
from mner.data.tag_codes import TagError, Tags, check_aligned, encode

Outcome = Literal["correct", "type", "boundary", "type and boundary", "missed", "spurious"]
OUTCOMES: tuple[Outcome, ...] = ("correct", "type", "boundary", "type and boundary", "missed", "spurious")
LENGTHS = ("1 word", "2 words", "3 or more words")
SurfaceForm = tuple[str, ...]


class Judgement(NamedTuple):
    """One entity and what became of it: a gold entity, or (``spurious``) a predicted one that meets no gold.

    ``orphan`` says that the entity's first tag is I- in the file it comes from.
    """

    sentence: int
    entity: Entity
    outcome: Outcome
    orphan: bool


def judge(gold: Tags, predicted: Tags) -> list[Judgement]:
    """One judgement per gold entity, in order, and one per spurious prediction.

    A gold entity is ``correct`` if predicted exactly; ``type`` if its words were predicted under another type;
    ``boundary`` if a prediction of its type overlaps it; ``type and boundary`` if only others overlap it;
    otherwise ``missed``. A prediction that overlaps no gold entity is ``spurious``. Hence gold entities are
    counted once each, and a prediction that spans two of them explains both.

    Raises:
        TagError: predictions that are not word for word beside gold.
    """
    gold, predicted = encode(gold), encode(predicted)
    check_aligned(gold, predicted)
    of_gold, of_predicted = (frozenset(map(tuple, orphans(tags).tolist())) for tags in (gold, predicted))
    found = []
    for sentence, (expected, given) in enumerate(zip(entities(gold), entities(predicted), strict=True)):
        if given == expected:
            found += [
                Judgement(sentence, entity, "correct", (sentence, entity.first) in of_gold) for entity in expected
            ]
            continue
        for entity in expected:
            outcome = "correct" if entity in given else _outcome(entity, given)
            found.append(Judgement(sentence, entity, outcome, (sentence, entity.first) in of_gold))
        for entity in given:
            if entity not in expected and not any(overlap(entity, other) for other in expected):
                found.append(Judgement(sentence, entity, "spurious", (sentence, entity.first) in of_predicted))
    return found


def overlap(one: Entity, other: Entity) -> bool:
    """Whether two entities of one sentence share a word."""
    return one.first <= other.last and other.first <= one.last


def surface_form(sentence: Sentence, entity: Entity) -> SurfaceForm:
    """The entity's words in lower case: the key under which it counts as seen."""
    return tuple(word.lower() for word in sentence.words[entity.first : entity.last + 1])


def training_entities(training: Sequence[Sentence]) -> frozenset[SurfaceForm]:
    """Surface forms of all entities of the training split, whatever their type.

    Raises:
        TagError: a sentence without tags.
    """
    blind = [sentence.index for sentence in training if sentence.tags is None]
    if blind:
        raise TagError(f"sentence {blind[0]}: no tags, so its entities are unknown; give the training split")
    found = entities([sentence.tags or () for sentence in training])
    return frozenset(
        surface_form(sentence, entity) for sentence, row in zip(training, found, strict=True) for entity in row
    )


def breakdown(
    sentences: Sequence[Sentence], judgements: Iterable[Judgement], seen: Collection[SurfaceForm]
) -> dict[tuple[str, str], Counter[Outcome]]:
    """Counts of outcomes by cut and group, such as (``type``, ``ORG``) or (``training``, ``unseen``).

    ``sentences`` supplies words; its tags are not read. Cuts and groups are those of :class:`Groups`.
    """
    return Groups(sentences, seen).count(judgements)


class Groups:
    """The groups that entities of one test split belong to, each found once for all runs.

    Cuts are ``all``, ``type``, ``length``, ``training`` (seen or unseen there) and ``opening`` (B- or orphan I-).

    A spurious prediction counts under its own type, length, surface form and opening.
    """

    def __init__(self, sentences: Sequence[Sentence], seen: Collection[SurfaceForm]) -> None:
        self._sentences, self._seen = sentences, seen
        self._known: dict[tuple[int, Entity], tuple[tuple[str, str], ...]] = {}

    def count(self, judgements: Iterable[Judgement]) -> dict[tuple[str, str], Counter[Outcome]]:
        """Counts of outcomes by cut and group."""
        alike = Counter((self._of(one.sentence, one.entity), one.orphan, one.outcome) for one in judgements)
        counts: dict[tuple[str, str], Counter[Outcome]] = defaultdict(Counter)
        for (groups, orphan, outcome), number in alike.items():
            for group in (*groups, ("opening", "orphan I-" if orphan else "B-")):
                counts[group][outcome] += number
        return dict(counts)

    def _of(self, sentence: int, entity: Entity) -> tuple[tuple[str, str], ...]:
        place = sentence, entity
        if place not in self._known:
            training = "seen" if surface_form(self._sentences[sentence], entity) in self._seen else "unseen"
            length = LENGTHS[min(entity.last - entity.first, len(LENGTHS) - 1)]
            self._known[place] = ("all", "all"), ("type", entity.kind), ("length", length), ("training", training)
        return self._known[place]


def _outcome(gold: Entity, predicted: Sequence[Entity]) -> Outcome:
    meeting = [entity for entity in predicted if overlap(gold, entity)]
    if gold in meeting:
        return "correct"
    if any(entity[1:] == gold[1:] for entity in meeting):
        return "type"
    if any(entity.kind == gold.kind for entity in meeting):
        return "boundary"
    return "type and boundary" if meeting else "missed"

"""The parts the controls are made of: vocabulary, captions, drawings, and the reasoning about ceilings."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from itertools import combinations

import pytest

from mner.data.controls import vocabulary
from mner.data.controls.expected import best_expected_f1, guessing_f1, mutual_information
from mner.data.controls.scenes import CAPTIONS, OBJECTS, SUBJECTS, compose_scene, draw_scene, shown_type
from mner.data.controls.sentences import ambiguous_mentions
from mner.data.corpus import TYPES
from mner.data.side_data import canonical_name


def test_vocabularies_of_the_types_share_no_word():
    lists = {
        "PER": vocabulary.GIVEN_NAMES + vocabulary.FAMILY_NAMES,
        "LOC": vocabulary.PLACE_FRONTS + vocabulary.PLACE_NAMES + vocabulary.TOWNS,
        "ORG": vocabulary.FIRM_NAMES + vocabulary.FIRM_KINDS,
        "MISC": vocabulary.WORK_NAMES + vocabulary.WORK_KINDS,
        "ambiguous": tuple(word for name in vocabulary.AMBIGUOUS_NAMES for word in name.split()),
    }
    assert all(not set(lists[one]) & set(lists[other]) for one, other in combinations(lists, 2))


def test_every_caption_and_label_tells_exactly_its_type():
    labels = defaultdict(set)
    for kind, subjects in SUBJECTS.items():
        for subject in subjects:
            assert {shown_type(caption) for caption in CAPTIONS[subject]} == {kind}
            labels[kind] |= {canonical_name(name) for name in (OBJECTS[subject][0], *OBJECTS[subject][1])}
    assert all(not labels[one] & labels[other] for one, other in combinations(TYPES, 2))
    with pytest.raises(ValueError, match="exactly one"):
        shown_type("a person holding a trophy")


@pytest.mark.parametrize("subject", [subject for subjects in SUBJECTS.values() for subject in subjects])
def test_drawings_are_deterministic_and_varied(subject):
    kind = next(kind for kind, subjects in SUBJECTS.items() if subject in subjects)
    rng = random.Random(3)
    scenes = [scene for scene in (compose_scene(kind, rng) for _ in range(40)) if scene.subject == subject]
    drawn = [draw_scene(scene) for scene in scenes]
    assert drawn == [draw_scene(scene) for scene in scenes]
    assert len(set(drawn)) == len(scenes) > 3


@pytest.mark.parametrize("count", [4, 5, 47, 48, 49, 131])
def test_ambiguous_mentions_balance_types(count):
    mentions = ambiguous_mentions(count, vocabulary.AMBIGUOUS_NAMES, random.Random(count))
    per_type = Counter(kind for _, kind in mentions)
    assert len(mentions) == count
    assert max(per_type.values()) - min(per_type[kind] for kind in TYPES) <= 1


def test_ceilings_by_hand():
    assert best_expected_f1(10, 0) == 100
    assert guessing_f1(0, 8) == best_expected_f1(0, 8) == 25
    assert guessing_f1(1, 1) == 62.5
    assert best_expected_f1(1, 1) == pytest.approx(200 / 3)
    for known, unknown in ((3, 9), (5, 5), (1, 30)):
        partial = [200 * (known + k / 4) / (2 * known + unknown + k) for k in range(unknown + 1)]
        assert best_expected_f1(known, unknown) == pytest.approx(max(partial))


def test_mutual_information_by_hand():
    assert mutual_information([(a, b) for a in "xy" for b in "xyz"]) == pytest.approx(0)
    assert mutual_information([(a, a) for a in "wxyz"]) == pytest.approx(2)

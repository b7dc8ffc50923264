"""The controls hold what they claim: planted truth, identical text, determinism, reasoned ceilings."""

from __future__ import annotations

import hashlib
import io
import json
import math
import random
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from PIL import Image
from seqeval.metrics import f1_score
from support.messages import names

from mner.config.controls_settings import CORPORA, NEIGHBOURS, ControlsError, ControlsSettings
from mner.data.controls import vocabulary
from mner.data.controls.expected import mutual_information
from mner.data.controls.planting import names_of, plan_controls, write_controls
from mner.data.controls.scenes import SIDE, shown_type
from mner.data.corpus import SPLITS, TYPES, read_corpus, read_sentences
from mner.data.side_data import read_side

SETTINGS = ControlsSettings(train=200, dev=100, test=100, seed=5, ambiguous_share=0.5)
LARGE = ControlsSettings(train=1200, dev=100, test=600, seed=11, ambiguous_share=0.5)
CHI_SQUARE_9_AT_1_IN_10000 = 33.72


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("data")
    for dataset in CORPORA:
        write_controls(dataset, root / dataset, SETTINGS)
    return {dataset: root / dataset for dataset in CORPORA}


def digest(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def spans(words, tags) -> list[tuple[tuple[str, ...], str]]:
    found: list[list] = []
    for word, tag in zip(words, tags, strict=True):
        if tag.startswith("B-"):
            found.append([[word], tag[2:]])
        elif tag.startswith("I-"):
            assert found[-1][1] == tag[2:]
            found[-1][0].append(word)
    return [(tuple(name), kind) for name, kind in found]


def ambiguous_of(sentence) -> tuple[tuple[str, ...], str] | None:
    names = {tuple(name.split()) for name in vocabulary.AMBIGUOUS_NAMES}
    held = [span for span in spans(sentence.words, sentence.tags) if span[0] in names]
    assert len(held) <= 1
    return held[0] if held else None


def labelled(folder: Path, split: str):
    return read_sentences(folder / ("gold/test.jsonl" if split == "test" else f"corpus/{split}.jsonl"))


def found(folder: Path, name: str):
    return next(one for one in json.loads((folder / "audit/findings.json").read_text()) if one["id"] == name)


@pytest.mark.parametrize("dataset", CORPORA)
def test_two_calls_write_the_same_bytes(dataset, folders, tmp_path):
    write_controls(dataset, tmp_path / "again", SETTINGS)
    assert digest(tmp_path / "again") == digest(folders[dataset])


def test_a_smaller_control_leaves_no_picture_of_a_larger_one_behind(folders, tmp_path):
    larger = ControlsSettings(train=220, dev=100, test=100, seed=9, ambiguous_share=0.5)
    write_controls(CORPORA[0], tmp_path / "reused", larger)
    write_controls(CORPORA[0], tmp_path / "reused", SETTINGS)
    assert digest(tmp_path / "reused") == digest(folders[CORPORA[0]])


def test_all_controls_hold_the_very_same_sentences_and_absences(folders):
    positive, negative, neighbours = (digest(folders[dataset]) for dataset in CORPORA)
    text = [name for name in positive if name.startswith(("corpus/", "gold/"))]
    assert len(text) == 4
    assert all(positive[name] == negative[name] == neighbours[name] for name in text)
    invalid = [json.loads((folders[dataset] / "side/images.json").read_text())["invalid"] for dataset in CORPORA]
    assert invalid[0] == invalid[1] == invalid[2]
    assert positive["side/captions.json"] != negative["side/captions.json"]


@pytest.mark.parametrize("split", SPLITS)
def test_both_controls_hold_pictures_of_the_same_kinds_equally_often(split):
    counts = [Counter(one.shown for one in plan_controls(dataset, SETTINGS)[split]) for dataset in CORPORA]
    assert counts[0] == counts[1] == counts[2]


def test_another_seed_gives_other_sentences():
    other = ControlsSettings(train=200, dev=100, test=100, seed=6, ambiguous_share=0.5)
    texts = [[one.draft.words for one in plan_controls(CORPORA[0], s)["test"]] for s in (SETTINGS, other)]
    assert texts[0] != texts[1]


def test_blind_test_has_no_tags_and_gold_has_them(folders):
    folder = folders[CORPORA[0]]
    corpus = read_corpus(folder / "corpus", CORPORA[0])
    assert "tags" not in (folder / "corpus/test.blind.jsonl").read_text()
    gold = read_sentences(folder / "gold/test.jsonl")
    assert [one.blind() for one in gold] == list(corpus.test)
    assert [len(corpus.split(split)) for split in SPLITS] == [200, 100, 100]


def test_no_sentence_occurs_twice(folders):
    texts = [one.words for split in SPLITS for one in labelled(folders[CORPORA[0]], split)]
    assert len(texts) == len(set(texts)) == 400


@pytest.mark.parametrize("split", SPLITS)
def test_ambiguous_names_meet_every_type_equally_often(split, folders):
    held = [ambiguous_of(one) for one in labelled(folders[CORPORA[0]], split)]
    counts = Counter(span for span in held if span)
    names = {tuple(name.split()) for name in names_of(SETTINGS)}
    assert set(counts) == {(name, kind) for name in names for kind in TYPES}
    assert max(counts.values()) - min(counts.values()) <= 1
    assert sum(counts.values()) == SETTINGS.ambiguous(split)


def test_the_text_around_ambiguous_names_does_not_tell_the_type():
    pairs = defaultdict(list)
    for one in plan_controls(CORPORA[0], LARGE)["train"]:
        if one.draft.ambiguous:
            for feature, value in (("first", one.draft.words[0]), ("last", one.draft.words[-1])):
                pairs[feature].append((value, one.draft.ambiguous))
            pairs["length"].append((str(len(one.draft.words)), one.draft.ambiguous))
    for feature, held in pairs.items():
        shuffled = []
        rng = random.Random(0)
        for _ in range(100):
            types = rng.sample([kind for _, kind in held], len(held))
            shuffled.append(mutual_information([(v, k) for (v, _), k in zip(held, types, strict=True)]))
        assert mutual_information(held) <= max(shuffled), feature


def caption_and_type(folder: Path, split: str) -> list[tuple[str, str]]:
    captions = json.loads((folder / "side/captions.json").read_text())["planted"]
    held = ((captions.get(one.image), ambiguous_of(one)) for one in labelled(folder, split))
    return [(caption, span[1]) for caption, span in held if caption and span]


@pytest.mark.parametrize("split", SPLITS)
def test_captions_tell_the_ambiguous_type_in_the_positive_control(split, folders):
    pairs = [
        (shown_type(caption), kind) for caption, kind in caption_and_type(folders["controls-positive"], split)
    ]
    shares = [count / len(pairs) for count in Counter(kind for _, kind in pairs).values()]
    entropy = -sum(share * math.log2(share) for share in shares)
    assert entropy > 1.95
    assert mutual_information(pairs) == pytest.approx(entropy)
    assert found(folders["controls-positive"], f"{split}.caption-bits")["seen"] == pytest.approx(entropy, abs=1e-3)


def test_objects_alone_tell_the_type_in_the_positive_control_and_nothing_in_the_negative(folders):
    accuracy = {}
    for dataset, folder in folders.items():
        objects = json.loads((folder / "side/objects.json").read_text())["planted"]
        votes: dict[str, Counter] = defaultdict(Counter)
        for one in labelled(folder, "train"):
            if ambiguous_of(one) and one.image in objects:
                votes[objects[one.image][0]][ambiguous_of(one)[1]] += 1
        held = [one for one in labelled(folder, "test") if ambiguous_of(one) and one.image in objects]
        right = [votes[objects[one.image][0]].most_common(1)[0][0] == ambiguous_of(one)[1] for one in held]
        accuracy[dataset] = sum(right) / len(right)
    assert accuracy["controls-positive"] == 1.0
    assert accuracy["controls-negative"] < 0.45


@pytest.mark.parametrize("split", ["train", "test"])
def test_pictures_tell_nothing_in_the_negative_control(split):
    pairs = [
        (one.shown, one.draft.ambiguous)
        for one in plan_controls("controls-negative", LARGE)[split]
        if one.shown and one.draft.ambiguous
    ]
    assert 2 * len(pairs) * math.log(2) * mutual_information(pairs) < CHI_SQUARE_9_AT_1_IN_10000


def test_pictures_tell_nothing_about_easy_entities_in_the_negative_control():
    pairs = [
        (one.shown, one.draft.subject)
        for one in plan_controls("controls-negative", LARGE)["train"]
        if one.shown and one.draft.subject and not one.draft.ambiguous
    ]
    assert 2 * len(pairs) * math.log(2) * mutual_information(pairs) < CHI_SQUARE_9_AT_1_IN_10000


def test_easy_names_have_one_type(folders):
    types = defaultdict(set)
    for split in SPLITS:
        for one in labelled(folders[CORPORA[0]], split):
            for name, kind in spans(one.words, one.tags):
                types[name].add(kind)
    ambiguous = {tuple(name.split()) for name in vocabulary.AMBIGUOUS_NAMES}
    assert all(len(kinds) == 1 for name, kinds in types.items() if name not in ambiguous)


@pytest.mark.parametrize("dataset", CORPORA)
def test_side_files_agree_with_the_pictures_on_disk(dataset, folders):
    folder = folders[dataset]
    images, pixels = (json.loads((folder / f"side/{name}.json").read_text()) for name in ("images", "pixels"))
    every = {one.image for split in SPLITS for one in labelled(folder, split)}
    assert len(every) == 400
    assert set(pixels) | set(images["invalid"]) == every
    assert len(images["invalid"]) == sum(SETTINGS.absent(split) for split in SPLITS) > 0
    for name in ("captions", "objects"):
        assert set(json.loads((folder / f"side/{name}.json").read_text())["planted"]) == set(pixels)
    assert {path.stem for path in (folder / "images").iterdir()} == set(pixels)
    for record in pixels.values():
        content = (folder / record["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == record["sha256"]
        assert Image.open(io.BytesIO(content)).size == (SIDE, SIDE)
    side = read_side(folder / "side", captions="planted", objects="planted")
    assert len(side.captions) == len(pixels)
    retrieval = json.loads((folder / "side/retrieval.json").read_text())
    assert retrieval.pop("k") == 10
    assert {split: len(lists) for split, lists in retrieval.items()} == {"train": 200, "dev": 100, "test": 100}
    assert all(bool(entry) == (dataset == NEIGHBOURS) for lists in retrieval.values() for entry in lists)


def oracle(sentence, caption: str | None, sees: bool, guesses: bool, rng: random.Random) -> list[str]:
    """Tags of a tagger that knows all the text tells and, where it ``sees`` them, what captions tell."""
    span = ambiguous_of(sentence)
    if span is None:
        return list(sentence.tags)
    kind = shown_type(caption) if sees and caption else rng.choice(TYPES) if guesses else None
    start = next(i for i in range(len(sentence.words)) if sentence.words[i : i + len(span[0])] == span[0])
    tags = list(sentence.tags)
    for offset in range(len(span[0])):
        tags[start + offset] = f"{'I' if offset else 'B'}-{kind}" if kind else "O"
    return tags


@pytest.mark.parametrize("sees", [False, True])
def test_ceilings_are_what_perfect_taggers_reach(sees, folders):
    folder = folders["controls-positive"]
    gold = labelled(folder, "test")
    captions = json.loads((folder / "side/captions.json").read_text())["planted"]
    mean = {}
    for guesses in (False, True):
        rng = random.Random(1)
        scores = [
            f1_score(
                [list(one.tags) for one in gold],
                [oracle(one, captions.get(one.image), sees, guesses, rng) for one in gold],
            )
            for _ in range(40 if guesses else 1)
        ]
        mean[guesses] = 100 * sum(scores) / len(scores)
    sight = "multimodal" if sees else "text-only"
    assert found(folder, f"test.guessing-{sight}")["seen"] == pytest.approx(mean[True], abs=1.0)
    assert found(folder, f"test.ceiling-{sight}")["seen"] == pytest.approx(max(mean.values()), abs=1.0)


def test_the_gap_between_the_ceilings_is_wide_on_positive_and_nought_on_negative(folders):
    gaps = {}
    for dataset, folder in folders.items():
        text, both = (found(folder, f"test.ceiling-{sight}")["seen"] for sight in ("text-only", "multimodal"))
        gaps[dataset] = both - text
    assert gaps["controls-negative"] == 0
    assert gaps["controls-positive"] > 20


def test_the_audit_has_no_difference_and_no_words_of_sentences(folders):
    for folder in folders.values():
        findings = json.loads((folder / "audit/findings.json").read_text())
        assert {one["severity"] for one in findings} == {"info"}
        text = (folder / "audit/audit.md").read_text()
        assert not any(name in text for name in vocabulary.AMBIGUOUS_NAMES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": 6}, names("test", 6)),
        ({"ambiguous_share": 0.95}, "0.92"),
        ({"ambiguous_share": 0.0}, names(0)),
        ({"train": 10.5}, names("train")),
    ],
)
def test_settings_without_meaning_are_refused(change, message):
    fields = {"train": 40, "dev": 40, "test": 40, "seed": 1, "ambiguous_share": 0.5, **change}
    with pytest.raises(ControlsError, match=message):
        ControlsSettings(**fields)


def test_unknown_control_is_refused(tmp_path):
    with pytest.raises(ControlsError, match="controls-positive, controls-negative, controls-neighbours"):
        write_controls("controls-neutral", tmp_path, SETTINGS)
    assert not any(tmp_path.iterdir())

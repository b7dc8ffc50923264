"""Where the values of params.yaml end: the last that is good, the first that is not; and what a profile holds."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from mner.config import (
    CAPTION_TOKENS,
    Config,
    ConfigError,
    DataSettings,
    ExtractorSettings,
    FeatureSettings,
    Places,
    VerifySettings,
    load,
)

PARAMS = Path(__file__).resolve().parent.parent / "params.yaml"
CONFIG = load(PARAMS)


def loaded(tmp_path: Path, change) -> Config:
    raw = copy.deepcopy(yaml.safe_load(PARAMS.read_text(encoding="utf-8")))
    change(raw)
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    return load(path)


@pytest.mark.parametrize(
    ("make", "good", "bad", "message"),
    [
        (
            lambda score: DataSettings("umt", {}, {}, minimum_score=score),
            (0.0, 1.0),
            (-0.01, 1.01),
            "minimum_score",
        ),
        (lambda copy: DataSettings(copy, {}, {}), ("umt",), ("rgcn", ""), "made of the copy 'umt' alone"),
        (lambda size: ExtractorSettings("grid", size), (1,), (0,), "a batch holds at least one picture"),
        (lambda size: FeatureSettings("minilm", size, 64), (1,), (0,), "max_regions is 0; it is at least 1"),
        (lambda size: FeatureSettings("minilm", 49, size), (1,), (0,), "batch_size is 0; it is at least 1"),
        (lambda level: VerifySettings(1.0, level, 0.2, 5.0), (0.05, 0.99), (0.0, 1.0), "the level of a test"),
        (lambda points: VerifySettings(points, 0.05, 0.2, 5.0), (0.0, 100.0), (-0.1, 100.1), "margin is"),
        (
            lambda points: VerifySettings(1.0, 0.05, points, 5.0),
            (0.0, 100.0),
            (-0.1, 100.1),
            "reference_margin is",
        ),
        (lambda points: VerifySettings(1.0, 0.05, 0.2, points), (0.0, 100.0), (-0.1, 100.1), "control_gain"),
        (
            lambda seed: replace(CONFIG.active, seeds=(1, seed)),
            (0, 2**32 - 1),
            (-1, 2**32),
            "a seed is a whole number from 0 to 4294967295",
        ),
    ],
)
def test_the_last_good_value_and_the_first_bad_one(make, good, bad, message):
    for value in good:
        make(value)
    for value in bad:
        with pytest.raises(ValueError, match=message):
            make(value)


@pytest.mark.parametrize(
    ("section", "entry", "value"),
    [
        ("data", "objects", "ocsga"),
        ("data", "ocr", "extracted"),
        ("data", "regions", "grid"),
        ("relations", "kind", "rebuilt"),
        ("features", "kinds", [CAPTION_TOKENS]),
    ],
)
def test_a_misspelt_data_set_is_an_error_wherever_it_stands(tmp_path, section, entry, value):
    def change(raw) -> None:
        raw[section].setdefault(entry, {})["twitter2071"] = value

    message = rf"{section}\.{entry}: unknown 'twitter2071'; did you mean 'twitter201[57]'"
    with pytest.raises(ConfigError, match=message):
        loaded(tmp_path, change)


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ([], "features.kinds.twitter2015 is empty or repeats an entry"),
        (["grid", "grid"], "features.kinds.twitter2015 is empty or repeats an entry"),
        (["gird"], "features.kinds.twitter2015: unknown 'gird'; did you mean 'grid'"),
        (["grid"], "nothing makes 'grid'; name its extractor in features.extractors"),
    ],
)
def test_kinds_of_features_are_known_and_made_by_something(tmp_path, kinds, message):
    def change(raw) -> None:
        raw["features"]["kinds"]["twitter2015"] = kinds
        raw["features"]["extractors"].pop("grid")

    with pytest.raises(ConfigError, match=message):
        loaded(tmp_path, change)


def test_an_extractor_of_an_unknown_kind_is_an_error(tmp_path):
    made = {"name": "crops", "batch_size": 1}
    with pytest.raises(ConfigError, match=r"features\.extractors: unknown 'crop'; did you mean 'crops'"):
        loaded(tmp_path, lambda raw: raw["features"]["extractors"].update(crop=made))


def test_a_data_set_that_names_no_kinds_has_those_of_its_captions():
    features = FeatureSettings("minilm", 49, 64, {"twitter2015": ("grid", "ocr")})
    assert features.kinds_of("twitter2015") == ("grid", "ocr")
    assert features.kinds_of("twitter2017") == (CAPTION_TOKENS,)


def test_cells_are_every_system_on_every_data_set_data_sets_first():
    profile = replace(CONFIG.active, datasets=("b", "a"), systems=("y", "x"))
    assert profile.cells == (("b", "y"), ("b", "x"), ("a", "y"), ("a", "x"))


def test_pictures_and_the_network_are_where_the_environment_says(tmp_path):
    (tmp_path / "pictures").mkdir()
    environment = {"MNER_IMAGES": str(tmp_path / "pictures"), "MNER_OFFLINE": "0", "MNER_MIRROR": ""}
    places = Places.from_environment(environment)
    assert (places.images, places.network, places.mirrors) == (tmp_path / "pictures", True, ())
    assert places.cache == Path.home() / ".cache" / "mner"

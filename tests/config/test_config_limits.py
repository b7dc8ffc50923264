"""Where the values of params.yaml end: the last that is good, the first that is not; and what a profile holds."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from support.profile_settings import settings, whole

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

CONFIG = settings()


def loaded(tmp_path: Path, change) -> Config:
    raw = whole("paper")
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
    ("field", "good", "bad", "message"),
    [
        *((field, 1, 0, "are at least 1") for field in ("epochs", "batch_size", "evaluation_batch_size")),
        *((field, 1, 0, "are at least 1") for field in ("threads", "length_multiple")),
        ("frozen_layers", 0, -1, "frozen_layers is at least 0"),
        ("transition_learning_rate", 0.0, -0.1, "transition_learning_rate is a number of at least 0, not -0.1"),
        ("clip", 0.1, math.inf, "clip is a number of at least 0, not inf"),
        ("warmup", 0.0, math.nan, "warmup is a number of at least 0, not nan"),
    ],
)
def test_numbers_of_a_recipe_end_where_they_stop_to_mean_something(field, good, bad, message):
    recipe = CONFIG.recipe_of("bert-crf")
    replace(recipe, **{field: good})
    with pytest.raises(ValueError, match=message):
        replace(recipe, **{field: bad})


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


@pytest.mark.parametrize("value", ["true", "yes", "2"])
def test_offline_is_said_by_1_and_any_other_word_is_an_error_rather_than_the_network(value):
    with pytest.raises(ConfigError, match=f"MNER_OFFLINE is '{value}'; 1 keeps off the network, 0 does not"):
        Places.from_environment({"MNER_OFFLINE": value})
    assert Places.from_environment({"MNER_OFFLINE": ""}).network


def test_a_variable_that_is_set_to_nothing_is_as_one_that_is_not_set(tmp_path):
    places = Places.from_environment({"MNER_CACHE": "", "XDG_CACHE_HOME": "", "MNER_IMAGES": ""})
    assert places == Places(Path.home() / ".cache" / "mner", (), None, True)


def test_a_file_is_no_folder_of_pictures(tmp_path):
    (tmp_path / "pictures.zip").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"pictures\.zip is not a folder; check MNER_MIRROR and MNER_IMAGES"):
        Places.from_environment({"MNER_IMAGES": str(tmp_path / "pictures.zip")})


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (None, r"active\.recipe\.rows: expected a mapping, found None"),
        (["umt"], r"active\.recipe\.rows: expected a mapping, found \['umt'\]"),
        ({"umt": None}, r"active\.recipe\.rows\.umt: expected a mapping, found None"),
        ({"umt": 24}, r"active\.recipe\.rows\.umt: expected a mapping, found 24"),
    ],
)
def test_rows_of_a_profile_that_are_none_are_an_error_by_their_place(tmp_path, rows, message):
    with pytest.raises(ConfigError, match=message):
        loaded(tmp_path, lambda raw: raw["active"]["recipe"].update(rows=rows))


def test_an_encoder_is_called_by_its_key_alone(tmp_path):
    with pytest.raises(ConfigError, match=r"encoders\.minilm calls itself 'bert-base-cased'"):
        loaded(tmp_path, lambda raw: raw["encoders"]["minilm"].update(name="bert-base-cased"))


def test_the_encoder_of_a_rows_own_graph_is_one_of_the_encoders(tmp_path):
    with pytest.raises(ConfigError, match=r"relations\.encoder: unknown 'minilmm'; did you mean 'minilm'"):
        loaded(tmp_path, lambda raw: raw["systems"]["rgcn"].update(relations={"encoder": "minilmm"}))


def test_a_file_in_another_encoding_and_a_doubled_key_are_told_by_the_files_name(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes("note: für alle\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"params\.yaml is not YAML: .*utf-8"):
        load(path)
    path.write_text("a: 1\na: 2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"params\.yaml, line 2: 'a' is said before, in line 1"):
        load(path)


def test_a_row_that_no_profile_has_is_checked_too(tmp_path):
    def change(raw) -> None:
        raw["systems"]["spare"] = {**raw["systems"]["rgcn"], "recipe": {"epoch": 3}}

    with pytest.raises(
        ConfigError, match=r"recipe of spare in profile .*: unknown 'epoch'; did you mean 'epochs'"
    ):
        loaded(tmp_path, change)


@pytest.mark.parametrize("part", ["rows", "regions", "options"])
def test_a_profile_says_nothing_of_rows_that_are_not_declared(tmp_path, part):
    def change(raw) -> None:
        said = {"rows": {"epochs": 3}, "regions": "grid", "options": {"dropout": 0.2}}[part]
        (raw["active"]["recipe"] if part == "rows" else raw["active"])[part] = {"umtt": said}

    with pytest.raises(ConfigError, match=rf"{part}: unknown 'umtt'; did you mean 'umt'"):
        loaded(tmp_path, change)

"""params.yaml: every key known, every error says where and what instead, every profile valid."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
import yaml
from support.messages import names
from support.profile_settings import settings, whole, write_profile

from mner.config import Config, ConfigError, Places, load, profiles
from mner.config.training_recipe import Recipe
from mner.evaluation.paper_reading import load_paper
from mner.training.experiment import Cell

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def edited(tmp_path):
    """Loads the params.yaml of profile paper after an edit of its parsed form."""

    def edit(change) -> Config:
        raw = whole("paper")
        change(raw)
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
        return load(path)

    return edit


def setting(*keys, value):
    """An edit that sets one entry."""

    def change(raw) -> None:
        for key in keys[:-1]:
            raw = raw[key]
        raw[keys[-1]] = value

    return change


def test_the_params_yaml_of_this_repository_is_valid():
    assert load(ROOT / "params.yaml").active.name


@pytest.mark.parametrize("name", profiles.names())
def test_every_profile_is_valid_when_active(tmp_path, name):
    config = load(write_profile(tmp_path, name))
    assert config.active == replace(config.profiles[name], recipe={**config.active.recipe})
    for system in config.systems:
        assert isinstance(config.recipe_of(system), Recipe)


def test_a_recipe_is_the_shared_one_changed_by_the_profile_then_by_the_row(edited):
    def change(raw) -> None:
        raw["recipe"] |= {"epochs": 11, "batch_size": 12, "max_pieces": 130}
        raw["active"]["recipe"] = {"epochs": 21, "batch_size": 22}
        raw["systems"]["rgcn"]["recipe"] = {"epochs": 31}

    recipe = edited(change).recipe_of("rgcn")
    assert (recipe.epochs, recipe.batch_size, recipe.max_pieces) == (31, 22, 130)

    def for_this_row(raw) -> None:
        change(raw)
        raw["active"]["recipe"]["rows"] = {"rgcn": {"epochs": 41}}

    assert edited(for_this_row).recipe_of("rgcn").epochs == 41
    assert edited(for_this_row).recipe_of("bert-crf").epochs == 21


def config_of_quick():
    return {key: value for key, value in whole("quick").items() if key in ("active", "recipe")}


def test_a_row_of_a_profile_may_have_its_own_encoder_which_is_no_part_of_its_recipe(edited):
    def change(raw) -> None:
        raw.update(config_of_quick())
        raw["active"]["recipe"] = {"rows": {"rgcn": {"encoder": "bert-base-cased"}}}

    config, plain = edited(change), settings("quick")
    assert [config.active.encoder_of(row) for row in ("rgcn", "bert-crf")] == ["bert-base-cased", "minilm"]
    cell = Cell(config, "twitter2017", "rgcn", ROOT)
    assert (cell.encoder.name, replace(cell, system="bert-crf").encoder.name) == ("bert-base-cased", "minilm")
    assert config.recipe_of("rgcn") == plain.recipe_of("rgcn")
    assert {plain.active.encoder_of(row) for row in plain.active.systems} == {"minilm"}


def test_rows_of_profile_paper_have_the_encoder_of_a_printed_row_where_we_have_it():
    config, paper = settings("paper"), load_paper(ROOT / "reports" / "paper.yaml")
    printed: dict[str, set[str]] = {}
    for row in (row for table in paper.tables for row in table.rows):
        printed.setdefault(row.system, set()).update(used.encoder for used in row.used.values())
    profile = config.active
    for system in profile.systems:
        if choices := printed.get(system, set()) & set(config.encoders):
            assert profile.encoder_of(system) in choices


def test_a_data_set_may_change_options_of_a_row_and_no_other_data_set_sees_it(edited):
    config = edited(setting("systems", "ita-all-cva", "by_dataset", value={"twitter2015": {"temperature": 9.0}}))
    row = config.systems["ita-all-cva"]
    assert row.options_on("twitter2015") == {**row.options, "temperature": 9.0}
    assert row.options_on("twitter2017") == row.options


def test_the_profile_of_published_recipes_trains_what_the_cards_say():
    config = settings("paper")
    rpbert, umgf, rgcn = (config.recipe_of(row) for row in ("rpbert", "umgf", "rgcn-no-inter"))
    assert (rpbert.epochs, rpbert.encoder_learning_rate, rpbert.head_learning_rate) == (10, 1e-5, 1e-3)
    assert {umgf.encoder_learning_rate, umgf.head_learning_rate, umgf.transition_learning_rate} == {1e-4}
    assert {rgcn.encoder_learning_rate, rgcn.head_learning_rate, rgcn.transition_learning_rate} == {5e-5}
    text, cva = config.recipe_of("ita-text"), config.recipe_of("ita-all-cva")
    assert (text.encoder_learning_rate, text.head_learning_rate, text.transition_learning_rate) == (
        5e-6,
        5e-6,
        0.05,
    )
    assert (text.epochs, text.weight_decay, text.warmup, text.schedule, text.clip) == (10, 0.0, 0.0, "linear", 5.0)
    assert (text.batch_size, replace(cva, select=text.select)) == (4, replace(text, batch_size=2))
    ita = config.systems["ita-all-cva"]
    assert [ita.options_on(d)["temperature"] for d in ("twitter2015", "twitter2017")] == [4.0, 2.0]


def row_of_active(name):
    """An edit that makes the active profile one row."""
    return setting("active", value={**whole("quick")["active"], "systems": [name]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (setting("feautres", value={}), names("params.yaml", "'feautres'", "'features'")),
        (
            setting("features", "max_region", value=3),
            names("features", "'max_region'", "'max_regions'"),
        ),
        (setting("recipe", "epoch", value=3), names("'epoch'", "'epochs'")),
        (setting("systems", "rgcn", "recipe", value={"clp": 1.0}), r"recipe of rgcn.*did you mean 'clip'"),
        (setting("active", "recipe", value={"warm": 0.1}), names("paper", "'warm'", "'warmup'")),
        (row_of_active("rgnc"), names("active.systems", "'rgnc'", "'rgcn'", "systems")),
        (setting("active", "datasets", value=["twitter2071"]), r"active\.datasets: .*'twitter2017'"),
        (setting("active", "encoder", value="minlm"), r"active\.encoder: .*'minilm'"),
        (setting("features", "encoder", value="minlm"), r"features\.encoder: .*'minilm'"),
        (setting("relations", "encoder", value="minlm"), r"relations\.encoder: .*'minilm'"),
        (setting("relations", "kind", "twitter2071", value="rebuilt"), names("relations.kind", "twitter2071")),
        (setting("data", "objects", "twitter2071", value=None), names("data.objects", "twitter2071")),
        (setting("systems", "mine", value={"like": "rgnc"}), names("systems.mine.like", "'rgnc'", "'rgcn'")),
        (setting("systems", "mine", value={"like": "mine"}), names("mine")),
    ],
)
def test_an_unknown_name_is_an_error_that_says_where_and_what_is_near(edited, change, message):
    with pytest.raises(ConfigError, match=message):
        edited(change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (setting("features", "max_regions", value="49"), names("features", "max_regions", "'49'")),
        (setting("features", "max_regions", value=True), names("features", "max_regions", True)),
        (setting("recipe", "clip", value="0,5"), names("clip", "'0,5'")),
        (setting("recipe", "clip", value=True), names("clip", True)),
        (setting("recipe", "views", value="own"), names("views", "'own'")),
        (setting("recipe", "views", value=["mine"]), names("'mine'", "own", "none", "shuffled")),
        (setting("recipe", "select", value=[]), names("select", "[]")),
        (setting("recipe", "train_sentences", value="all"), names("train_sentences", "'all'")),
        (setting("recipe", "train_sentences", value=0), r"train_sentences at least 1 \(or null"),
        (setting("recipe", "precision", value="half"), names("'half'", "float32", "bfloat16", "auto")),
        (
            setting("recipe", "schedule", value="cosine"),
            names("'cosine'", "linear", "constant", "bert"),
        ),
        (setting("recipe", "optimiser", value="sgdd"), names("'sgdd'")),
        (setting("recipe", "patience", value=0), r"patience is at least 1 epoch \(or null for never\), not 0"),
        (setting("recipe", "epochs", value=0), r"epochs is 0"),
        (setting("recipe", "warmup", value=1.0), r"0 <= warmup < 1, not 1\.0"),
        (setting("recipe", "max_pieces", value=2), r"max_pieces is at least 3"),
        (setting("recipe", "clip", value=0), r"clip is the largest norm of a gradient, above 0"),
        (setting("recipe", "frozen_layers", value=-3), r"frozen_layers is at least 0 .*, not -3"),
        (setting("relations", "index", value="exacd"), names("relations", "'exacd'")),
        (
            setting("relations", "kind", "twitter2015", value="relesed"),
            names("relations", "'relesed'", "released", "rebuilt", "clip"),
        ),
        (
            setting("systems", "rgcn", "relations", value={"kind": "rebult"}),
            names("'rebult'"),
        ),
        (setting("systems", "rgcn", value="mner/systems/rgcn.py"), names("systems.rgcn")),
        (setting("data", "captions", value=["blip2"]), names("captions")),
        (
            setting("encoders", "minilm", value={"package": "x", "hub": "y"}),
            r"exactly one of 'package', 'packages'",
        ),
        (setting("encoders", "minilm", value={}), r"exactly one of 'package', 'packages'"),
        (setting("encoders", value=["minilm"]), names("encoders")),
        (setting("controls", "ambiguous_share", value=0.0), r"controls.*ambiguous_share is 0\.0"),
        (setting("features", "batch_size", value=0), r"features: batch_size is 0; it is at least 1"),
        (setting("features", "max_regions", value=-1), r"features: max_regions is -1"),
        (setting("data", "minimum_score", value=1.5), r"data: minimum_score is 1\.5; a detector's scores"),
        (setting("verify", "alpha", value=0), r"verify: alpha is 0\.0; the level of a test"),
        (setting("verify", "margin", value=-0.5), r"verify: margin is -0\.5; points of F1"),
        (setting("verify", "margin", value=float("nan")), r"verify: margin is nan"),
        (
            setting("active", "recipe", "rows", value={"rgcnn": {}}),
            names("recipe.rows", "'rgcnn'"),
        ),
        (
            setting("active", "recipe", "rows", value={"umt": {"epoch": 3}}),
            names("'epoch'"),
        ),
        (
            setting("active", "recipe", "rows", value={"umt": {"encoder": "bert-base-case"}}),
            names("active.recipe.rows.umt.encoder", "'bert-base-case'", "'bert-base-cased'"),
        ),
        (setting("systems", "rgcn", "by_dataset", value={"twitter15": {}}), names("by_dataset", "'twitter15'")),
        (
            setting("systems", "rgcn", "by_dataset", value={"twitter2015": {"gat": 1}}),
            names("by_dataset.twitter2015", "'gat'", "'gate'"),
        ),
        (setting("active", "seeds", value=[-1]), r"seed -1; a seed is a whole number from 0"),
    ],
)
def test_a_wrong_value_is_an_error_that_says_what_would_do(edited, change, message):
    with pytest.raises(ConfigError, match=message):
        edited(change)


def test_a_missing_key_is_named(edited):
    with pytest.raises(ConfigError, match=names("active", "datasets", "seeds")):
        edited(lambda raw: (raw["active"].pop("seeds"), raw["active"].pop("datasets")))
    with pytest.raises(ConfigError, match=names("recipe", "clip")):
        edited(lambda raw: raw["recipe"].pop("clip"))


@pytest.mark.parametrize("field", ["seeds", "systems", "datasets"])
def test_a_profile_repeats_nothing_and_lacks_nothing(edited, field):
    def repeat(raw) -> None:
        profile = raw["active"]
        profile[field] = [*profile[field], profile[field][0]]

    with pytest.raises(ConfigError, match=rf"active\.{field} is empty or repeats an entry"):
        edited(repeat)
    with pytest.raises(ConfigError, match=rf"active\.{field} is empty or repeats an entry"):
        edited(setting("active", field, value=[]))


def test_the_active_profile_may_be_one_of_the_package_one_changed_or_one_of_our_own(edited):
    config = edited(setting("active", "seeds", value=[77]))
    assert (config.active.seeds, config.profiles["paper"].seeds) == ((77,), (77,))
    mine = edited(setting("active", "name", value="mine"))
    assert mine.profiles["mine"] == mine.active
    assert mine.profiles["paper"].seeds == (1, 2, 3, 4, 5)
    with pytest.raises(ConfigError, match=names("active", "'quick'")):
        edited(setting("active", value="quick"))


def test_a_row_of_our_own_is_added_and_one_of_the_package_is_changed(edited):
    def change(raw) -> None:
        raw["systems"] = {
            "mine": {"like": "rgcn-no-gate", "options": {"heads": 4}},
            "bare": {"file": "baselines/bert.py"},
            "umt": {"options": {"dropout": 0.3}},
        }

    config, plain = edited(change), settings("paper")
    assert config.systems["mine"].options == {**plain.systems["rgcn-no-gate"].options, "heads": 4}
    assert config.systems["bare"].options == config.systems["bare"].recipe == {}
    assert config.systems["umt"].options == {**plain.systems["umt"].options, "dropout": 0.3}
    assert {name: row for name, row in config.systems.items() if name not in ("mine", "bare", "umt")} == {
        name: row for name, row in plain.systems.items() if name != "umt"
    }


def test_files_that_are_no_parameters_are_refused(tmp_path):
    path = tmp_path / "params.yaml"
    with pytest.raises(ConfigError, match=r"does not exist; run from the repository root"):
        load(path)
    for text, message in (("a: [", names("YAML")), ("", names(path)), ("- a\n", names(path))):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=message):
            load(path)


def test_a_key_said_twice_is_an_error_with_both_lines(tmp_path):
    text = write_profile(tmp_path, "full").read_text(encoding="utf-8")
    line = 1 + text[: text.index("\n  batch_size: 16\n") + 1].count("\n")
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("  batch_size: 16\n", "  batch_size: 16\n  batch_size: 32\n"), encoding="utf-8")
    with pytest.raises(ConfigError, match=f"line {line + 1}: 'batch_size' is said before, in line {line}"):
        load(path)


def test_a_config_cannot_be_changed():
    config = settings()
    with pytest.raises(FrozenInstanceError):
        config.active = config.profiles["full"]
    assert replace(config, active=config.profiles["full"]).active.name == "full"


def test_places_come_from_the_environment_given(tmp_path):
    (tmp_path / "m1").mkdir()
    (tmp_path / "m2").mkdir()
    environment = {
        "MNER_CACHE": str(tmp_path / "cache"),
        "MNER_MIRROR": f"{tmp_path / 'm1'}:{tmp_path / 'm2'}",
        "MNER_OFFLINE": "1",
    }
    places = Places.from_environment(environment)
    assert places == Places(tmp_path / "cache", (tmp_path / "m1", tmp_path / "m2"), None, False)
    bare = Places.from_environment({"XDG_CACHE_HOME": str(tmp_path)})
    assert bare == Places(tmp_path / "mner", (), None, True)


@pytest.mark.parametrize("variable", ["MNER_MIRROR", "MNER_IMAGES"])
def test_a_place_that_is_not_there_is_an_error(tmp_path, variable):
    with pytest.raises(ConfigError, match=r"gone is not a folder; check MNER_MIRROR and MNER_IMAGES"):
        Places.from_environment({variable: str(tmp_path / "gone")})

"""What commands make of the library's answers: lines, order, exit codes of verify, show, cases, reach, card."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support import tiny
from support.messages import names

from mner.base.files import write_json_atomically
from mner.cli import main as cli

Patch, Output = pytest.MonkeyPatch, pytest.CaptureFixture[str]
Calls = list[tuple[str, tuple[Any, ...]]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: Patch) -> Path:
    """A folder with parameters and nothing else."""
    tiny.write_parameters(tmp_path, tiny.parameters("some_encoder"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_show_prints_what_holds_results_once_introduced_and_names_the_rest(here: Path, capsys: Output) -> None:
    folder = here / "reports" / "rendered" / "tiny"
    cells = [{"table": f"{table}-toy", "origin": "ours", "value": 50.0} for table in ("table2", "table1")]
    write_json_atomically(folder / "tables.json", {"cells": cells})
    for section in ("table1", "table2", "ita"):
        (folder / f"{section}.md").write_text(f"# {section}\n\nabout the profile\n\n### toy of {section}\n")
    assert cli.main(["show"]) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith(("#", "about", "nothing"))] == [
        "# table1",
        "about the profile",
        "### toy of table1",
        "# table2",
        "### toy of table2",
        "nothing was run for reports/rendered/tiny/ita.md",
    ]


def test_show_without_tables_says_how_to_get_them(here: Path, capsys: Output) -> None:
    assert cli.main(["show"]) == 2
    assert capsys.readouterr().err.startswith("mner show: reports/rendered/tiny is not there; ")


@pytest.fixture
def told(monkeypatch: Patch) -> Calls:
    """What ``mner cases`` asks of the library, in order, where two data sets were scored."""
    calls: Calls = []

    def answering(name: str, answer: Any):
        def call(*arguments: Any) -> Any:
            calls.append((name, arguments))
            return answer

        return call

    sentences = {(dataset, "test"): f"sentences of {dataset}" for dataset in ("toy", "more")}
    tagged = SimpleNamespace(sentences=sentences, gold=sentences)
    for place, answer in {
        "mner.evaluation.kept_results.results_of": SimpleNamespace(datasets=("toy", "more")),
        "mner.evaluation.kept_results.runs_at_hand": nullcontext(Path()),
        "mner.evaluation.tagged.read_tagged": tagged,
        "mner.data.corpus.read_sentences": "training",
        "mner.evaluation.error_counts.find_cases": ["a case"],
        "mner.evaluation.error_counts.error_classes": ["an error"],
        "mner.reporting.error_tables.render_cases": "cases\n",
        "mner.reporting.error_tables.render_classes": "classes\n",
    }.items():
        monkeypatch.setattr(place, answering(place.rpartition(".")[2], answer))
    return calls


def arguments_of(calls: Calls, name: str) -> list[tuple[Any, ...]]:
    return [arguments for called, arguments in calls if called == name]


def test_cases_between_two_systems_are_counted_in_both_directions(here: Path, told: Calls) -> None:
    assert cli.main(["cases", "rgcn", "ita"]) == 0
    asked = [arguments[1:] for arguments in arguments_of(told, "find_cases")]
    assert asked == [("toy", "rgcn", ["ita"]), ("toy", "ita", ["rgcn"])]
    assert cli.main(["cases", "rgcn", "ita", "bert-crf", "--dataset", "more"]) == 0
    assert arguments_of(told, "find_cases")[2:][0][1:] == ("more", "rgcn", ["ita", "bert-crf"])
    assert [arguments[2] for arguments in arguments_of(told, "render_cases")] == [1, None]


@pytest.mark.parametrize(("more", "words"), [([], False), (["--words"], True)])
def test_words_of_tweets_are_shown_only_when_they_are_asked_for(
    here: Path, told: Calls, more: list[str], words: bool
) -> None:
    assert cli.main(["cases", "rgcn", *more]) == 0
    assert cli.main(["cases", "rgcn", "ita", *more]) == 0
    assert [arguments_of(told, f"render_{what}")[0][-1] for what in ("classes", "cases")] == [words, words]


def test_cases_of_a_data_set_without_scores_are_refused(here: Path, told: Calls, capsys: Output) -> None:
    assert cli.main(["cases", "rgcn", "--dataset", "mroe"]) == 2
    assert "no data set mroe in this profile; there are toy, more" in capsys.readouterr().err


def test_reach_looks_into_the_seed_that_was_named_and_counts_epochs_from_1(
    here: Path, monkeypatch: Patch, capsys: Output
) -> None:
    def load_run(cell: Any, seed: int, device: Any) -> SimpleNamespace:
        record = SimpleNamespace(best_epoch=1, dev_f1=(10.0, 61.25, 30.0), visual_input="captions:planted")
        assert (cell.dataset, cell.system, seed) == ("toy", "rgcn", 4)
        return SimpleNamespace(record=record, model=None, test_views=dict)

    monkeypatch.setattr("mner.tagger.trained.load_run", load_run)
    monkeypatch.setattr("mner.tagger.sensitivity.measure", lambda *_: SimpleNamespace(sentences=1234))
    monkeypatch.setattr("mner.tagger.sensitivity.render", lambda found: "a table\n")
    assert cli.main(["reach", "toy", "rgcn", "--seed", "4"]) == 0
    assert capsys.readouterr().out == (
        "toy x rgcn, seed 4, weights of epoch 2 (dev F1 61.25)\n"
        "test split, 1,234 sentences; visual input: captions:planted\n\na table\n"
    )


def test_a_card_names_the_rows_own_encoder_and_an_unknown_row_is_refused(
    here: Path, monkeypatch: Patch, capsys: Output
) -> None:
    def change(raw: dict[str, Any]) -> None:
        raw["encoders"]["other"] = raw["encoders"]["tiny"]
        raw["active"]["recipe"]["rows"] = {"rgcn": {"encoder": "other"}}

    tiny.change_parameters(here, change)
    monkeypatch.setattr("mner.reporting.card_text.render", lambda name, *told: f"{name} with {told[-1]}\n")
    assert [cli.main(["card", system]) for system in ("rgcn", "ita")] == [0, 0]
    assert capsys.readouterr().out == "rgcn with other\nita with tiny\n"
    assert cli.main(["card", "rgnc"]) == 2
    assert re.search(names("systems", "'rgnc'", "'rgcn'"), capsys.readouterr().err)

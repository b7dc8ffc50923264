"""Golden steps: every row computes what is committed, and nothing new is committed under an old version."""

from __future__ import annotations

import json
import subprocess
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
import torch
from support.profile_settings import write_profile

from mner.parity import golden_numbers, golden_step
from mner.parity.golden_history import WORKING_TREE, check_history, refused
from mner.parity.golden_numbers import GoldenFile, GoldenStepError, differences, not_compared, summary

FILES = sorted((Path(__file__).parents[1] / "golden_steps").glob("*.json"))
FOLDER = PurePosixPath("tests/golden_steps")
SMALL = GoldenFile("row", 1, "a.py", {}, {}, {}, {"loss": 1.5, "tags": ["O"], "gradients": {"all": [2.0, 0.5]}})


def _golden(name: str) -> GoldenFile:
    return GoldenFile.read(Path(__file__).parents[1] / "golden_steps" / f"{name}.json")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_code_computes_the_golden_step_under_the_version_it_states(path: Path) -> None:
    committed = GoldenFile.read(path)
    found = golden_step.compared(committed)
    assert committed.name == path.stem
    assert found.differences == []
    if found.not_compared:
        warnings.warn(f"{path.stem}: {found.line()}", stacklevel=1)


def test_every_row_and_the_protocol_have_a_golden_step() -> None:
    root = Path(__file__).resolve().parents[2]
    assert {path.stem for path in FILES} == set(golden_step.names_in(root))


def _places(name: str) -> set[str]:
    return {difference.place.partition("[")[0] for difference in golden_step.compared(_golden(name)).differences}


def test_a_changed_constant_of_a_model_fails_its_step() -> None:
    golden = _golden("umt")
    changed = replace(golden, options={**golden.options, "span_weight": 0.51})
    places = {difference.place for difference in golden_step.compared(changed).differences}
    assert {"still.loss", "after.loss"} <= places
    assert "still.emissions" not in places  # the weight is in the loss alone


def test_changed_code_fails_the_step_of_the_rows_that_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from baselines import umt

    right = umt.Tagger.forward

    def scaled(self: torch.nn.Module, *inputs: object) -> object:
        made = right(self, *inputs)
        return replace(made, scores=made.scores * 1.00001)

    monkeypatch.setattr(umt.Tagger, "forward", scaled)
    assert "still.emissions" in _places("umt")
    assert not _places("bert")


def test_another_initialisation_fails_the_step_though_its_size_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = torch.nn.Linear.reset_parameters

    def turned(self: torch.nn.Linear) -> None:
        right(self)
        with torch.no_grad():
            self.weight.neg_()

    monkeypatch.setattr(torch.nn.Linear, "reset_parameters", turned)
    assert any(place.startswith("start.") for place in _places("bert"))


def test_numbers_agree_within_the_tolerance_of_the_largest_in_their_list() -> None:
    expected = {"loss": 2.0, "pair": [1000.0, 1e-5], "tags": ["O O"]}
    assert differences(expected, {"loss": 2.000001, "pair": [1000.0005, 5e-4], "tags": ["O O"]}) == []
    found = {"loss": 2.00001, "pair": [1000.0, 1e-2], "tags": ["O B-PER"], "more": 1}
    assert {one.place for one in differences(expected, found)} == {"loss", "pair", "tags[0]", "more"}


def test_what_follows_from_dropout_is_not_compared_where_torch_draws_other_masks() -> None:
    expected = {"draws": "01", "still": {"loss": 1.0}, "after": {"loss": 1.0}}
    assert differences(expected, {"draws": "10", "still": {"loss": 1.0}, "after": {"loss": 2.0}}) == []
    assert len(differences(expected, {"draws": "10", "still": {"loss": 2.0}, "after": {"loss": 2.0}})) == 1
    assert len(differences(expected, {"draws": "01", "still": {"loss": 1.0}, "after": {"loss": 2.0}})) == 1
    assert not_compared(expected, {**expected, "draws": "10"}) == ("draws", "after")
    assert not_compared(expected, expected) == ()


def test_a_summary_sees_order_and_sign_and_not_the_order_of_tensors() -> None:
    one, other = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([[4.0], [5.0]])
    assert summary([one, other]) == summary([other, one])
    assert summary([one])[0] == pytest.approx(14**0.5)
    assert summary([one])[1] != summary([one.flip(0)])[1] != summary([-one])[1]
    assert summary([]) == [0.0, 0.0]
    assert summary([torch.tensor([-1e12])])[0] == golden_numbers.FORBIDDEN


@pytest.mark.parametrize(
    ("version", "loss", "fine"),
    [(1, 1.5, True), (2, 1.75, True), (2, 1.5, True), (1, 1.75, False), (0, 1.5, False), (0, 1.75, False)],
)
def test_new_numbers_need_a_higher_version(version: int, loss: float, fine: bool) -> None:
    new = replace(SMALL, version=version, numbers={**SMALL.numbers, "loss": loss})
    assert (refused("c", SMALL, new) is None) == fine


def test_a_number_at_a_new_place_changes_none_and_one_that_went_does() -> None:
    more = replace(SMALL, numbers={**SMALL.numbers, "another": 1.0})
    assert refused("c", SMALL, more) is None
    assert refused("c", more, SMALL) is not None


def test_a_file_that_is_no_golden_step_is_refused(tmp_path: Path) -> None:
    path = SMALL.write(tmp_path)
    assert GoldenFile.read(path) == SMALL
    path.write_text(json.dumps({"name": "row"}))
    with pytest.raises(GoldenStepError):
        GoldenFile.read(path)


Commit = Callable[[GoldenFile | None], str]


@pytest.fixture
def commit(tmp_path: Path) -> Commit:
    """Commits a golden step (None: its deletion) in a fresh repository at ``tmp_path``; gives the commit."""

    def git(*arguments: str) -> str:
        named = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ["git", *named, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    def made(golden: GoldenFile | None) -> str:
        if golden is None:
            git("rm", "-q", f"{FOLDER}/row.json")
        else:
            (tmp_path / FOLDER).mkdir(parents=True, exist_ok=True)
            golden.write(tmp_path / FOLDER)
        git("add", "-A")
        git("commit", "-q", "--allow-empty", "-m", "step")
        return git("rev-parse", "HEAD")

    git("init", "-q")
    return made


OTHER = replace(SMALL, numbers={**SMALL.numbers, "loss": 9.0})


def test_a_history_of_rising_versions_passes(tmp_path: Path, commit: Commit) -> None:
    for golden in (
        SMALL,
        replace(SMALL, file="moved.py"),
        replace(OTHER, version=2),
        None,
        replace(OTHER, version=2),
    ):
        commit(golden)
    history = check_history(tmp_path, FOLDER)
    assert (history.commits, history.refusals, history.shallow) == (5, (), False)


def test_a_commit_that_changes_numbers_alone_is_named(tmp_path: Path, commit: Commit) -> None:
    commit(SMALL)
    bad = commit(OTHER)
    commit(replace(SMALL, version=2))
    (refusal,) = check_history(tmp_path, FOLDER).refusals
    assert (refusal.commit, refusal.name, refusal.version_before, refusal.version) == (bad, "row", 1, 1)
    assert [difference.place for difference in refusal.changed] == ["loss"]


def test_deleting_a_step_does_not_make_its_version_free_again(tmp_path: Path, commit: Commit) -> None:
    commit(SMALL)
    commit(None)
    bad = commit(OTHER)
    assert [refusal.commit for refusal in check_history(tmp_path, FOLDER).refusals] == [bad]


def test_numbers_not_committed_yet_are_held_to_the_rule_too(tmp_path: Path, commit: Commit) -> None:
    commit(SMALL)
    OTHER.write(tmp_path / FOLDER)
    assert [refusal.commit for refusal in check_history(tmp_path, FOLDER).refusals] == [WORKING_TREE]
    assert golden_step.main(["--check-history"], tmp_path) == 1
    replace(OTHER, version=2).write(tmp_path / FOLDER)
    assert golden_step.main(["--check-history"], tmp_path) == 0


def test_a_shallow_clone_checks_what_is_there_and_says_so(
    tmp_path: Path, commit: Commit, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(SMALL)
    commit(OTHER)
    commit(replace(SMALL, version=2))
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth", "1", tmp_path.as_uri(), str(clone)], check=True)
    history = check_history(clone, FOLDER)
    assert (history.shallow, history.refusals) == (True, ())
    assert golden_step.main(["--check-history"], clone) == 0
    assert "shallow" in capsys.readouterr().out


def test_outside_of_a_repository_the_check_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GoldenStepError):
        check_history(tmp_path, FOLDER)


def test_this_history_has_no_new_steps_under_an_old_version() -> None:
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        pytest.skip("not a git checkout")
    assert check_history(root, FOLDER).refusals == ()


def test_writing_is_refused_under_an_old_version(tmp_path: Path) -> None:
    golden = _golden("bert")
    write_profile(tmp_path, "quick")
    assert golden_step.write("bert", tmp_path) == "new"
    path = tmp_path / FOLDER / "bert.json"
    assert differences(golden.numbers, GoldenFile.read(path).numbers) == []
    assert golden_step.write("bert", tmp_path) == "unchanged"
    still = {**golden.numbers["still"], "loss": 99.0}
    changed = replace(golden, numbers={**golden.numbers, "still": still})
    changed.write(path.parent)
    with pytest.raises(GoldenStepError):
        golden_step.write("bert", tmp_path)
    assert GoldenFile.read(path) == changed
    with pytest.raises(GoldenStepError):
        golden_step.write("no-such-row", tmp_path)

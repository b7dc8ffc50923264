"""A card is read from a system's source; importing the system, and torch with it, is left to who trains."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.profile_settings import settings

from mner.models.cards import Card, ContractError, card_of
from mner.models.system import load_system

FILES = sorted({row.file for row in settings().systems.values()})
ALONE = "import sys; from mner.models.cards import card_of; cards = [card_of(one) for one in sys.argv[1:]]; "
ALONE += "print(len(cards), 'torch' in sys.modules)"

PLAIN = """
from mner.models.cards import Card
from baselines.shared_words import CITE as WHOSE
WAYS = {"one": "this way"}
CARD = Card(name="plain", title="Plain", cite=WHOSE, variants={**WAYS, "two": "that way"})
class Tagger: ...
"""
MADE = """
from mner.models.cards import Card
def make(name): return Card(name=name, title="Made", cite="nobody")
CARD = make("made")
class Tagger: ...
"""


@pytest.mark.parametrize("file", FILES)
def test_the_card_read_is_the_card_imported(file: str) -> None:
    assert card_of(file) == load_system(file).CARD


def test_cards_of_all_rows_are_read_without_torch() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE, *FILES], check=True, capture_output=True, text=True)
    assert done.stdout.split() == [str(len(FILES)), "False"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of systems of a pipeline that is the current folder."""
    import baselines

    made = tmp_path / "baselines"
    made.mkdir()
    monkeypatch.setattr(baselines, "__path__", [*baselines.__path__, str(made)])
    monkeypatch.chdir(tmp_path)
    return made


def test_constants_of_the_file_and_of_what_it_imports_are_known(folder: Path) -> None:
    (folder / "shared_words.py").write_text('CITE = "some" " paper"\n', encoding="utf-8")
    (folder / "plain_card.py").write_text(PLAIN, encoding="utf-8")
    ways = {"one": "this way", "two": "that way"}
    wanted = Card(name="plain", title="Plain", cite="some paper", variants=ways)
    assert card_of("baselines/plain_card.py") == wanted == load_system("baselines/plain_card.py").CARD


def test_a_card_that_a_function_makes_is_had_by_importing(folder: Path) -> None:
    (folder / "made_card.py").write_text(MADE, encoding="utf-8")
    assert card_of("baselines/made_card.py") == Card(name="made", title="Made", cite="nobody")


@pytest.mark.parametrize("text", ["CARD = None\n", "class Tagger: ...\n"])
def test_a_file_without_a_card_is_no_system(folder: Path, text: str) -> None:
    (folder / f"no_card_{len(text)}.py").write_text(text, encoding="utf-8")
    with pytest.raises(ContractError):
        card_of(f"baselines/no_card_{len(text)}.py")


def test_a_file_that_is_not_there_is_no_system() -> None:
    with pytest.raises(ContractError):
        card_of("baselines/no_such_file.py")

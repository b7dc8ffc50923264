"""Every row loads with a complete card, and a new one is one file and one entry."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support import tiny
from support.profile_settings import settings

import baselines
from mner import config
from mner.data.corpus import LABELS
from mner.models.cards import ContractError
from mner.models.encoders import TextEncoder, pretrained_model
from mner.models.model import make_model
from mner.models.system import BuildContext, load_system

SETTINGS = settings()

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("world")
    tiny.make_world(root)
    return root


@pytest.fixture(scope="module")
def build(world) -> BuildContext:
    source = config.load(world / "params.yaml").encoders["tiny"]
    words = {name: tuple(sentence.words for sentence in split) for name, split in tiny.splits().items()}
    return BuildContext(LABELS, lambda: TextEncoder(pretrained_model(source)), tiny.WIDTH, words)


@pytest.mark.parametrize("system", sorted(SETTINGS.systems))
def test_every_row_loads_with_its_options_and_its_card_is_complete(system, build):
    settings = SETTINGS.systems[system]
    module = load_system(settings.file)
    card = module.CARD
    for field in ("name", "title", "cite"):
        assert getattr(card, field).strip(), field
    assert card.caveats
    assert card.published
    assert all(isinstance(text, str) and text.strip() for text in (*card.published.values(), *card.caveats))
    assert module.__doc__
    model = make_model(module, build, settings.options)
    assert sum(parameter.numel() for parameter in model.parameters()) > 0


TOY = '''
"""Tags every word by a vector of its own."""

import zlib

import torch
from torch import nn

from mner.models.cards import Card
from mner.models.system import Emissions

CARD = Card(name="toy", title="Toy", cite="nobody", decoder="softmax", published={}, caveats=("everything",))


class Tagger(nn.Module):
    def __init__(self, build, buckets):
        super().__init__()
        self.buckets = buckets
        self.scores = nn.Embedding(buckets, len(build.labels))

    def forward(self, batch):
        rows = [[zlib.crc32(word.encode()) % self.buckets for word in words] for words in batch.words]
        rows = [row + [0] * (batch.word_mask.shape[1] - len(row)) for row in rows]
        return Emissions(self.scores(torch.tensor(rows)), batch.word_mask)
'''


def test_a_new_system_is_one_file_and_one_entry(world, monkeypatch):
    (world / "baselines" / "toy.py").write_text(TOY, encoding="utf-8")
    monkeypatch.setattr(baselines, "__path__", [*baselines.__path__, str(world / "baselines")])
    entry = {"file": "baselines/toy.py", "options": {"buckets": 997}, "recipe": {"epochs": 30, "frozen_layers": 0}}
    recipe = {"head_learning_rate": 0.1, "weight_decay": 0.0}
    tiny.change_parameters(
        world, lambda raw: raw["systems"].update(toy={**entry, "recipe": entry["recipe"] | recipe})
    )
    (record,) = tiny.train(world, "toy")
    assert record.status == "finished"
    assert record.best_dev_f1 > 90
    assert set(record.sources) == {"baselines/toy.py", "mner/"}
    wrong = tiny.change_parameters(world, lambda raw: raw["systems"]["toy"].update(options={"bucket": 3}))
    with pytest.raises(ContractError):
        make_model(
            load_system("baselines/toy.py"),
            BuildContext(LABELS, torch.nn.Identity, None),
            wrong.systems["toy"].options,
        )


def test_what_is_no_system_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(baselines, "__path__", [*baselines.__path__, str(tmp_path)])
    with pytest.raises(ContractError):
        load_system("baselines/no_such.py")
    (tmp_path / "half_a_system.py").write_text("CARD = None\n", encoding="utf-8")
    with pytest.raises(ContractError):
        load_system("baselines/half_a_system.py")
    (tmp_path / "lacks_a_library.py").write_text("import no_such_library\n", encoding="utf-8")
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        load_system("baselines/lacks_a_library.py")

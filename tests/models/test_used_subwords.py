"""A subword table cut to its used rows: the same look-ups and gradients, and whole again where it is kept."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mner.models.encoder_places import EncoderError
from mner.models.used_subwords import UsedSubwords, keep_used_rows, whole_tables

USED = torch.tensor([7, 3, 3, 11])


def _table(**options) -> nn.Embedding:
    torch.manual_seed(1)
    return nn.Embedding(20, 6, **options)


def test_look_ups_and_gradients_are_those_of_the_whole_table():
    table = _table(padding_idx=0)
    cut = UsedSubwords(table, USED)
    ids = torch.tensor([[3, 7, 0], [11, 11, 0]])
    weigh = torch.arange(36.0).view(2, 3, 6)
    (table(ids) * weigh).sum().backward()
    (cut(ids) * weigh).sum().backward()
    assert torch.equal(cut(ids), table(ids))
    assert cut.weight.shape == (4, 6)  # 0, the padding id, counts as used
    assert torch.equal(cut.weight.grad, table.weight.grad[[0, 3, 7, 11]])
    assert not cut.weight.grad[0].any()


def test_padding_learns_once_it_is_no_padding():
    cut = UsedSubwords(_table(padding_idx=0), USED)
    cut.padding_idx = None
    cut(torch.tensor([0])).sum().backward()
    assert cut.weight.grad[0].any()


def test_an_id_that_was_not_named_is_no_other_row():
    with pytest.raises(IndexError):
        UsedSubwords(_table(), USED)(torch.tensor([5]))


def test_a_frozen_table_stays_frozen():
    table = _table()
    table.weight.requires_grad_(False)
    assert not UsedSubwords(table, USED).weight.requires_grad


@pytest.mark.parametrize("option", [{"max_norm": 1.0}, {"scale_grad_by_freq": True}, {"sparse": True}])
def test_a_table_with_rules_of_its_own_is_refused(option):
    with pytest.raises(EncoderError):
        UsedSubwords(_table(**option), USED)


def test_a_kept_state_has_all_rows_the_used_ones_as_trained():
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1}
    bert = BertModel(BertConfig(vocab_size=20, **sizes))
    pretrained = bert.embeddings.word_embeddings.weight.detach().clone()
    holder = nn.ModuleDict({"encoder": keep_used_rows(bert, USED)})
    name = "encoder.embeddings.word_embeddings.weight"
    with torch.no_grad():
        holder.get_parameter(name).add_(1)
    cut = holder.state_dict()
    whole = whole_tables(holder, cut)
    trained = [0, 3, 7, 11]
    others = [row for row in range(20) if row not in trained]
    assert torch.equal(whole[name][trained], pretrained[trained] + 1)
    assert torch.equal(whole[name][others], pretrained[others])
    assert cut[name].shape == (4, 8)
    assert set(whole) == set(cut)

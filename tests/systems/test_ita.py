"""ITA as a system: the picture in words, the two views' losses, decoding, and what its options allow."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import BertConfig, BertModel

from mner.data.batch import Batch, TextInput
from mner.data.corpus import LABELS
from mner.data.side_data import ImageText
from mner.models.cards import ContractError
from mner.models.decoders import log_partition
from mner.models.encoders import TextEncoder
from mner.models.system import BuildContext
from mner.models.views import align_views, chain_scores, released_plan, released_total, sentence_nll, tweet_weights
from mner.systems.ita import CARD, START, STOP, Tagger, context, states_of

OPTIONS = {
    "context": ["objects", "captions", "ocr"],
    "n_captions": 2,
    "max_objects": 2,
    "cva": "kl",
    "temperature": 2.0,
    "weighting": "released",
    "word_dropout": 0.0,
}
VOCABULARY = 40


def tiny_encoder() -> TextEncoder:
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=12,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        attn_implementation="sdpa",
    )
    return TextEncoder(BertModel(config, add_pooling_layer=False))


def tagger(**changes) -> Tagger:
    torch.manual_seed(4)
    return Tagger(BuildContext(LABELS, tiny_encoder, None), **{**OPTIONS, **changes}).double().eval()


def text_input(rows: list[list[int]], words: list[int]) -> TextInput:
    """One piece a word; ``words`` counts the tweet's own."""
    longest = max(map(len, rows)) + 1
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    first = torch.full((len(rows), max(words)), -1)
    for row, (pieces, count) in enumerate(zip(rows, words, strict=True)):
        ids[row, 1 : len(pieces) + 1] = torch.tensor(pieces)
        mask[row, : len(pieces) + 1] = True
        first[row, :count] = torch.arange(1, count + 1)
    return TextInput(ids, mask, first)


def batch(has_context: tuple[bool, ...] = (True, False, True)) -> Batch:
    tweets = [[5, 6, 7, 8], [9, 10], [11, 12, 13]]
    tags = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-ORG"], ["O", "O", "B-MISC"]]
    extra = [[2, 20, 21], [2, 22], [2, 23, 24, 25]]
    lengths = [len(tweet) for tweet in tweets]
    indices = torch.zeros(3, 4, dtype=torch.long)
    for row, labels in enumerate(tags):
        indices[row, : len(labels)] = torch.tensor([LABELS.index(label) for label in labels])
    cross = [t + e if seen else t for t, e, seen in zip(tweets, extra, has_context, strict=True)]
    return Batch(
        index=torch.arange(3),
        words=tuple(tuple(f"w{piece}" for piece in tweet) for tweet in tweets),
        word_mask=torch.arange(4) < torch.tensor(lengths)[:, None],
        tags=indices,
        text=text_input(tweets, lengths),
        cross=text_input(cross, lengths),
        has_context=torch.tensor(has_context),
    )


def parts(model: Tagger, given: Batch):
    """NLL of both views and alignment loss, one number a tweet."""
    scores = chain_scores(model.transitions, model.start, model.stop)
    gold, mask = model._gold(given), given.word_mask
    text, cross = model.emissions(given.text), model.emissions(given.cross)
    aligned = align_views(cross, text, mask, scores, model.temperature)
    return sentence_nll(text, gold, mask, scores), sentence_nll(cross, gold, mask, scores), aligned.loss


def test_context_puts_a_separator_before_each_part_and_objects_once_in_order():
    seen = ImageText(("a red bus", "a bus", "unused"), ("bus", "stop sign", "bus", "person"), "NO  ENTRY")
    assert context(seen, OPTIONS) == (
        *("<EOS>", "bus", "stop", "sign"),
        *("<EOS>", "a", "red", "bus", "a", "bus"),
        *("<EOS>", "NO", "ENTRY"),
    )
    assert context(seen, {**OPTIONS, "context": ["ocr", "captions"], "n_captions": 1}) == (
        *("<EOS>", "NO", "ENTRY"),
        *("<EOS>", "a", "red", "bus"),
    )


def test_context_leaves_out_what_the_picture_lacks():
    assert context(ImageText((), (), "  "), OPTIONS) == ()
    assert context(ImageText((), ("cat",), ""), OPTIONS) == ("<EOS>", "cat")
    assert context(ImageText(("a cat",), (), ""), {**OPTIONS, "context": []}) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"context": ["caption"]},
        {"context": ["ocr", "ocr"]},
        {"n_captions": 0},
        {"context": []},
        {"cva": "exact"},
        {"weighting": "more"},
        {"temperature": 0.0},
        {"word_dropout": 1.0},
    ],
)
def test_wrong_options_are_refused(changes):
    with pytest.raises(ContractError):
        tagger(**changes)


def test_the_loss_is_what_the_released_program_sums_over_the_items_of_these_tweets():
    model, given = tagger(), batch()
    text, cross, alignment = parts(model, given)
    summed = torch.zeros((), dtype=torch.float64)
    for row, seen in enumerate(given.has_context.tolist()):
        here, one = slice(row, row + 1), torch.ones(1).bool()
        as_text = released_plan(~one, ~one, 0.5)
        as_cross = released_plan(one, one & seen, 0.5)
        summed = summed + released_total(text[here], alignment[:0], as_text)
        summed = summed + released_total(cross[here], alignment[here] if seen else alignment[:0], as_cross)
    torch.testing.assert_close(model.loss(given), summed / 3)


@pytest.mark.parametrize(("weighting", "factor"), [("released", 2), ("intended", 1), ("successor", 1)])
def test_without_any_picture_only_the_text_counts(weighting, factor):
    model, given = tagger(weighting=weighting), batch((False, False, False))
    text, _, _ = parts(model, given)
    torch.testing.assert_close(model.loss(given), factor * text.mean())
    alone = tagger(context=[], cva="none")
    torch.testing.assert_close(alone.loss(given), text.mean())


def test_one_view_or_no_divergence_leaves_the_other_terms_alone():
    given = batch()
    text, cross, alignment = parts(tagger(), given)
    torch.testing.assert_close(tagger(cva="none").loss(given), cross.mean())
    weights = tweet_weights("released", given.has_context.double())
    without = (weights.text * text + weights.cross * cross).mean()
    torch.testing.assert_close(tagger(cva="joint_no_kl").loss(given), without)
    difference = tagger().loss(given) - tagger(cva="joint_no_kl").loss(given)
    torch.testing.assert_close(difference, (weights.alignment * alignment).mean())
    assert difference.item() > 0


def test_padding_and_company_change_nothing():
    model, given = tagger(), batch()
    losses = []
    for row, words in enumerate(given.words):
        here, kept = slice(row, row + 1), len(words)
        views = [
            TextInput(view.input_ids[here], view.attention_mask[here], view.first_piece[here, :kept])
            for view in (given.text, given.cross)
        ]
        alone = Batch(
            index=given.index[here],
            words=(words,),
            word_mask=given.word_mask[here, :kept],
            tags=given.tags[here, :kept],
            text=views[0],
            cross=views[1],
            has_context=given.has_context[here],
        )
        losses.append(model.loss(alone))
        assert model.decode(alone)[0] == model.decode(given)[row]
    torch.testing.assert_close(model.loss(given), torch.stack(losses).mean())


def test_decoding_reads_the_cross_modal_view_and_needs_no_tags():
    model, given = tagger(), replace(batch(), tags=None)
    tags = model.decode(given)
    assert [len(row) for row in tags] == [4, 2, 3]
    assert {tag for row in tags for tag in row} <= set(LABELS)
    scores = chain_scores(model.transitions, model.start, model.stop)
    best = log_partition(model.emissions(given.cross), given.word_mask, scores)
    other = log_partition(model.emissions(given.text), given.word_mask, scores)
    assert (best != other).tolist() == given.has_context.tolist()
    assert tagger(context=[], cva="none").decode(replace(given, cross=None, has_context=None))
    with pytest.raises(ContractError):
        model.decode(replace(given, cross=None))
    with pytest.raises(ContractError):
        model.loss(given)


def test_planted_tags_are_learnt_and_no_gradient_touches_forbidden_moves():
    model, given = tagger().train(), batch()
    model.encoder.eval()
    forbidden = model.transitions.detach() < -1e11
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(30):
        optimiser.zero_grad()
        loss = model.loss(given)
        loss.backward()
        assert model.transitions.grad[forbidden].abs().max() == 0
        optimiser.step()
    gold = [
        [LABELS[tag] for tag in row[: len(words)]]
        for row, words in zip(given.tags.tolist(), given.words, strict=True)
    ]
    assert model.eval().decode(given) == gold


def test_states_and_parameter_names_are_what_the_optimiser_expects():
    states = states_of(LABELS)
    assert states[:3] == ("<unk>", "O", "B-PER")
    assert states[-3:] == ("S-X", START, STOP)
    assert len(states) == 2 + 4 * 4 + 3
    names = {name.partition(".")[0] for name, _ in tagger().named_parameters()}
    assert names == {"encoder", "emission", "transitions"}
    assert CARD.decoder == "own"

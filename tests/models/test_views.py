"""Two views of a tweet: removal of image words, alignment, weights, word dropout, and pieces joined again."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mner.models.decoders import path_score
from mner.models.views import (
    ViewWeightError,
    WordDropout,
    accumulation_groups,
    accumulation_shares,
    align_views,
    chain_scores,
    compact,
    decode_tweet_words,
    initial_transitions,
    released_plan,
    tempered_log_posteriors,
    tweet_weights,
)
from mner.parity.windows import WindowError, cut_windows, first_positions, join_windows


def random_chain(batch_size: int, words: int, states: int):
    torch.manual_seed(0)
    transitions = initial_transitions(states, states - 2, states - 1).double().requires_grad_()
    emissions = [torch.randn(batch_size, words, states, dtype=torch.float64) for _ in range(2)]
    return transitions, *emissions


def test_removed_words_leave_no_trace_in_the_score():
    transitions, emissions, other = random_chain(2, 6, 5)
    scores = chain_scores(transitions, 3, 4)
    keep = torch.tensor([[1, 1, 0, 0, 1, 0], [0, 1, 1, 0, 0, 0]]).bool()
    tags = torch.randint(0, 3, (2, 6))
    kept, mask = compact(emissions, keep)
    replaced, _ = compact(torch.where(keep[..., None], emissions, other), keep)
    assert torch.equal(kept, replaced)
    assert mask.sum(1).tolist() == [3, 2]
    assert kept[1, 2].abs().max() == 0
    short = emissions[:1, [0, 1, 4]]
    alone = path_score(short, tags[:1, [0, 1, 4]], torch.ones(1, 3).bool(), scores)
    assert torch.allclose(path_score(kept, compact(tags, keep)[0], mask, scores)[:1], alone)
    written = decode_tweet_words(emissions, keep, scores, image_word=2)
    assert written[0][3:] == [2, 2, 2]
    assert (written[1][0], written[1][3:]) == (2, [2, 2, 2])


def test_alignment_is_the_divergence_of_flattened_marginals_found_by_enumeration():
    transitions, cross, text = random_chain(1, 3, 5)
    scores, mask = chain_scores(transitions, 3, 4), torch.ones(1, 3).bool()

    def flattened(emissions):
        paths = torch.tensor(list(itertools.product(range(3), repeat=3)))
        every = emissions.expand(len(paths), -1, -1)
        weights = path_score(every, paths, mask.expand(len(paths), -1), scores).softmax(0)
        marginals = torch.zeros(3, 3, dtype=torch.float64)
        for path, weight in zip(paths, weights, strict=True):
            marginals[torch.arange(3), path] += weight
        tempered = marginals**0.5
        return tempered / tempered.sum(1, keepdim=True)

    teacher, student = flattened(cross), flattened(text)
    expected = 4 * (teacher * (teacher / student).log()).sum()
    torch.testing.assert_close(align_views(cross, text, mask, scores, 2.0).loss[0], expected)


def test_only_the_text_view_learns_from_the_alignment():
    transitions, cross, text = random_chain(2, 4, 6)
    cross.requires_grad_()
    text.requires_grad_()
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]]).bool()
    loss = align_views(cross, text, mask, chain_scores(transitions, 4, 5), 4.0).loss.sum()
    to_cross, to_text, to_transitions = torch.autograd.grad(loss, [cross, text, transitions], allow_unused=True)
    assert to_cross is None
    assert to_text[~mask].abs().max() == 0
    assert to_text[mask].abs().max() > 0
    fixed = tempered_log_posteriors(cross, mask, chain_scores(transitions.detach(), 4, 5), 4.0).detach()
    student = tempered_log_posteriors(text, mask, chain_scores(transitions, 4, 5), 4.0)
    by_hand = 16 * (fixed.exp() * (fixed - student)).sum(2)[mask].sum()
    torch.testing.assert_close(torch.autograd.grad(by_hand, transitions)[0], to_transitions)


def test_equal_views_cost_nothing():
    transitions, cross, _ = random_chain(2, 4, 6)
    mask = torch.ones(2, 4).bool()
    aligned = align_views(cross, cross, mask, chain_scores(transitions, 4, 5), 2.0)
    assert aligned.loss.abs().max().item() < 1e-12


def test_weights_per_tweet():
    context_or_not = torch.tensor([1.0, 0.0])
    expected = {
        "released": [(1, 0.5, 0.5), (1, 1, 0)],
        "intended": [(1, 1, 1), (1, 0, 0)],
        "successor": [(0.5, 0.5, 0.5), (0.5, 0.5, 0)],
    }
    for weighting, rows in expected.items():
        weights = torch.stack(tweet_weights(weighting, context_or_not), dim=1)
        assert weights.tolist() == [list(map(float, row)) for row in rows]
    with pytest.raises(ViewWeightError):
        tweet_weights("sum", context_or_not)


def test_a_batch_on_which_the_released_program_stops_is_refused():
    with pytest.raises(ViewWeightError):
        released_plan(torch.tensor([True, False]), torch.tensor([False, True]), 0.5)


def test_accumulation_covers_every_batch_once_and_each_group_sums_to_one():
    for batches, steps in ((6, 4), (8, 4), (3, 4), (5, 1)):
        groups, shares = accumulation_groups(batches, steps), accumulation_shares(batches, steps)
        assert [batch for group in groups for batch in group] == list(range(batches))
        assert [sum(shares[batch] for batch in group) for group in groups] == pytest.approx([1] * len(groups))


def test_word_dropout_drops_whole_words_for_the_whole_batch_without_rescaling():
    torch.manual_seed(0)
    vectors, dropout = torch.rand(3, 4000, 2) + 1, WordDropout(0.3)
    dropped = dropout(vectors)
    gone = dropped == 0
    assert torch.equal(gone, gone[:1, :, :1].expand_as(gone))
    assert torch.equal(dropped[~gone], vectors[~gone])
    assert gone[0, :, 0].float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(dropout.eval()(vectors), vectors)


@settings(max_examples=100, deadline=None)
@given(pieces=st.integers(0, 60), room=st.integers(3, 12), half=st.integers(0, 4))
def test_joined_windows_are_the_uncut_input(pieces, room, half):
    stride = min(2 * half, (room - 1) // 2 * 2)
    states = torch.arange(1, pieces + 1, dtype=torch.float64)[:, None]
    border = torch.zeros(1, 1, dtype=torch.float64)
    windows = cut_windows(pieces, room + 2, stride)
    assert sorted({position for window in windows for position in window}) == list(range(pieces))
    cut = [torch.cat([border, states[window.start : window.stop], border]) for window in windows]
    assert torch.equal(join_windows(cut, stride), torch.cat([border, states, border]))


def test_windows_that_cannot_advance_are_refused_and_wordless_words_have_no_piece():
    with pytest.raises(WindowError):
        cut_windows(9, 6, 4)
    with pytest.raises(WindowError):
        join_windows([], 2)
    assert first_positions([2, 0, 1, 3]) == [1, -1, 3, 4]

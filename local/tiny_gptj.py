"""A GPT-J with random weights, small enough for any machine. Its replies are gibberish.

`python -m local.tiny_gptj FOLDER` writes it. The weights are the same each time, and the tokenizer
is trained on our own documentation.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import GenerationConfig, GPTJConfig, GPTJForCausalLM, PreTrainedTokenizerFast

_DOCS = Path(__file__).resolve().parent.parent / "docs"
_END = "<|endoftext|>"


def make(folder: Path) -> None:
    """Write the model and its tokenizer into ``folder``."""
    tokenizer = _tokenizer()
    words = {i for i in range(len(tokenizer)) if _is_word(tokenizer.decode([i]))}
    end = tokenizer.eos_token_id
    torch.manual_seed(0)
    model = GPTJForCausalLM(
        GPTJConfig(
            vocab_size=len(tokenizer),
            n_embd=64,
            n_layer=2,
            n_head=4,
            rotary_dim=16,
            bos_token_id=end,
            eos_token_id=end,
        )
    )
    model.generation_config = GenerationConfig(
        # Only tokens that are words, decoded greedily, and no pair of them twice: a reply is never
        # empty, and the same each time.
        suppress_tokens=[i for i in range(len(tokenizer)) if i not in words],
        no_repeat_ngram_size=2,
        bos_token_id=end,
        eos_token_id=end,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = ByteLevelBPETokenizer()
    docs = [str(path) for path in sorted(_DOCS.glob("*.md"))]
    tokenizer.train(docs, vocab_size=600, special_tokens=[_END], show_progress=False)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer._tokenizer, bos_token=_END, eos_token=_END
    )


def _is_word(token: str) -> bool:
    return token.startswith(" ") and token.strip().isalpha() and token.isascii()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m local.tiny_gptj", description=__doc__)
    parser.add_argument("folder", type=Path)
    make(parser.parse_args().folder)

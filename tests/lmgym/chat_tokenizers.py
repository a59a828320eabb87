"""Tokenizers with chat templates for tests: none needs a download."""

from __future__ import annotations

import tokenizers
from transformers import PreTrainedTokenizerFast

from lmgym.tokenization import HFTokenizer, train_tokenizer

TEXTS = [f"Hello, please tell me about {n} trees in the garden. What is {n} + 1?\n" for n in range(60)]

CHATML = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou help.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""A default system message, white space kept."""

HEADERS = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '<|sep|>\n\n' + message['content'] | trim + '<|im_end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant<|sep|>\n\n' }}{% endif %}"
)
"""A token of the text's beginning, white space taken off."""

NO_SYSTEM = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('turns') }}{% endif %}"
    "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<|im_start|>' + role + '\n' + message['content'] | trim + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>model\n' }}{% endif %}"
)
"""No system messages, turns must alternate."""

INSTRUCTIONS = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + '<|im_end|>' }}"
    "{% else %}{{ raise_exception('no system') }}{% endif %}{% endfor %}"
)
"""No piece of its own before a reply, but a blank in earlier ones."""

TEMPLATES = {"chatml": CHATML, "headers": HEADERS, "no_system": NO_SYSTEM, "instructions": INSTRUCTIONS}


def make_fast_tokenizer(template: str | None, *, special: bool = True) -> PreTrainedTokenizerFast:
    """A small BPE tokenizer of transformers with the tokens of the templates above.

    Args:
        template: its chat template.
        special: False: the tokens of turns are added as ordinary ones, as careless authors do.
    """
    base = train_tokenizer(TEXTS, 300)
    backend = tokenizers.Tokenizer.from_str(base._backend.to_str())
    backend.add_tokens(
        [
            tokenizers.AddedToken(token, special=special, normalized=False)
            for token in ("<|im_start|>", "<|im_end|>", "<|sep|>", "<|bos|>")
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|im_end|>", pad_token="<|pad|>", bos_token="<|bos|>",
        chat_template=template,
    )  # fmt: skip


def make_hf_tokenizer(template: str | None = CHATML) -> HFTokenizer:
    """The same as a tokenizer of ours."""
    return HFTokenizer(make_fast_tokenizer(template))

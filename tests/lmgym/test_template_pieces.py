"""Templates are programs of strangers: those that can't be cut are refused, and none can do harm."""

from __future__ import annotations

import sys

import pytest

import lmgym.template_pieces
from lmgym.chat_template import ChatTokenizer
from lmgym.errors import MissingDependencyError, TokenizerError
from lmgym.template_pieces import TODAY, cut_template
from tests.lmgym.chat_tokenizers import CHATML, make_hf_tokenizer

BODY = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def test_pieces_by_hand():
    pieces = cut_template(CHATML, {})
    assert pieces.between["", "user"] == "<|im_start|>system\nYou help.<|im_end|>\n<|im_start|>user\n"
    assert pieces.between["", "system"] == "<|im_start|>system\n"
    assert pieces.between["system", "user"] == pieces.between["assistant", "user"]
    assert pieces.between["user", "reply"] == "<|im_end|>\n<|im_start|>assistant\n"
    assert pieces.between["assistant", "close"] == "<|im_end|>\n"
    assert pieces.strips == dict.fromkeys(("system", "user", "assistant"), (False, False))
    assert pieces.refusal == ""


def test_white_space_that_is_taken_off_is_noticed():
    pieces = cut_template(BODY.replace("m.content", "m.content.rstrip()"), {})
    assert set(pieces.strips.values()) == {(False, True)}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ strftime_now('%Y-%m-%d') }}", TODAY),
        ("{{ {'a': 'é'} | tojson }}", '{"a": "é"}'),
        ("{% generation %}x{% endgeneration %}", "x"),
        ("{% for i in [1, 2] %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "1"),
        ("{{ bos_token }}", "<s>"),
    ],
)
def test_templates_have_what_transformers_gives_them(source, text):
    assert cut_template(source + BODY, {"bos_token": "<s>"}).between["", "user"].startswith(text + "<|im")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{% for", "TemplateSyntaxError"),
        ("{{ raise_exception('never') }}", "never"),
        ("Hello", "leaves out, repeats or moves"),
        (BODY + BODY, "leaves out, repeats or moves"),
        (BODY.replace("in messages", "in messages | reverse"), "leaves out, repeats or moves"),
        ("{{ messages | length }}" + BODY, "depending on the rest"),
        (
            BODY.replace("'<|im_start|>' + m.role", "(loop.last ~ 'x') ~ m.role"),
            "depending",
        ),
        (BODY.replace("assistant\n' }}{% endif", "assistant\n<think>' }}{% endif"), "asks for a reply with"),
        ("{{ ''.__class__.__mro__ }}" + BODY, "unsafe"),
        ("{{ messages.append(messages[0]) }}" + BODY, "unsafe"),
        ("{{ cycler.__init__.__globals__.os.system('touch x') }}" + BODY, "unsafe|undefined"),
        ("{% include '/etc/passwd' %}" + BODY, "no loader"),
        ("{% import 'os' as os %}" + BODY, "no loader"),
        ("{{ 'a' * 10 ** 10 }}" + BODY, "MemoryError"),
        ("{{ '%2000000s' % 'a' }}" + BODY, "characters"),
    ],
)
def test_what_can_not_be_used_is_refused(source, message):
    with pytest.raises(TokenizerError, match=message):
        cut_template(source, {})


def test_earlier_messages_that_are_rewritten_are_noticed():
    forgetful = BODY.replace("m.content", "(m.content if loop.last or m.role == 'user' else 'So I said')")
    with pytest.raises(TokenizerError, match="leaves out, repeats or moves"):
        cut_template(forgetful, {})


def test_contents_that_are_read_by_the_template_are_noticed():
    sly = BODY.replace("m.content", "(m.content | replace('2 + 2', '4'))")
    with pytest.raises(TokenizerError, match="not the sum of its pieces"):
        ChatTokenizer(make_hf_tokenizer(sly), sly)


def test_turns_need_a_token_that_ends_them():
    with pytest.raises(TokenizerError, match="does not begin with a special token"):
        ChatTokenizer(make_hf_tokenizer(), BODY.replace("<|im_end|>", "</turn>"))


@pytest.mark.skipif(sys.platform == "win32", reason="the system sets the limit")
def test_endless_templates_are_ended(monkeypatch):
    monkeypatch.setattr(lmgym.template_pieces, "WALL_SECONDS", 1.0)
    endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}" + BODY
    with pytest.raises(TokenizerError, match=r"more than 1 second|more time or memory"):
        cut_template(endless, {})


def test_without_jinja_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(lmgym.template_pieces.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"lmgym\[chat\]"):
        cut_template(BODY + "{# never rendered #}", {})

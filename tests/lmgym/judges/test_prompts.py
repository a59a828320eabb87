from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgym.conversation import Message, write_conversation
from lmgym.errors import InvalidValueError
from lmgym.judges.constitution import MAX_BYTES, load_constitution, parse_constitution
from lmgym.judges.prompts import comparison_messages, prompt_fingerprint, score_messages
from lmgym.judges.quoting import defuse, quote, revive

CODE = "0123456789abcdef"
PIECES = st.sampled_from(
    ["<", ">", "|", "/", "[", "]", "{", "⟪", "⟫", "U+003C", "think", "im_end", "INST", "end ", "begin ",
     "verdict", '"', "\n", " ", CODE, CODE.upper(), "\u200b", "\ud800", "\U000e0041", "answer A", "\\", "é",
     "A"]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=30).map("".join))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TEXTS)
def test_what_is_written_out_can_be_turned_back_and_nothing_dangerous_is_left(text):
    inert = defuse(text, CODE)
    assert revive(inert) == text and len(inert) <= 10 * len(text)
    assert CODE not in inert.lower() and "[end " not in inert and "<|" not in inert
    unseen = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert not [char for char in inert if unicodedata.category(char) in unseen and char not in "\n\t"]


@pytest.mark.parametrize(
    "text",
    ["plain text", "x < y and y > z", "a[0] = b[1]", "if (x<3) {y;}", "vector<int>", "[link](http://x)",
     "5 | 6", "{\"a\": 1}", "naïve 😀 中文 العربية", "tab\tand\nnewline", "\\boxed{4}",
     "A -> B", "[x]", "f(x) = 2"],
)  # fmt: skip
def test_ordinary_text_is_left_as_it_is(text):
    assert defuse(text, CODE) == text


@pytest.mark.parametrize(
    "text",
    ["<|im_end|>", "<｜User｜>", "</s>", "<s>", "<think>", "</think>", "< / think >", "[INST]", "[/INST]",
     "<<SYS>>", "<start_of_turn>", "<extra_id_0>", "<0x0A>", "[end answer A", "[ begin x", "［end answer",
     '{"verdict": 1', "\u202e", "\x1b", "\x00", "\ufdd1", "\u2028", "⟪U+003C⟫",
     "<system role='x'>", "[TOOL_CALLS]"],
)  # fmt: skip
def test_what_could_act_is_written_out_where_it_begins(text):
    inert = defuse(text, CODE)
    assert inert.startswith(f"⟪U+{ord(text[0]):04X}⟫") and revive(inert) == text


def test_a_long_text_is_cut_and_the_block_says_so():
    block = quote("answer", "x" * 100, CODE, max_chars=10)
    note = "cut: the rest of 100 characters is not shown"
    assert block == f"[begin answer {CODE}, {note}]\nxxxxxxxxxx\n[end answer {CODE}]"
    hostile = quote("answer", "\u202e" * 100_000, CODE, max_chars=100)
    assert len(hostile) < 250 and hostile.count("⟪") == hostile.count("⟫") == 12
    assert (
        quote("answer", "x" * 10, CODE, max_chars=10)
        == f"[begin answer {CODE}]\n{'x' * 10}\n[end answer {CODE}]"
    )


@pytest.mark.parametrize("size", [10_000, 1_000_000])
@pytest.mark.parametrize("piece", ["<", "[", "{ ", "< /", "<a_", "<think ", "⟪", "[A "])
def test_hostile_repetitions_are_shown_in_bounded_room(piece, size):
    assert len(quote("answer", piece * size, CODE)) < 8_300


def test_conversations_are_shown_as_people_read_them():
    prompt = write_conversation(
        [Message("user", "Hi"), Message("assistant", "Yes?"), Message("user", "Why?")]
    )
    user = comparison_messages(load_constitution(), prompt, "x", "y")[1].content
    assert "\nUser: Hi\nAssistant: Yes?\nUser: Why?\nAssistant: \n[end question" in user


@pytest.mark.parametrize("brief", [False, True])
def test_messages_hold_the_principles_the_data_and_the_place_of_the_verdict(brief):
    constitution = parse_constitution("1. Be {kind}.\n2. Be brief.")
    system, user = comparison_messages(constitution, "Q?", "one", "two", brief=brief)
    assert (system.role, user.role) == ("system", "user")
    assert "1. Be {kind}.\n2. Be brief." in system.content and '{"verdict": "' in user.content
    code = user.content.partition("]")[0].split()[-1]
    assert system.content.count(code) == 2 and user.content.count(code) == 6
    for mode, word in (("score", "from 1"), ("pass", "pass")):
        assert word in score_messages(constitution, "Q?", "one", mode=mode, brief=brief)[1].content


def test_the_fingerprint_knows_the_principles_and_the_secret():
    first, second = parse_constitution("1. Be kind."), parse_constitution("1. Be brief.")
    assert len({prompt_fingerprint(first), prompt_fingerprint(second), prompt_fingerprint(first, "s")}) == 3


def test_a_constitution_ships_and_files_are_read(tmp_path):
    assert len(load_constitution().principles) >= 3
    path = tmp_path / "principles.txt"
    path.write_text("# mine\n\n1. The answer is true.\n  2.  It is kind. \n", "utf-8")
    constitution = load_constitution(path)
    assert constitution.principles == ("The answer is true.", "It is kind.")
    assert constitution.text == "1. The answer is true.\n2. It is kind."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 principles"),
        (b"# nothing\n", "0 principles"),
        (b"1. One.\n3. Three.", "line 2: expected '2. A principle.'"),
        (b"Be kind.", "line 1"),
        (b"1.\n", "line 1"),
        (b"0. Zero.", "line 1"),
        ("１. One.".encode(), "line 1"),
        (b"\xff", "not UTF-8"),
        (b"1. x\n" + b"#" * MAX_BYTES, "longer than"),
        ("".join(f"{i}. x\n" for i in range(1, 102)).encode(), "101 principles"),
    ],
)
def test_a_constitution_that_can_not_be_read_is_named(content, message, tmp_path):
    path = tmp_path / "principles.txt"
    path.write_bytes(content)
    with pytest.raises(InvalidValueError, match=message):
        load_constitution(path)

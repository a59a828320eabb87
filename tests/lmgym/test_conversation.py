"""Conversations as text: written and read back, with nobody able to forge a mark."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgym.conversation import (
    AGENT,
    END,
    MARKS,
    SYSTEM,
    USER,
    Message,
    cut_at_marks,
    plain,
    read_conversation,
    readable,
    write_conversation,
    write_reply,
)
from lmgym.errors import InvalidValueError

MESSAGES = [Message("system", "Be brief."), Message("user", "Hi!"), Message("assistant", "Hello.")]
ROLES = st.sampled_from(["system", "user", "assistant"])
ANY_TEXT = st.text() | st.lists(st.sampled_from([*MARKS, "Hi", "\n", "\ud83d"])).map("".join)


def test_a_conversation_is_marks_and_contents():
    text = write_conversation(MESSAGES[:2])
    assert text == SYSTEM + "Be brief." + END + USER + "Hi!" + END + AGENT
    assert write_conversation(MESSAGES[:2], agent_next=False) == text[:-1]


@given(st.lists(st.builds(Message, ROLES, ANY_TEXT), max_size=5), st.booleans())
def test_what_is_written_is_read_back_without_forged_marks(messages, agent_next):
    text = write_conversation(messages, agent_next=agent_next)
    assert read_conversation(text) == [Message(role, plain(content)) for role, content in messages]


@given(ANY_TEXT)
def test_any_text_is_read_and_no_part_of_it_is_lost(text):
    assert "".join(mark + content for mark, content in cut_at_marks(text)) == text
    said = "".join(message.content for message in read_conversation(text))
    assert said == "".join(char for char in text if char not in MARKS)


def test_text_without_marks_is_one_message_of_the_user():
    assert read_conversation("Hi!") == [Message("user", "Hi!")]
    assert read_conversation("") == []


def test_a_reply_follows_the_agents_message():
    text = write_conversation(MESSAGES[:2]) + "Hello." + write_reply("How are " + END + "you?")
    assert read_conversation(text) == [*MESSAGES, Message("user", "How are \N{REPLACEMENT CHARACTER}you?")]


def test_people_read_who_speaks():
    prompt, reply = write_conversation(MESSAGES[:2]), write_reply("Bye")
    assert readable(prompt) == "System: Be brief.\nUser: Hi!\nAssistant: "
    assert readable(prompt + "Hello." + reply) == readable(prompt) + "Hello." + readable(reply)
    assert readable(reply) == "\nUser: Bye\nAssistant: "
    assert readable("2 + 2 = ?") == "2 + 2 = ?"


def test_an_unknown_role_is_an_error():
    with pytest.raises(InvalidValueError, match=r"system.*user.*assistant.*'tool'"):
        write_conversation([Message("tool", "4")])

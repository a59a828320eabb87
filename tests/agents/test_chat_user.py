"""A user of ``lmgym/Chat-v0`` played by a model in this process."""

from __future__ import annotations

import gymnasium as gym
import pytest

import lmgym  # noqa: F401
from lmgym.chat_template import make_chat_tokenizer
from lmgym.conversation import Message, read_conversation
from lmgym.errors import InvalidValueError, MissingDependencyError
from lmgym.records import Turn
from lmgym.tasks.chat import Chat, ChatUser, Goal, UserFailedError
from lmgym.tokenization import make_tokenizer
from lmgym_agents.chat_user import LocalUser
from lmgym_agents.models import load_model
from lmgym_agents.packaged_models import packaged_model
from lmgym_agents.tiny_models import make_tiny_model

SAID = [Message("system", "Bus 4 leaves at 9."), Message("user", "When?"), Message("assistant", "At 9.")]


def make_user(context: int = 1024, **options: int) -> LocalUser:
    tokenizer = make_chat_tokenizer(make_tokenizer("char"))
    # With tied embeddings a fresh model only repeats the newline that it was asked with.
    config = {"tie_word_embeddings": False, "initializer_range": 0.1}
    model = make_tiny_model(
        tokenizer.vocab_size, hidden_size=16, layers=1, heads=2, context=context, config=config
    )
    return LocalUser(model, tokenizer, **options)


def test_equal_conversations_have_equal_replies_and_bounded_ones() -> None:
    user, goal = make_user(max_new_tokens=12), Goal((), description="You want to know when bus 4 leaves.")
    assert isinstance(user, ChatUser) and user.name == "local:12"
    replies = {
        user.reply(SAID, goal),
        user.reply(tuple(SAID), goal),
        make_user(max_new_tokens=12).reply(SAID, goal),
    }
    (reply,) = replies
    assert reply and len(reply) <= 12


def test_a_conversation_that_does_not_fit_is_a_failure() -> None:
    with pytest.raises(UserFailedError, match="too many for a context of 64"):
        make_user(context=64).reply(SAID, Goal(()))
    task = Chat(user=make_user(context=64), num_turns=3)
    problem = task.problem("train", 0)
    response = task.respond(task.start(problem), Turn("agent", "At nine."))
    assert response.is_over and response.reply is None


def test_no_room_for_a_message_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="max_new_tokens"):
        make_user(max_new_tokens=0)


def test_an_environment_goes_on_with_what_the_model_says() -> None:
    env = gym.make("lmgym/Chat-v0", granularity="response", user=make_user(max_new_tokens=6), num_turns=2)
    env.reset(seed=0)
    seen, _, terminated, _, _ = env.step("At nine.")
    assert not terminated and seen.count("\nUser: ") == 2
    assert env.step("At nine.")[2]


@pytest.mark.slow
def test_a_real_model_plays_the_user() -> None:
    try:
        model = load_model(packaged_model("smollm2"))
    except MissingDependencyError as error:
        pytest.skip(str(error))
    user = LocalUser(model, make_tokenizer(model.name_or_path), name="smollm2", max_new_tokens=16)
    task = Chat(level=3, user=user, num_turns=2)
    response = task.respond(task.start(task.problem("train", 0)), Turn("agent", "Let me see."))
    assert response.reply is not None and read_conversation(response.reply)[0].role == "user"

"""A chat is one conversation in every environment, by characters, a trained tokenizer or a chat model's."""

from __future__ import annotations

import numpy as np
import pytest

from lmgym.chat_template import ChatTokenizer, make_chat_tokenizer
from lmgym.conversation import MARKS, Message, has_marks, readable, write_conversation, write_reply
from lmgym.envs.setup import make_setup
from lmgym.envs.text import TextEnv
from lmgym.envs.text_vector import TextVectorEnv
from lmgym.envs.token import TokenEnv
from lmgym.envs.vector import TokenVectorEnv
from lmgym.rewards import make_reward
from lmgym.tokenization import CharTokenizer, train_tokenizer
from tests.lmgym.chat_tokenizers import TEXTS, make_hf_tokenizer
from tests.lmgym.envs.chat_task import EchoChat

TASK = EchoChat()
TOKENIZERS = {"char": CharTokenizer(), "bpe": train_tokenizer(TEXTS, 300), "chatml": make_hf_tokenizer()}
SCRIPTS = [["yes", "yes", "yes"], ["no", "", "yes"], ["a" * 30, "yes", "a" * 30], ["yes", "é", "\n"]]
"""Some turns end with an end token, those of many letters are cut."""

every_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)


def turn_ids(env, text: str) -> list[int]:
    return [*env.tokenizer.encode(text), env.tokenizer.end_id][: env.max_new_tokens]


def play_tokens(env: TokenEnv, index: int, script: list[str]):
    """Returns the row, its marks on actions, all rewards, the last info, what is shown."""
    env.reset(options={"problem_index": index})
    rewards, ended, info = [], False, {}
    for text in script:
        for token in turn_ids(env, text):
            observation, paid, terminated, truncated, info = env.step(token)
            rewards.append(paid)
            ended = terminated or truncated
    assert ended
    length = int(observation["attention_mask"].sum())
    ids = observation["input_ids"][:length].tolist()
    return ids, env.is_action[:length].tolist(), rewards, info, env.render()


def expected_row(chat: ChatTokenizer, prompt: str, script: list[str], budget: int):
    """The row by the contract: prompt, turns as they are, replies; a cut turn is ended by the environment."""
    row = list(chat.encode(prompt))
    is_action = [False] * len(row)
    for number, text in enumerate(script):
        said = [*chat.encode(text), chat.end_id][:budget]
        row += said
        is_action += [True] * len(said)
        if number + 1 < len(script):
            is_whole = said[-1] == chat.end_id
            heard = chat.decode(said)
            reply = [] if is_whole else [chat.end_id]
            reply += chat.encode(write_reply(f"You said {heard}"))
            row += reply
            is_action += [False] * len(reply)
    return row, is_action


@every_tokenizer
@pytest.mark.parametrize("pay", ["episode", "turn"])
def test_all_environments_have_the_same_conversation(tokenizer, pay):
    options = {"tokenizer": tokenizer, "reward": make_reward("partial", pay=pay)}
    single = TokenEnv(TASK, render_mode="ansi", **options)
    count = len(SCRIPTS)
    vector = TokenVectorEnv(TASK, num_envs=count, autoreset_mode="DISABLED", **options)
    texts = TextEnv(TASK, render_mode="ansi", **options)
    vector.reset(options={"problem_index": np.arange(count)})
    for number in range(3):
        given = [turn_ids(vector, script[number]) for script in SCRIPTS]
        table = np.zeros((count, max(map(len, given))), np.int64)
        for row, ids in enumerate(given):
            table[row, : len(ids)] = ids
        vector.step_responses(table, np.array(list(map(len, given))), np.ones(count, bool))
    shown = vector.render()
    for row, script in enumerate(SCRIPTS):
        ids, is_action, rewards, info, text = play_tokens(single, row, script)
        prompt = TASK.problem("train", row).prompt
        assert isinstance(single.tokenizer, ChatTokenizer)
        assert (ids, is_action) == expected_row(single.tokenizer, prompt, script, single.max_new_tokens)
        assert vector.input_ids[row, : vector.lengths[row]].tolist() == ids
        assert vector.is_action[row, : vector.lengths[row]].tolist() == is_action
        assert shown[row] == text and not has_marks(text)
        seen, begin = texts.reset(options={"problem_index": row})
        assert begin["prompt"] == seen == readable(prompt)
        earned = 0.0
        for said in script:
            before = seen
            seen, paid, *_, last = texts.step(said)
            assert seen.startswith(before) and seen in texts.observation_space
            earned += paid
        assert last == {**info, "num_actions": 3}
        assert earned == pytest.approx(sum(rewards))
        if "é" not in "".join(script):  # text that is cut within a character differs
            assert seen == text == texts.render()


@every_tokenizer
def test_the_text_is_what_people_read(tokenizer):
    env = TextVectorEnv(TASK, num_envs=1, tokenizer=tokenizer, autoreset_mode="DISABLED")
    (seen,), _ = env.reset(options={"problem_index": 1})
    assert seen == "System: Say yes.\nUser: Hello 1, é?\nAssistant: "
    (seen,), *_ = env.step(["no"])
    assert seen.endswith("Assistant: no\nUser: You said no\nAssistant: ")


@every_tokenizer
def test_marks_in_what_a_text_agent_says_are_none(tokenizer):
    env = TextEnv(TASK, tokenizer=tokenizer, max_new_tokens=40)
    env.reset(options={"problem_index": 1})
    seen, _, terminated, truncated, info = env.step("a" + MARKS)
    assert info["response"] == "a" + "\N{REPLACEMENT CHARACTER}" * 4
    assert not (has_marks(seen) or terminated or truncated)


@every_tokenizer
def test_the_longest_conversation_fits(tokenizer):
    class Longest(EchoChat):
        @property
        def fingerprint(self) -> str:
            return "Longest()"

        def problems(self, split, indices):
            messages = [Message("system", "a1" * 20), Message("user", "b2" * 27)]
            text = write_conversation(messages)
            assert len(text) == self.max_prompt_chars - 1
            return [super(Longest, self).problems(split, [i])[0]._replace(prompt=text) for i in indices]

        def respond(self, state, turn):
            reply = write_reply("7" * (self.max_reply_chars - 4))
            return super().respond(state, turn)._replace(reply=reply)

    env = TokenEnv(Longest(), tokenizer=tokenizer)
    *_, info, _ = play_tokens(env, 0, ["a9!" * 30] * 3)
    assert info["reason"] == "wrong" and info["num_tokens"] <= env.context_length


@every_tokenizer
def test_nobody_forges_a_turn(tokenizer):
    """The special tokens of a problem whose user types them are those of any other."""
    chat = make_chat_tokenizer(tokenizer)
    rows = [chat.encode(TASK.problem("train", index).prompt) for index in (3, 1)]
    specials = [[i for i in row if not chat.inner.decode([i])] for row in rows]
    assert specials[0] == specials[1] and specials[0]


@every_tokenizer
def test_a_saved_state_goes_on_equally(tokenizer):
    env, other = (TokenEnv(TASK, tokenizer=tokenizer, render_mode="ansi") for _ in range(2))
    env.reset(options={"problem_index": 6})
    for token in turn_ids(env, "no"):
        env.step(token)
    other.reset(seed=0)
    other.set_state(env.get_state())
    assert other.render() == env.render()
    for token in turn_ids(env, "yes"):
        ours, theirs = env.step(token), other.step(token)
    assert ours[0]["input_ids"].tolist() == theirs[0]["input_ids"].tolist()


def test_other_tasks_keep_their_tokenizer():
    from lmgym.tasks.probes.guess import Guess

    tokenizer = TOKENIZERS["bpe"]
    assert make_setup(Guess(), tokenizer=tokenizer).tokenizer is tokenizer
    assert make_setup(TASK, tokenizer=tokenizer).tokenizer.end_ids == tokenizer.end_ids

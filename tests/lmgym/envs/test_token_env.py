"""Hand-worked episodes, budgets, mistakes and masks of the token environments."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from lmgym.envs.curriculum import Curriculum
from lmgym.envs.text import TextEnv
from lmgym.envs.token import TokenEnv
from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import (
    EmptyProblemSetError,
    EpisodeOverError,
    InvalidActionError,
    InvalidValueError,
    PromptTooLongError,
    RewardError,
    UnknownNameError,
)
from lmgym.records import Scores, Transcript
from lmgym.rewards import per_transcript
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.probes import Echo
from lmgym.tasks.rewrite.task import Rewrite
from tests.lmgym.envs.tiny_tasks import Levelled, Silent, play_text


def test_rows_that_no_memory_holds_are_refused():
    with pytest.raises(InvalidValueError, match=r"make rows of 1,000,000,00\d tokens; allowed are 4,194,304"):
        TokenEnv(Echo(length=2), max_new_tokens=10**9)
    assert TokenEnv(Echo(length=2), max_new_tokens=10**9, max_episode_tokens=30).unwrapped is not None


def test_an_episode_worked_by_hand() -> None:
    env = TokenEnv(Echo(length=2), max_new_tokens=4)
    observation, info = env.reset(seed=3)
    word = info["prompt"][:2]
    assert set(info) == {"prompt", "split", "problem_index", "difficulty"} and info["split"] == "train"
    ids = env.tokenizer.encode(info["prompt"])
    assert observation["input_ids"].tolist() == ids + [0] * 4 and env.context_length == 7
    assert observation["attention_mask"].tolist() == [1, 1, 1, 0, 0, 0, 0]
    first, second = env.tokenizer.encode(word)
    observation, reward, terminated, truncated, info = env.step(first)
    assert (reward, terminated, truncated, info) == (0.0, False, False, {})
    env.step(second)
    observation, reward, terminated, truncated, info = env.step(1)
    assert observation["input_ids"].tolist() == [*ids, first, second, 1, 0]
    assert env.is_action.tolist() == [False] * 3 + [True] * 3 + [False]
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert info == {
        "response": word, "stopped": True, "success": True, "status": "correct", "reason": "", "score": 1.0,
        "reward_terms": {"correct": 1.0}, "reward_failed": False, "num_tokens": 6, "num_actions": 3,
    }  # fmt: skip


def test_a_turn_without_end_token_is_cut_at_its_budget_and_judged() -> None:
    env = TokenEnv(Echo(length=2), max_new_tokens=3)
    _, info = env.reset(seed=0)
    for token in env.tokenizer.encode(info["prompt"][:2]):
        env.step(token)
    *_, terminated, truncated, info = env.step(50)
    assert (terminated, truncated, info["stopped"], info["success"]) == (True, False, False, False)


def test_the_episode_budget_truncates_in_the_middle_of_a_turn() -> None:
    env = TokenEnv(Echo(length=2), max_new_tokens=3, max_episode_tokens=5)
    env.reset(seed=0)
    assert env.context_length == 5
    assert env.step(20)[2:4] == (False, False)
    *_, terminated, truncated, info = env.step(20)
    assert (terminated, truncated, info["stopped"], info["num_tokens"]) == (False, True, False, 5)


def test_a_turn_that_ends_on_the_last_token_of_the_budget_terminates() -> None:
    env = TokenEnv(Echo(length=2), max_new_tokens=3, max_episode_tokens=5)
    env.reset(seed=0)
    env.step(20)
    *_, terminated, truncated, info = env.step(1)
    assert (terminated, truncated, info["stopped"]) == (True, False, True)


def test_turns_without_reply_follow_one_another() -> None:
    env = TokenEnv(Silent(), reward="partial", pay="turn")
    observation, _ = env.reset(options={"problem_index": 12})
    steps = play_text(env, ["a", "x", "c"])
    assert env.tokenizer.decode(observation["input_ids"]) == "12:"
    assert env.tokenizer.decode(steps[-1][0]["input_ids"]) == "12:axc"
    assert [step[1] for step in steps] == [0.25, 0.25, 0.5] and [step[2] for step in steps] == [
        False,
        False,
        True,
    ]
    assert steps[0][4] == {"response": "a", "stopped": True}
    assert steps[-1][4]["reward_terms"] == {"partial": 1.0} and steps[-1][4]["num_actions"] == 6


def test_replies_are_not_actions() -> None:
    from lmgym.tasks.probes import Delayed

    env = TokenEnv(Delayed(num_turns=2))
    _, info = env.reset(seed=0)
    prompt = info["prompt"]
    observation, *_ = play_text(env, ["x"])[0]
    text = env.tokenizer.decode(observation["input_ids"])
    length = int(observation["attention_mask"].sum())
    assert text.startswith(prompt + "x") and len(text) > len(prompt) + 1
    expected = [False] * len(prompt) + [True] * 2
    assert env.is_action[:length].tolist() == expected + [False] * (length - len(expected))


def test_steps_are_paid_at_the_token_that_ends_them() -> None:
    paid_for = []

    def score_line(transcript: Transcript) -> float:
        paid_for.append((transcript.response, transcript.turns[-1].is_complete, transcript.terminated))
        return float(len(transcript.response))

    env = TokenEnv(Echo(length=2), reward=per_transcript(score_line), pay="step", max_new_tokens=8)
    env.reset(seed=0)
    rewards = [env.step(token)[1] for token in [*env.tokenizer.encode("a\nbc\nd"), 1]]
    assert rewards == [0.0, 2.0, 0.0, 0.0, 5.0, 0.0, 6.0]
    assert paid_for == [("a\n", False, False), ("a\nbc\n", False, False), ("a\nbc\nd", True, True)]


def failing(transcripts: Any) -> Scores:
    raise ConnectionError("the judge is down")


@pytest.mark.parametrize("pay", ["episode", "turn", "step"])
def test_a_reward_that_fails_is_no_reward(pay: str) -> None:
    env = TokenVectorEnv(Silent(), num_envs=2, reward=failing, pay=pay, autoreset_mode="DISABLED")
    env.reset(seed=0)
    for turn in range(3):
        result = env.step_responses(np.array([[70, 1], [70, 1]]), np.array([2, 2]))
        assert result.rewards.sum() == 0 and result.failed.all() == (pay != "episode" or turn == 2)
    assert result.infos["reward_failed"].tolist() == [True, True] and result.terminated.all()
    assert result.infos["reward_terms"] == {}


def test_an_error_of_the_verifier_fails_its_row_alone() -> None:
    env = TokenVectorEnv(Silent(), num_envs=2, max_new_tokens=5, autoreset_mode="DISABLED")
    env.reset(seed=0)
    encode = env.tokenizer.encode
    for texts in (("down", "a"), ("b", "b"), ("c", "c")):
        tokens = np.zeros((2, 5), np.int64)
        lengths = np.array([len(text) + 1 for text in texts])
        for row, text in enumerate(texts):
            tokens[row, : lengths[row]] = [*encode(text), 1]
        result = env.step_responses(tokens, lengths)
    assert result.failed.tolist() == [True, False] and result.rewards.sum(axis=1).tolist() == [0.0, 1.0]
    assert result.infos["status"].tolist() == ["error", "correct"]
    assert result.infos["reward_terms"]["_correct"].tolist() == [False, True]


def test_a_failure_concerns_its_episode_alone() -> None:
    calls = []

    def fails_once(transcripts: Any) -> list[float]:
        calls.append(len(transcripts))
        if len(calls) == 1:
            raise TimeoutError
        return [0.5] * len(transcripts)

    env = TextEnv(Echo(), reward=fails_once)
    env.reset(seed=0)
    *_, info = env.step("x")
    assert info["reward_failed"] and info["reward_terms"] == {}
    env.reset()
    _, reward, *_, info = env.step("x")
    assert (reward, info["reward_failed"], info["reward_terms"]) == (0.5, False, {"fails_once": 0.5})


def test_nan_from_a_reward_is_the_callers_mistake() -> None:
    env = TextEnv(Echo(), reward=lambda transcripts: [float("nan")] * len(transcripts))
    env.reset(seed=0)
    with pytest.raises(RewardError):
        env.step("x")


@pytest.mark.parametrize("action", [-1, 146, 1.0, "a", None, [3], np.array([3]), True, np.float32(3)])
def test_actions_outside_the_space_are_refused_and_change_nothing(action: Any) -> None:
    env = TokenEnv(Echo())
    before, _ = env.reset(seed=0)
    with pytest.raises(InvalidActionError, match="146"):
        env.step(action)
    after = env.step(np.int64(9))[0]
    assert after["attention_mask"].sum() == before["attention_mask"].sum() + 1
    vector = TokenVectorEnv(Echo(), num_envs=2)
    vector.reset(seed=0)
    with pytest.raises(InvalidActionError):
        vector.step([action, 3] if action is not True else np.array([True, False]))  # type: ignore[arg-type]
    assert vector.lengths.tolist() == [3, 3]


def test_a_step_before_the_beginning_or_after_the_end_is_refused() -> None:
    env = TokenEnv(Echo())
    with pytest.raises(EpisodeOverError, match="reset"):
        env.step(3)
    env.reset(seed=0)
    env.step(1)
    with pytest.raises(EpisodeOverError, match="reset"):
        env.step(3)
    vector = TokenVectorEnv(Echo(), num_envs=3, autoreset_mode="DISABLED")
    with pytest.raises(EpisodeOverError):
        vector.step(np.array([3, 3, 3]))
    vector.reset(seed=0)
    vector.step(np.array([3, 1, 3]))
    with pytest.raises(EpisodeOverError, match="rows 1 are over"):
        vector.step(np.array([3, 3, 3]))
    with pytest.raises(EpisodeOverError):
        vector.step_responses(np.full((3, 1), 1), np.array([1, 1, 1]), np.array([True, True, True]))
    vector.step_responses(np.full((3, 1), 1), np.array([1, 1, 1]))
    with pytest.raises(EpisodeOverError):
        vector.step_responses(np.full((3, 1), 1), np.array([1, 1, 1]))


@pytest.mark.parametrize(
    "tokens, lengths, match",
    [
        ([[3, 4], [3, 1]], [2, 2], "row 0: a response must end"),
        ([[3, 1], [1, 1]], [2, 2], "row 1: a response must end"),
        ([[3, 1], [3, 146]], [2, 2], "146"),
        ([[3, 1], [3, 1]], [2, 3], r"lengths\[1\] must be in \[1, 2\]"),
        ([[3, 1], [3, 1]], [0, 2], r"lengths\[0\]"),
        ([[3, 1]], [2, 2], "shapes"),
        ([[3, 1], [3, 1]], [2], "shapes"),
        ([[3.0, 1], [3, 1]], [2, 2], "integers"),
        ([[3, 1], [3, 1]], [2.0, 2], "integers"),
    ],
)
def test_responses_that_are_no_whole_turns_are_refused(tokens: Any, lengths: Any, match: str) -> None:
    env = TokenVectorEnv(Echo(), num_envs=2, autoreset_mode="DISABLED")
    env.reset(seed=0)
    with pytest.raises(InvalidActionError, match=match):
        env.step_responses(np.array(tokens), np.array(lengths))
    assert env.lengths.tolist() == [3, 3] and env.is_live.all()


def test_inactive_rows_stay_as_they_are() -> None:
    env = TokenVectorEnv(Echo(), num_envs=2, autoreset_mode="DISABLED")
    env.reset(seed=0)
    before = env.input_ids
    result = env.step_responses(np.array([[9, 9], [3, 1]]), np.array([-5, 2]), np.array([False, True]))
    assert (env.input_ids[0] == before[0]).all() and result.terminated.tolist() == [False, True]
    assert result.infos["_response"].tolist() == [False, True]
    with pytest.raises(InvalidActionError, match="bool"):
        env.step_responses(np.array([[9, 9], [3, 1]]), np.array([2, 2]), np.array([1, 0]))


def test_the_fast_path_can_finish_a_turn_begun_token_by_token() -> None:
    env = TokenVectorEnv(Echo(), num_envs=2, autoreset_mode="DISABLED")
    _, infos = env.reset(seed=0)
    words = [env.tokenizer.encode(prompt[:2]) for prompt in infos["prompt"]]
    env.step(np.array([words[0][0], words[1][0]]))
    result = env.step_responses(np.array([[words[0][1], 1], [words[1][1], 1]]), np.array([2, 2]))
    assert result.rewards.tolist() == [[0.0, 1.0], [0.0, 1.0]] and result.infos["success"].all()
    assert env.tokens_left.tolist() == [0, 0]


def test_the_fast_path_needs_autoreset_disabled() -> None:
    env = TokenVectorEnv(Echo(), num_envs=1)
    env.reset(seed=0)
    with pytest.raises(InvalidValueError, match="DISABLED"):
        env.step_responses(np.array([[1]]), np.array([1]))


def test_prompts_that_do_not_fit_are_refused() -> None:
    for options in ({"max_prompt_tokens": 2}, {"max_episode_tokens": 3}):
        for env in (TokenEnv(Echo(), **options), TextEnv(Echo(), **options)):
            with pytest.raises(PromptTooLongError, match=r"has 3 tokens.*leave room for 2"):
                env.reset(seed=0)


@pytest.mark.parametrize(
    "options, error, match",
    [
        ({"max_new_token": 3}, TypeError, "max_new_token"),
        ({"max_new_tokens": 0}, InvalidValueError, "max_new_tokens"),
        ({"max_episode_tokens": 2.5}, InvalidValueError, "max_episode_tokens"),
        ({"max_prompt_tokens": True}, InvalidValueError, "max_prompt_tokens"),
        ({"split": "tran"}, UnknownNameError, "'train'"),
        ({"reward": "corect"}, UnknownNameError, "'correct'"),
        ({"tokenizer": "chars"}, UnknownNameError, "'char'"),
        ({"pay": "epsode"}, InvalidValueError, "episode"),
        ({"curriculum": 3}, InvalidValueError, "curriculum"),
        ({"curriculum": True}, InvalidValueError, "only one level"),
    ],
)
def test_mistaken_options_are_refused(options: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        TokenEnv(Echo(), **options)


def test_mistaken_resets_are_refused() -> None:
    env = TokenEnv(Levelled())
    vector = TokenVectorEnv(Levelled(), num_envs=2)
    with pytest.raises(UnknownNameError, match="'problem_index'"):
        env.reset(options={"problem_indx": 3})
    with pytest.raises(UnknownNameError, match="'test'"):
        env.reset(options={"split": "tets"})
    with pytest.raises(EmptyProblemSetError):
        env.reset(options={"split": "validation"})
    for index in (-1, 2.5, [1, 2], 2**63):
        with pytest.raises(InvalidValueError, match="problem_index"):
            env.reset(options={"problem_index": index})
    for seed in (-1, 1.5, True, "1"):
        for each in (env, vector):
            with pytest.raises(InvalidValueError, match="seed"):
                each.reset(seed=seed)  # type: ignore[arg-type]
    for mask in (np.array([1, 0]), np.array([True]), [True, False], np.array([False, False])):
        with pytest.raises(InvalidValueError, match="reset_mask"):
            vector.reset(options={"reset_mask": mask})
    for num_envs in (0, -1, 1.5, True):
        with pytest.raises(InvalidValueError, match="num_envs"):
            TokenVectorEnv(Echo(), num_envs=num_envs)  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="'SAME_STEP'"):
        TokenVectorEnv(Echo(), num_envs=1, autoreset_mode="SAME_STEPS")
    with pytest.raises(InvalidValueError, match="render_mode"):
        TokenEnv(Echo(), render_mode="human")


def test_resets_pick_problems_without_moving_the_stream() -> None:
    env = TokenEnv(Math())
    second = [env.reset(seed=5), env.reset()][1][1]
    env.reset(seed=5)
    picked = env.reset(options={"problem_index": 77, "split": "test"})[1]
    assert (picked["problem_index"], picked["split"]) == (77, "test")
    assert picked["prompt"] == Math().problem("test", 77).prompt
    assert env.reset()[1] == second
    vector = TokenVectorEnv(Math(), num_envs=3)
    vector.reset(seed=5)
    infos = vector.reset(
        options={"problem_index": np.array([4, 5, 6]), "reset_mask": np.array([True, False, True])}
    )[1]
    assert infos["problem_index"].tolist() == [4, 0, 6] and infos["_prompt"].tolist() == [True, False, True]
    assert vector.reset(options={"problem_index": 9})[1]["problem_index"].tolist() == [9, 9, 9]
    options = {"split": "test"}
    assert vector.reset(options=options)[1]["split"].tolist() == ["test"] * 3 and options == {"split": "test"}
    assert vector.reset()[1]["split"].tolist() == ["train"] * 3


def test_a_masked_reset_reseeds_its_rows_alone() -> None:
    one, other = (TokenVectorEnv(Math(), num_envs=3) for _ in range(2))
    first = one.reset(seed=1)[1]["problem_index"]
    other.reset(seed=2)
    infos = other.reset(seed=1, options={"reset_mask": np.array([True, False, False])})[1]
    assert infos["problem_index"][0] == first[0]
    later = other.reset()[1]["problem_index"]
    fresh = TokenVectorEnv(Math(), num_envs=3)
    fresh.reset(seed=2)
    assert later[1:].tolist() == fresh.reset()[1]["problem_index"][1:].tolist() and later[0] == first[0] + 1


def test_action_masks_are_full_unless_asked_for() -> None:
    assert TokenEnv(Echo()).action_masks().all()
    env = TokenVectorEnv(Echo(alphabet="ab"), num_envs=2, mask_actions=True)
    decode = env.tokenizer.decode
    assert env.action_masks().shape == (2, 146)
    assert [decode([i]) for i in np.flatnonzero(env.action_masks()[1])] == ["", "a", "b"]
    env.action_masks()[:] = False
    assert env.action_masks().sum() == 6


def test_a_mask_allows_what_the_levels_of_a_curriculum_need() -> None:
    task = Rewrite(level=1)  # numbers alone; x comes at a higher level
    x = TokenEnv(task).tokenizer.encode("x")[0]
    for curriculum, is_allowed in ((None, False), (Curriculum(max_level=4), False), (True, True)):
        assert TokenEnv(task, mask_actions=True, curriculum=curriculum).action_masks()[x] == is_allowed


def test_what_is_returned_is_the_callers() -> None:
    env = TokenVectorEnv(Echo(), num_envs=2)
    observation, _ = env.reset(seed=0)
    for array in (env.input_ids, env.lengths, env.is_action, env.is_live, *observation.values()):
        array[:] = 0
    assert env.lengths.tolist() == [3, 3] and env.input_ids.any() and env.is_live.all()


def test_any_hugging_face_tokenizer_plays(tmp_path: Any) -> None:
    from tests.lmgym.test_tokenization import word_tokenizer

    word_tokenizer().save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "</s>"}')
    env = TokenEnv(Math(num_digits=2), tokenizer=str(tmp_path), pay="step", mask_actions=True)
    observation, info = env.reset(seed=0)
    length = int(observation["attention_mask"].sum())
    assert observation["input_ids"][:length].tolist() == [260, *env.tokenizer.encode(info["prompt"])]
    answer = env.task.problem("train", info["problem_index"]).reference.answer
    step = play_text(env, [answer])[-1]
    assert step[1] == 1.0 and step[4]["success"] and step[4]["response"] == answer
    allowed = {env.tokenizer.decode([i]) for i in np.flatnonzero(env.action_masks())}
    assert "12" in allowed and " the" not in allowed


def test_an_environment_renders_its_text() -> None:
    env = TokenEnv(Echo(), render_mode="ansi")
    _, info = env.reset(seed=0)
    env.step(env.tokenizer.encode("z")[0])
    assert env.render() == info["prompt"] + "z"
    assert copy.copy(env).render() == env.render() and TokenEnv(Echo()).render() is None

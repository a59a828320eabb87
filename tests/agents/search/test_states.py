"""One law: a state after some actions is what the token environment holds after the same tokens."""

from __future__ import annotations

import pytest

from lmgym.envs.token import TokenEnv
from lmgym.errors import InvalidValueError, PromptTooLongError
from lmgym.seeding import make_generator
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.maze import Maze
from lmgym.tasks.probes import Guess
from lmgym.tasks.rewrite import Rewrite
from lmgym.tokenization import CharTokenizer
from lmgym_agents.search.states import Transitions

TOKENIZER = CharTokenizer()
END = TOKENIZER.end_id
TASKS = [Math(level=1), Math(level=2, style="worked"), Guess(), Maze(), Rewrite()]
BUDGETS = [{}, {"max_new_tokens": 3}, {"room": 6}, {"room": 14}, {"room": 40, "max_new_tokens": 5}]


def budgets(task, budget):
    options = dict(budget)
    if (room := options.pop("room", None)) is not None:
        options["max_episode_tokens"] = task.max_prompt_chars + room
    return options


def script(task, problem, rng):
    """Tokens that solve the problem, with some of them wrong, and endings too many or too few."""
    said = []
    for turn in (*task.demonstrations(problem, rng), *task.demonstrations(problem, rng), "1", "?\n"):
        said += [*TOKENIZER.encode(turn), END]
    wrong = rng.random(len(said)) < rng.choice([0.0, 0.1, 0.4])
    ids = [*TOKENIZER.encode("0123456789=+\nNESWx"), END]
    return [
        int(rng.choice(ids)) if is_wrong else token for token, is_wrong in zip(said, wrong, strict=True)
    ] * 4


def assert_same(state, env, observation, terminated, truncated):
    length = int(observation["attention_mask"].sum())
    assert list(state.tokens) == observation["input_ids"][:length].tolist()
    assert (state.terminated, state.truncated) == (terminated, truncated)
    assert state.num_actions == env.is_action.sum()


@pytest.mark.parametrize("budget", BUDGETS, ids=str)
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.fingerprint)
def test_states_play_as_the_token_environment(task, budget):
    options = budgets(task, budget)
    env, transitions = TokenEnv(task, tokenizer=TOKENIZER, **options), Transitions(task, TOKENIZER, **options)
    rng = make_generator(0, "scripts", task.fingerprint, str(budget))
    for index in range(25):
        problem = task.problem("train", index)
        observation, _ = env.reset(seed=0, options={"split": "train", "problem_index": index})
        state = transitions.start(problem)
        assert_same(state, env, observation, False, False)
        for token in script(task, problem, rng):
            earlier = state
            state = transitions.apply(state, (token,))
            assert earlier.num_actions + 1 == state.num_actions  # a value: it has not changed
            observation, _, terminated, truncated, info = env.step(token)
            assert_same(state, env, observation, terminated, truncated)
            if terminated or truncated:
                break
        assert state.is_over and transitions.tokens_left(state) == 0
        verdict = transitions.verify([state])[0]
        assert (verdict.status, verdict.reason, verdict.score) == (
            info["status"],
            info["reason"],
            info["score"],
        )


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.fingerprint)
def test_long_actions_are_their_tokens(task):
    transitions = Transitions(task, TOKENIZER, max_new_tokens=9)
    rng = make_generator(0, "actions", task.fingerprint)
    for index in range(10):
        state = whole = transitions.start(task.problem("train", index))
        tokens = script(task, state.problem, rng)
        while not whole.is_over and tokens:
            size = int(rng.integers(1, transitions.tokens_left(whole) + 1))
            action = tokens[:size]
            action = action[: action.index(END) + 1] if END in action else action
            tokens = tokens[len(action) :]
            whole = transitions.apply(whole, tuple(action))
            for token in action:
                state = transitions.apply(state, (token,))
            assert state == whole


def test_scripts_reach_every_end():
    seen = set()
    for task in TASKS:
        rng = make_generator(0, "ends", task.fingerprint)
        for budget in BUDGETS:
            transitions = Transitions(task, TOKENIZER, **budgets(task, budget))
            for index in range(25):
                state = transitions.start(task.problem("train", index))
                for token in script(task, state.problem, rng):
                    if not state.is_over:
                        state = transitions.apply(state, (token,))
                is_right = transitions.verify([state])[0].status == "correct"
                seen.add((state.terminated, is_right, task.max_turns > 1))
    assert {(True, True, False), (True, False, False), (True, True, True), (False, False, True)} <= seen


def test_bad_actions_are_refused():
    transitions = Transitions(Math(level=1), TOKENIZER, max_new_tokens=3)
    state = transitions.start(Math(level=1).problem("train", 0))
    with pytest.raises(InvalidValueError, match="1 to 3"):
        transitions.apply(state, ())
    with pytest.raises(InvalidValueError, match="1 to 3"):
        transitions.apply(state, (5, 5, 5, 5))
    with pytest.raises(InvalidValueError, match="as the last"):
        transitions.apply(state, (END, 5))
    over = transitions.apply(state, (END,))
    with pytest.raises(InvalidValueError, match="0 are left"):
        transitions.apply(over, (5,))


def test_a_prompt_must_fit():
    task = Math(level=1)
    with pytest.raises(PromptTooLongError):
        Transitions(task, TOKENIZER, max_prompt_tokens=1).start(task.problem("train", 0))


def test_text_is_what_was_said():
    task = Math(level=1)
    transitions = Transitions(task, TOKENIZER)
    state = transitions.start(task.problem("train", 0))
    assert transitions.text(state) == ""
    state = transitions.apply(state, tuple(TOKENIZER.encode("1")))
    assert transitions.text(state) == "1"
    assert transitions.text(transitions.apply(state, (END,))) == "1"

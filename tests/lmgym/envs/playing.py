"""Plays the same scripted tokens through every kind of environment and writes down what each gave."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lmgym.conversation import readable
from lmgym.envs.text import TextEnv
from lmgym.envs.token import TokenEnv
from lmgym.envs.vector import TokenVectorEnv
from lmgym.records import Problem
from lmgym.rewards import make_reward
from lmgym.seeding import make_generator
from lmgym.tasks.base import Task
from lmgym.tokenization import CharTokenizer
from tests.reference.slow_token_env import SlowTokenEnv

TOKENIZER = CharTokenizer()


class Episode(NamedTuple):
    """All that an episode gave."""

    row: tuple[int, ...]
    """Tokens at the end."""
    is_action: tuple[bool, ...]
    rewards: tuple[float, ...]
    """One for each action."""
    terminated: bool
    truncated: bool
    infos: tuple[dict[str, Any], ...]
    """The non-empty infos, that of the reset first."""


class Script:
    """The tokens that row ``row`` says in its episode ``episode``: demonstrations, noise, and between."""

    def __init__(self, task: Task, row: int, episode: int, problem: Problem) -> None:
        rng = make_generator(7, "script", row, episode)
        alphabet = [*range(2, TOKENIZER.vocab_size)] if task.alphabet is None else []
        self.letters = alphabet or TOKENIZER.encode(task.alphabet or "")
        self.noise = rng.random(4096)
        self.picks = rng.integers(0, len(self.letters), 4096)
        self.position = 0
        self.style = int(rng.integers(0, 3))
        turns = task.demonstrations(problem, rng)
        self.plan = [token for turn in turns for token in [*TOKENIZER.encode(turn), 1]]

    def next(self) -> int:
        at, self.position = self.position, self.position + 1
        if self.style == 0 and at < len(self.plan):
            return self.plan[at]
        noise = self.noise[at]
        if noise < 0.18:
            return 1
        if noise < 0.3:
            return 3  # a newline
        return self.letters[self.picks[at]] if noise < 0.95 else int(noise * 1e6) % TOKENIZER.vocab_size


def play_slowly(
    task: Task, env: TokenEnv, row: int, problems: list[Problem], reward: Any, pay: Any
) -> list[Episode]:
    slow = SlowTokenEnv(task, make_reward(reward, pay=pay), env.max_new_tokens, env.context_length)
    episodes = []
    for number, problem in enumerate(problems):
        script = Script(task, row, number, problem)
        slow.reset(problem)
        begin = {
            "prompt": readable(problem.prompt),
            "split": problem.split,
            "problem_index": problem.index,
            "difficulty": problem.difficulty,
        }
        rewards, infos, ended = [], [begin], False
        while not ended:
            paid, terminated, truncated, info = slow.step(script.next())
            rewards.append(paid)
            infos += [info] if info else []
            ended = terminated or truncated
        episodes.append(
            Episode(
                tuple(slow.row), tuple(slow.is_action), tuple(rewards), terminated, truncated, tuple(infos)
            )
        )
    return episodes


def play_single(env: TokenEnv, row: int, seed: int, num_episodes: int) -> tuple[list[Problem], list[Episode]]:
    problems, episodes = [], []
    for number in range(num_episodes):
        observation, info = env.reset(seed=seed if number == 0 else None, options={"row": row})
        problem = env.task.problem(info["split"], info["problem_index"])
        script = Script(env.task, row, number, problem)
        rewards, infos, ended = [], [info], False
        while not ended:
            observation, paid, terminated, truncated, info = env.step(script.next())
            rewards.append(paid)
            infos += [info] if info else []
            ended = terminated or truncated
        length = int(observation["attention_mask"].sum())
        tokens = tuple(observation["input_ids"][:length].tolist())
        actions = tuple(env.is_action[:length].tolist())
        problems.append(problem)
        episodes.append(Episode(tokens, actions, tuple(rewards), terminated, truncated, tuple(infos)))
    return problems, episodes


def row_info(infos: dict[str, Any], row: int) -> dict[str, Any]:
    """Returns one row's info, made of plain Python values."""
    info = {}
    for key, values in infos.items():
        if key.startswith("_") or not infos[f"_{key}"][row]:
            continue
        if isinstance(values, dict):
            info[key] = row_info(values, row)
        else:
            value = values[row]
            info[key] = value.item() if isinstance(value, np.generic) else value
    return info


class _Log:
    """Gathers the episodes of a vector environment's rows."""

    def __init__(self, env: TokenVectorEnv, num_episodes: int) -> None:
        self.env, self.num_episodes = env, num_episodes
        self.episodes: list[list[Episode]] = [[] for _ in range(env.num_envs)]
        self.rewards: list[list[float]] = [[] for _ in range(env.num_envs)]
        self.infos: list[list[dict[str, Any]]] = [[] for _ in range(env.num_envs)]
        self.scripts: list[Script | None] = [None] * env.num_envs

    def begin(self, row: int, info: dict[str, Any]) -> None:
        problem = self.env.task.problem(info["split"], info["problem_index"])
        self.scripts[row] = Script(self.env.task, row, len(self.episodes[row]), problem)
        self.rewards[row], self.infos[row] = [], [info]

    def end(
        self, row: int, tokens: Any, is_action: Any, length: int, terminated: Any, truncated: Any
    ) -> None:
        self.episodes[row].append(
            Episode(
                tuple(tokens[:length].tolist()), tuple(is_action[:length].tolist()), tuple(self.rewards[row]),
                bool(terminated), bool(truncated), tuple(self.infos[row]),
            )
        )  # fmt: skip

    @property
    def is_done(self) -> bool:
        return min(map(len, self.episodes)) >= self.num_episodes


def play_vector(env: TokenVectorEnv, seed: int, num_episodes: int) -> list[list[Episode]]:
    """Steps token by token in any autoreset mode; ``is_action`` is left out with SAME_STEP."""
    mode = env.autoreset_mode.name
    log = _Log(env, num_episodes)
    observation, infos = env.reset(seed=seed)
    for row in range(env.num_envs):
        log.begin(row, row_info(infos, row))
    waits = np.zeros(env.num_envs, bool)
    while not log.is_done:
        actions = np.array([0 if waits[r] else log.scripts[r].next() for r in range(env.num_envs)])
        observation, rewards, terminated, truncated, infos = env.step(actions)
        ended = terminated | truncated
        is_action = env.is_action
        for row in range(env.num_envs):
            info = row_info(infos, row)
            if waits[row]:
                assert rewards[row] == 0.0 and not ended[row]
                log.begin(row, info)
                continue
            log.rewards[row].append(float(rewards[row]))
            if not ended[row]:
                log.infos[row] += [info] if info else []
                continue
            last = {key: value[row] for key, value in observation.items()}
            if mode == "SAME_STEP":
                last = info.pop("final_obs")
                log.infos[row].append(info.pop("final_info"))
            else:
                log.infos[row].append(info)
            length = int(last["attention_mask"].sum())
            log.end(row, last["input_ids"], is_action[row], length, terminated[row], truncated[row])
            if mode == "SAME_STEP":
                log.begin(row, info)
        if mode == "NEXT_STEP":
            waits = ended
        if mode == "DISABLED" and ended.any():
            observation, infos = env.reset(options={"reset_mask": ended})
            for row in np.flatnonzero(ended):
                log.begin(row, row_info(infos, row))
    return [episodes[:num_episodes] for episodes in log.episodes]


def play_responses(env: TokenVectorEnv, seed: int, num_episodes: int) -> list[list[Episode]]:
    """Plays through the fast path."""
    log = _Log(env, num_episodes)
    _, infos = env.reset(seed=seed)
    for row in range(env.num_envs):
        log.begin(row, row_info(infos, row))
    while not log.is_done:
        room = env.tokens_left
        tokens = np.full((env.num_envs, int(room.max())), 5)
        lengths = np.zeros(env.num_envs, np.int64)
        for row in range(env.num_envs):
            while lengths[row] < room[row] and (lengths[row] == 0 or tokens[row, lengths[row] - 1] != 1):
                tokens[row, lengths[row]] = log.scripts[row].next()
                lengths[row] += 1
        result = env.step_responses(tokens, lengths)
        ended = result.terminated | result.truncated
        for row in range(env.num_envs):
            log.rewards[row] += result.rewards[row, : lengths[row]].tolist()
            log.infos[row].append(row_info(result.infos, row))
            assert result.rewards[row, lengths[row] :].sum() == 0
            if ended[row]:
                log.end(
                    row, env.input_ids[row], env.is_action[row], int(env.lengths[row]),
                    result.terminated[row], result.truncated[row],
                )  # fmt: skip
        if ended.any():
            _, infos = env.reset(options={"reset_mask": ended})
            for row in np.flatnonzero(ended):
                log.begin(row, row_info(infos, row))
    return [episodes[:num_episodes] for episodes in log.episodes]


def text_of_turns(env: TextEnv, episode: Episode) -> list[str]:
    """Returns the text of each agent turn of a token episode."""
    return [info["response"] for info in episode.infos[1:]]

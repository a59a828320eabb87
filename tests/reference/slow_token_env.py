"""The token environment again, one episode in plain Python: what the fast one is compared with.

It shares tasks, rewards and the character table with the package, but no code of its environments.
"""

from __future__ import annotations

from typing import Any

from lmgym.conversation import AGENT, END, SYSTEM, USER
from lmgym.records import Problem, Transcript, Turn
from lmgym.rewards import Reward
from lmgym.tasks.base import Task
from lmgym.tokenization import CharTokenizer


class SlowTokenEnv:
    def __init__(self, task: Task, reward: Reward, max_new_tokens: int, context_length: int) -> None:
        self.task, self.reward = task, reward
        self.max_new_tokens, self.context_length = max_new_tokens, context_length
        self.table = CharTokenizer().vocabulary

    def reset(self, problem: Problem) -> None:
        self.problem = problem
        self.state = self.task.start(problem)
        self.turns: list[Turn] = []
        self.row = self.ids_of(problem.prompt)
        self.is_action = [False] * len(self.row)
        self.turn: list[int] = []
        self.terms: dict[str, float] = {}
        self.has_failed = False

    def ids_of(self, text: str) -> list[int]:
        """Writes conversations as "User:\\nHello" END "\\nAssistant:\\n", the rest character by character."""
        heads = {SYSTEM: "System:\n", USER: "User:\n", AGENT: "Assistant:\n"}
        row: list[int] = []
        for place, char in enumerate(text):
            if not self.task.is_chat or char not in (*heads, END):
                row.append(self.id_of(char))
            elif char in heads:
                row += [self.id_of(letter) for letter in ("\n" if place else "") + heads[char]]
            elif place:  # the first mark of a reply says that the agent's turn, which has its end, has ended
                row.append(1)
        return row

    def id_of(self, char: str) -> int:
        return self.table.index(char) if char in self.table else 2

    def text_of(self, tokens: list[int]) -> str:
        return "".join(self.table[token] for token in tokens if token > 1)

    def step(self, token: int) -> tuple[float, bool, bool, dict[str, Any]]:
        self.row.append(token)
        self.is_action.append(True)
        self.turn.append(token)
        stopped = token == 1
        is_full = len(self.row) == self.context_length
        if stopped or len(self.turn) == self.max_new_tokens:
            return self._end_turn(stopped)
        if is_full:
            return self._finish(Turn("agent", self.text_of(self.turn), False), False, True)
        if self.reward.pay == "step" and self.table[token] == "\n":
            partial = Turn("agent", self.text_of(self.turn), False)
            return self._pay([*self.turns, partial], False, False)[0], False, False, {}
        return 0.0, False, False, {}

    def _end_turn(self, stopped: bool) -> tuple[float, bool, bool, dict[str, Any]]:
        turn = Turn("agent", self.text_of(self.turn), stopped)
        response = self.task.respond(self.state, turn)
        if response.is_over:
            return self._finish(turn, True, False)
        reply = self.ids_of(response.reply or "")
        if self.task.is_chat and not stopped and response.reply:
            reply = [1, *reply]
        if len(self.row) + len(reply) >= self.context_length:
            return self._finish(turn, False, True)
        reward = self._pay([*self.turns, turn], False, False)[0] if self.reward.pay != "episode" else 0.0
        self.state, self.turn = response.state, []
        self.turns.append(turn)
        if response.reply is not None:
            self.turns.append(Turn("environment", response.reply))
        self.row += reply
        self.is_action += [False] * len(reply)
        return reward, False, False, {"response": turn.text, "stopped": stopped}

    def _finish(
        self, turn: Turn, terminated: bool, truncated: bool
    ) -> tuple[float, bool, bool, dict[str, Any]]:
        reward, verdict = self._pay([*self.turns, turn], terminated, truncated)
        info = {
            "response": turn.text,
            "stopped": turn.is_complete,
            "success": verdict.status == "correct",
            "status": verdict.status,
            "reason": verdict.reason,
            "score": verdict.score,
            "reward_terms": {} if self.has_failed else self.terms,
            "reward_failed": self.has_failed,
            "num_tokens": len(self.row),
            "num_actions": sum(self.is_action),
        }
        return reward, terminated, truncated, info

    def _pay(self, turns: list[Turn], terminated: bool, truncated: bool) -> tuple[float, Any]:
        transcript = Transcript(self.problem, tuple(turns), terminated, truncated)
        verdict = self.task.verify(transcript)
        scores = self.reward([transcript._replace(verdict=verdict)])
        self.has_failed |= bool(scores.failed[0]) or verdict.status == "error"
        for name, term in scores.terms.items():
            self.terms[name] = self.terms.get(name, 0.0) + float(term[0])
        return float(scores.values[0]), verdict

"""A proposer writes problems, a solver answers them, and both learn; from top to bottom.

    algorithm = ProposerSolver(policy, SumProposals(), tokenizer, ProposerConfig(iterations=100))
    for update in algorithm.iterations():
        print(update.step, update.metrics["success"], update.metrics.get("held_out"))

One iteration: the proposer answers a fixed prompt with problems as text; a form reads each, solves it and
refuses what is none, what belongs to a held-out split and what was proposed before; the solver tries each of
the others several times, judged by the task's verifier. The solver learns from right and wrong, compared with
its mean on the problem; the proposer from how learnable its problem was, compared with its mean. Both roles
are one policy, or two. Every random choice is drawn from (seed, iteration, ...), so a restored run goes on
bit for bit. Source: Zhao et al. 2025, "Absolute Zero"; Huang et al. 2025, "R-Zero".
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from lmgym.records import Problem, Transcript, Turn
from lmgym.seeding import make_key
from lmgym.tasks.proposals import ProposalForm
from lmgym.tokenization import TextTokenizer
from lmgym_agents.agent import LMAgent
from lmgym_agents.algorithms.policy_gradient import Lesson, PolicyGradient
from lmgym_agents.algorithms.proposer_config import ProposerConfig, proposer_reward
from lmgym_agents.algorithms.statistics import mean_of
from lmgym_agents.algorithms.update import Update
from lmgym_agents.engine import Engine
from lmgym_agents.evaluation import evaluate
from lmgym_agents.policy import Policy
from lmgym_agents.prompted_rows import Answers, sample_answers

PROPOSER_PROMPT = "new>"
"""What the proposer answers to."""


class ProposerSolver:
    """Trains a policy to pose problems and to solve them; see the module and ``ProposerConfig``."""

    def __init__(
        self,
        policy: Policy,
        form: ProposalForm,
        tokenizer: TextTokenizer,
        config: ProposerConfig,
        *,
        proposer: Policy | None = None,
        on_message: Callable[[str], None] | None = None,
    ) -> None:
        """Prepares a run; ``load_state_dict`` may follow.

        Args:
            policy: solves, and proposes unless there is a second one; is changed.
            form: what is proposed.
            tokenizer: of both.
            config: the options.
            proposer: a second policy that proposes; is changed.
            on_message: told in words what a user should know.
        """
        self.form, self.tokenizer, self.config = form, tokenizer, config
        self.solver = PolicyGradient(policy, config.solver, on_message=on_message)
        self.proposer = PolicyGradient(proposer or policy, config.proposer, on_message=on_message)
        pad_id = tokenizer.pad_id
        self._solver_engine = Engine(policy.model, max_rows=1024, pad_id=pad_id)
        self._proposer_engine = (
            self._solver_engine if proposer is None else Engine(proposer.model, max_rows=1024, pad_id=pad_id)
        )
        self.iteration = 0
        self.remembered: dict[str, None] = {}
        """Keys of accepted problems, the oldest first."""

    # The run ------------------------------------------------------------------------------------------

    def iterations(self) -> Iterator[Update]:
        """Yields after each iteration; the state may be saved whenever it has yielded."""
        while self.iteration < self.config.iterations:
            yield self.iterate()

    def iterate(self) -> Update:
        """Does one iteration."""
        config, start = self.config, time.perf_counter()
        proposed = self._propose()
        problems, reasons = self._accept(proposed)
        metrics = self._describe_proposals(proposed, reasons)
        rates, of_solver = self._solve(problems)
        made = time.perf_counter()
        rewards = self._pay(reasons, rates)
        metrics |= {
            "reward": float(rewards.mean()),
            "success": float(rates.mean()) if len(rates) else 0.0,
            "learnable": float(((rates > 0) & (rates < 1)).float().mean()) if len(rates) else 0.0,
        }
        lesson = Lesson(proposed.rollout, _spread(rewards - rewards.mean(), proposed), config.temperature)
        metrics |= _named("proposer", self._update(self.proposer, lesson, "proposer"))
        if of_solver is not None:
            metrics |= _named("solver", self._update(self.solver, of_solver, "solver"))
        self._solver_engine.weights_changed()
        self._proposer_engine.weights_changed()
        self.iteration += 1
        updated = time.perf_counter()
        if self.iteration % config.evaluate_every == 0 or self.iteration == config.iterations:
            metrics["held_out"] = self.measure("validation", config.evaluation_problems)
        timing = {
            "total_s": time.perf_counter() - start, "rollout_s": made - start, "update_s": updated - made,
            "evaluation_s": time.perf_counter() - updated,
        }  # fmt: skip
        return Update(self.iteration, metrics, timing)

    def measure(self, split: str, num_problems: int) -> float:
        """Returns the solver's greedy rate of success on problems that the task itself poses."""
        agent = LMAgent(self.solver.policy, self.tokenizer, engine=self._solver_engine)
        found = evaluate(agent, self.form.task, split=split, num_problems=num_problems, num_transcripts=0)
        return found.success.mean

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that later iterations depend on: tensors and plain values."""
        state: dict[str, Any] = {
            "iteration": self.iteration,
            "remembered": list(self.remembered),
            "solver": self.solver.state_dict(),
            "proposer": self.proposer.state_dict(),
        }
        if self.proposer.policy is self.solver.policy:
            state["proposer"].pop("policy")
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state_dict`` returned in a run of the same configuration."""
        self.iteration = int(state["iteration"])
        self.remembered = dict.fromkeys(state["remembered"])
        self.solver.load_state_dict(state["solver"])
        self.proposer.load_state_dict({"policy": state["solver"]["policy"], **state["proposer"]})
        self._solver_engine.weights_changed()
        self._proposer_engine.weights_changed()

    def _update(self, learner: PolicyGradient, lesson: Lesson, role: str) -> dict[str, Any]:
        config = self.config
        return learner.update(
            lesson, self.iteration, config.iterations, config.seed, "propose", self.iteration, role
        )

    # Problems and answers -----------------------------------------------------------------------------

    def _propose(self) -> Answers:
        config = self.config
        return sample_answers(
            self._proposer_engine, self.tokenizer, [PROPOSER_PROMPT] * config.proposals,
            temperature=config.temperature, max_new_tokens=self.form.max_chars + 1,
            seed=make_key(config.seed, "propose", self.iteration, "problems"),
        )  # fmt: skip

    def _accept(self, proposed: Answers) -> tuple[list[Problem], list[str]]:
        """Returns the problems that are posed, and for each proposal "" or why it is not among them."""
        problems: list[Problem] = []
        reasons: list[str] = []
        for text, stopped in zip(proposed.texts, proposed.stopped, strict=True):
            problem, reason = self.form.read(text) if stopped else (None, "overlong")
            if problem is not None and problem.key in self.remembered:
                reason = "repeated"
            elif problem is not None:
                problems.append(problem)
                self.remembered[problem.key] = None
            reasons.append(reason)
        # Forgotten only after the whole set was read: a set never holds a problem twice.
        for key in list(self.remembered)[: max(0, len(self.remembered) - self.config.memory)]:
            del self.remembered[key]
        return problems, reasons

    def _solve(self, problems: list[Problem]) -> tuple[Tensor, Lesson | None]:
        """Returns the solve rate of each problem, float32[n], and what the solver has to learn from it."""
        if not problems:
            return torch.zeros(0), None
        config, task = self.config, self.form.task
        posed = [problem for problem in problems for _ in range(config.attempts)]
        answers = sample_answers(
            self._solver_engine, self.tokenizer, [problem.prompt for problem in posed],
            temperature=config.temperature, max_new_tokens=task.default_max_new_tokens,
            seed=make_key(config.seed, "propose", self.iteration, "answers"),
        )  # fmt: skip
        transcripts = [
            Transcript(problem, (Turn("agent", text, stopped),), terminated=True)
            for problem, text, stopped in zip(posed, answers.texts, answers.stopped, strict=True)
        ]
        verdicts = task.verify_batch(transcripts)
        is_right = torch.tensor([float(verdict.status == "correct") for verdict in verdicts])
        rates = is_right.reshape(-1, config.attempts).mean(dim=1)
        advantages = is_right - rates.repeat_interleave(config.attempts)
        return rates, Lesson(answers.rollout, _spread(advantages, answers), config.temperature)

    def _pay(self, reasons: list[str], rates: Tensor) -> Tensor:
        """Returns what each proposal earns, float32[proposals]."""
        config, posed = self.config, iter(rates.tolist())
        earned = [
            proposer_reward(next(posed), config.pay, config.unlearnable_reward)
            if not reason
            else config.repeated_reward
            if reason == "repeated"
            else config.ill_formed_reward
            for reason in reasons
        ]
        return torch.tensor(earned)

    def _describe_proposals(self, proposed: Answers, reasons: list[str]) -> dict[str, Any]:
        """Returns shares of the proposals: what they are, and how many different texts there are."""
        count, found = len(reasons), Counter(reasons)
        well_formed = count - found["unparsed"] - found["overlong"]
        rollout = proposed.rollout
        return {
            "well_formed": well_formed / count,
            "distinct": len(set(proposed.texts)) / count,
            "posed": found[""] / count,
            **{name: found[name] / count for name in ("repeated", "unsolvable", "limits")},
            "refused_held_out": found["held_out"] / count,
            "proposer/entropy": -mean_of(rollout.logp_behaviour, rollout.is_action),
            "proposer/num_actions": float(rollout.num_actions.float().mean()),
            "episodes": count + found[""] * self.config.attempts,
        }


def _spread(per_row: Tensor, answers: Answers) -> Tensor:
    return per_row[:, None] * answers.rollout.is_action


def _named(role: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{role}/{name}": value for name, value in metrics.items()}

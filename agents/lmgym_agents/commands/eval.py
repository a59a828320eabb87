"""``lmgym eval``: how often a model, or any agent, succeeds on a split."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from lmgym.errors import InvalidValueError
from lmgym_agents.agent import Agent, LMAgent
from lmgym_agents.agent_specs import make_lone_agent
from lmgym_agents.evaluation import EvaluationResult, evaluate
from lmgym_agents.q.agent import QAgent
from lmgym_agents.q.engine import Support
from lmgym_agents.q.files import is_q_model, load_q_model
from lmgym_agents.report.tables import make_transcript_table
from lmgym_agents.run_options import EnvOptions, ModelOptions
from lmgym_agents.runs.durable_files import FILES, write_atomically
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.token_records import record_tokens, write_token_records


@dataclass(frozen=True, kw_only=True)
class Eval:
    """Measures a model or any agent on a split, with confidence intervals.

    A model is named with --model; a run's is in its folder's model/. A Q model acts by Q: at temperature 0 by
    its best action, else by prior · exp(Q / temperature). Any other agent is named with --agent, with its
    options behind it: module:Class?width=3 (see docs/agents.md).
    """

    env: Annotated[EnvOptions, tyro.conf.OmitArgPrefixes] = field(default_factory=EnvOptions)
    model: Annotated[ModelOptions, tyro.conf.OmitArgPrefixes] = field(default_factory=ModelOptions)
    agent: str | None = None
    """in place of a model: a built-in name, module:Class, a name that a package registers, or a served model,
    http://HOST:PORT/v1#MODEL"""
    split: str = "test"
    """where problems come from"""
    num_problems: int = 1000
    """different problems; fewer where the split has no more"""
    samples_per_problem: int = 1
    """answers to each problem, for pass@k; more than one needs a temperature"""
    temperature: float = 0.0
    """of a model's sampling; 0 is greedy"""
    top_k: int = 0
    """sample from the k most likely tokens; 0: all"""
    top_p: float = 1.0
    """sample from the most likely tokens of this mass; 1: all"""
    seed: int = 0
    """of the sampling"""
    num_transcripts: int = 8
    """responses to print, half of them right"""
    json_out: Path | None = None
    """file for all of it as JSON"""
    tokens_out: Path | None = None
    """file, NAME.tokens.jsonl, for what the model makes of each token of its episodes; see `lmgym report`"""
    reference: str | None = None
    """model that the KL divergence in --tokens-out is measured from"""

    def __post_init__(self) -> None:
        if self.tokens_out is not None and not self.tokens_out.name.endswith(".tokens.jsonl"):
            raise InvalidValueError(
                f"--tokens-out is {str(self.tokens_out)!r}; allowed: names that end in .tokens.jsonl, by "
                "which `lmgym report` finds them."
            )
        if self.tokens_out is not None and self.agent is not None:
            raise InvalidValueError(
                "--tokens-out needs --model: of another agent nobody knows the probabilities."
            )
        if self.reference is not None and self.tokens_out is None:
            raise InvalidValueError("--reference is for --tokens-out, which was not given.")


def run_eval(config: Eval) -> int:
    """Runs ``lmgym eval``; returns the exit code.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    agent = _make_agent(config)
    result = evaluate(
        agent, config.env.env, split=config.split, num_problems=config.num_problems,
        samples_per_problem=config.samples_per_problem, seed=config.seed,
        env_options=config.env.make_options(), num_transcripts=config.num_transcripts,
    )  # fmt: skip
    console.print(make_result_table(result))
    if result.transcripts:
        console.print(make_transcript_table([transcript._asdict() for transcript in result.transcripts]))
    if config.json_out is not None:
        text = json.dumps(result.to_dict(), indent=2)
        write_atomically(config.json_out.absolute(), text.encode() + b"\n", FILES)
    if config.tokens_out is not None:
        assert isinstance(agent, LMAgent | QAgent), agent
        write_token_records(config.tokens_out, _record_tokens(config, agent))
    return 0


def _record_tokens(config: Eval, agent: LMAgent | QAgent) -> list[dict[str, Any]]:
    reference = None
    if config.reference is not None:
        context = config.env.make_env(1, agent.tokenizer).context_length
        options = dataclasses.replace(config.model, model=config.reference)
        reference = options.make_policy(agent.tokenizer, context=context, seed=config.seed)
    return record_tokens(
        agent, agent.tokenizer, config.env.env, options=config.env.make_options(), split=config.split,
        num_problems=config.num_problems, seed=config.seed, reference=reference, label=config.model.model,
    )  # fmt: skip


def _make_agent(config: Eval) -> Agent:
    if config.agent is not None:
        if config.model != ModelOptions():
            raise InvalidValueError("--agent and options of a model were both given; one can be measured.")
        return make_lone_agent(config.agent, seed=config.seed)
    tokenizer = config.model.make_tokenizer()
    if Path(config.model.model).is_dir() and is_q_model(config.model.model):
        return QAgent(
            load_q_model(config.model.model, config.model.device, dtype=config.model.torch_dtype), tokenizer,
            acting="prior" if config.temperature else "greedy", temperature=config.temperature or None,
            seed=config.seed, support=Support(top_k=config.top_k, top_p=config.top_p),
        )  # fmt: skip
    context = config.env.make_env(1, tokenizer).context_length
    policy = config.model.make_policy(tokenizer, context=context, seed=config.seed)
    params = SamplingParams(
        max_new_tokens=256, temperature=config.temperature, top_k=config.top_k, top_p=config.top_p
    )
    return LMAgent(policy, tokenizer, params, seed=config.seed)


def make_result_table(result: EvaluationResult) -> Table:
    """Returns every number of an evaluation, a row each."""
    table = Table(title=f"{result.env_id}, split {result.split}", title_justify="left", show_header=False)
    rows = [
        ("success", f"{result.success.mean:.1%}  95 % [{result.success.low:.1%}, {result.success.high:.1%}]"),
        ("reward", f"{result.reward.mean:.4f}  95 % [{result.reward.low:.4f}, {result.reward.high:.4f}]"),
        *((f"pass@{k}", f"{rate:.1%}") for k, rate in result.pass_at.items() if k > 1),
        ("partial credit", f"{result.score:.3f}"),
        ("problems × samples", f"{result.num_problems:,} × {result.samples_per_problem}"),
        ("failed episodes", f"{result.num_failed:,} (left out)"),
        ("stopped by itself", f"{result.stop_rate:.1%}"),
        ("tokens per episode", f"{result.mean_actions:.1f}"),
        ("time", f"{result.seconds:.1f} s, {result.tokens_per_s:,.0f} tokens/s"),
    ]
    for name, value in rows:
        table.add_row(name, value)
    return table

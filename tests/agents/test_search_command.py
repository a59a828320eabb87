from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from typing import get_args

import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym.tokenization import CharTokenizer
from lmgym_agents.commands.search import Search, run_search
from lmgym_agents.commands.search_methods import Method, SearchOptions
from lmgym_agents.models import make_tiny_model, save_policy
from lmgym_agents.policy import Policy
from lmgym_agents.q.files import save_q_model
from lmgym_agents.q.model import QModel
from lmgym_agents.run_options import EnvOptions, ModelOptions

TOKENIZER = CharTokenizer()


def make_policy():
    model = make_tiny_model(
        TOKENIZER.vocab_size, hidden_size=16, layers=1, heads=2, context=64, pad_id=TOKENIZER.pad_id,
        end_id=TOKENIZER.end_id,
    )  # fmt: skip
    return Policy(model)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    save_policy(make_policy(), folder / "policy", tokenizer=TOKENIZER)
    for kind in ("heads", "logits"):
        save_q_model(QModel(make_policy(), kind=kind), folder / kind, tokenizer=TOKENIZER)
    return folder


def run(folder, out=None, *, model="policy", draw=None, num_problems=3, **options):
    options = {"max_tokens": 24, "accept": "verifier", "top_k": 3, "samples": 3, **options}
    config = Search(
        env=EnvOptions(env="lmgym/Countdown-v0", level=1),
        model=ModelOptions(model=str(folder / model), device="cpu", threads=torch.get_num_threads()),
        search=SearchOptions(**options),
        num_problems=num_problems,
        side_by_side=2,
        out=out,
        draw=draw,
    )
    assert run_search(config) == 0
    if out is None:
        return None
    return [json.loads(line) for line in (out / "results.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("method", get_args(Method))
def test_every_method_with_a_q_model(folders, tmp_path, capsys, method):
    accept = "any" if method == "majority" else "verifier"
    rows = run(folders, tmp_path, model="heads", method=method, accept=accept)
    assert len(rows) == 3
    assert all(row["num_tokens"] <= 24 for row in rows)
    assert f"{method} on lmgym/Countdown-v0" in capsys.readouterr().out
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["num_problems"] == sum(summary["stops"].values()) == 3
    assert summary["tokens_mean"] == pytest.approx(sum(row["num_tokens"] for row in rows) / 3)
    assert summary["success"]["mean"] == sum(row["success"] for row in rows) / 3


@pytest.mark.parametrize(
    "options",
    [
        {"method": "mcts", "model": "logits", "accept": "any"},
        {"method": "best_first", "model": "logits", "accept": "any"},
        {"method": "best_of_n", "model": "heads", "accept": "any"},
        {"method": "gumbel", "values": "rollouts", "granularity": "step", "rollouts": 1},
        {"method": "a_star", "values": "none", "cost": "nlogp"},
        {"method": "weighted_a_star", "values": "model"},
        {"method": "weighted_a_star", "model": "heads", "anytime": True, "top_p": 0.5},
        {"method": "beam", "values": "verifier"},
        {"method": "beam", "granularity": "response"},
        {"method": "mcts", "commit_every": 1, "simulations": 4, "values": "model", "accept": "any"},
        {"method": "q_star", "values": "process_reward"},
        {"method": "q_star", "model": "heads", "process_reward": "policy"},
    ],
)
def test_values_and_granularities(folders, tmp_path, options):
    options = dict(options)
    if options.get("values") == "process_reward" or "process_reward" in options:
        options["process_reward"] = folders / "policy"
    rows = run(folders, tmp_path, **options)
    assert len(rows) == 3
    if options.get("accept") == "any":
        assert all(row["score"] is not None for row in rows if row["num_candidates"])


def test_one_tree_is_drawn(folders, tmp_path):
    for method in ("mcts", "levin", "beam"):
        run(folders, tmp_path / method, method=method, draw=2)
        svg = ElementTree.parse(tmp_path / method / "tree.svg").getroot()
        assert f"{method} on lmgym/Countdown-v0, problem 2" in "".join(svg.itertext())
    assert not (run(folders, tmp_path / "none", method="levin") and (tmp_path / "none" / "tree.svg").exists())


def test_the_same_seed_gives_the_same_results(folders, tmp_path):
    one, two = (run(folders, tmp_path / name, method="best_of_n") for name in ("one", "two"))
    assert one == two


def test_more_problems_asked_for_than_drawn(folders, tmp_path):
    with pytest.raises(InvalidValueError, match="beyond the last problem"):
        run(folders, tmp_path, method="levin", num_problems=600, draw=599, max_tokens=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "majority", "accept": "verifier"}, "votes without a verifier"),
        ({"method": "levin", "values": "model"}, "asks for no values"),
        ({"method": "best_first", "values": "none"}, "goes by values"),
        ({"values": "rollouts"}, "asks the verifier"),
        ({"method": "beam", "values": "process_reward"}, "--process-reward"),
        ({"method": "beam", "process_reward": "here"}, "nothing asks it"),
        ({"method": "greedy", "granularity": "step"}, "no --granularity"),
        ({"method": "beam", "simulations": 3}, "no simulations"),
        ({"method": "mcts", "anytime": True}, "no --anytime"),
        ({"top_k": 0}, "SearchOptions.top_k is 0"),
        ({"top_p": 0.0}, "SearchOptions.top_p is 0"),
        ({"temperature": 0.0}, "temperature"),
    ],
)
def test_contradictions_are_refused(options, message):
    with pytest.raises(InvalidValueError, match=message):
        SearchOptions(**options)


def test_budgets_of_zero_and_none_are_refused(folders):
    with pytest.raises(InvalidValueError, match="max_tokens"):
        run(folders, method="levin", max_tokens=0)
    with pytest.raises(InvalidValueError, match="max_tokens, max_nodes or max_seconds"):
        run(folders, method="levin", max_tokens=None)


def test_a_policy_has_no_values(folders):
    with pytest.raises(InvalidValueError, match="no Q model"):
        run(folders, method="best_first")
    with pytest.raises(InvalidValueError, match="needs values"):
        run(folders, method="mcts", accept="any")


def test_drawing_is_refused_without_a_tree_or_a_place(tmp_path):
    with pytest.raises(InvalidValueError, match="grows no tree"):
        Search(search=SearchOptions(method="greedy"), draw=0, out=tmp_path)
    with pytest.raises(InvalidValueError, match="needs --out"):
        Search(search=SearchOptions(method="levin"), draw=0)
    with pytest.raises(InvalidValueError, match="num_problems"):
        Search(num_problems=0)


def test_conversations_are_shown_without_marks(capsys):
    config = Search(
        env=EnvOptions(env="lmgym/Chat-v0"),
        model=ModelOptions(model="nano", device="cpu", threads=torch.get_num_threads()),
        search=SearchOptions(method="best_of_n", max_tokens=24, samples=2),
        num_problems=1,
    )
    assert run_search(config) == 0
    said = capsys.readouterr().out
    assert "System: " in said and "fdd0" not in said

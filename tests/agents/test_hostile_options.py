"""Options that make no sense are refused with one message, before anything is done, and leave nothing."""

import dataclasses
import json
import math

import pytest

from lmgym.cli import main
from lmgym.errors import InvalidValueError, ModelError
from lmgym.tokenization import CharTokenizer
from lmgym_agents.algorithms.expert_iteration_config import ExpertIterationConfig
from lmgym_agents.algorithms.ilql_config import ILQLConfig
from lmgym_agents.algorithms.policy_gradient import UpdateConfig
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.algorithms.proposer_config import ProposerConfig
from lmgym_agents.algorithms.q_learning_config import QLearningConfig
from lmgym_agents.algorithms.self_play_config import SelfPlayConfig
from lmgym_agents.algorithms.sft import SFTConfig
from lmgym_agents.commands.record import Record
from lmgym_agents.commands.search import Search
from lmgym_agents.commands.search_methods import SearchOptions
from lmgym_agents.commands.train import EvaluationOptions
from lmgym_agents.errors import CheckpointError
from lmgym_agents.models import make_tiny_model, save_policy
from lmgym_agents.policy import Policy
from lmgym_agents.q.files import save_q_model
from lmgym_agents.q.model import QModel
from lmgym_agents.run_options import EnvOptions, ModelOptions
from lmgym_agents.runs.folder import RunFolder

CONFIGS = (
    QLearningConfig, ILQLConfig, ExpertIterationConfig, SelfPlayConfig, ProposerConfig, SFTConfig, PPOConfig,
    UpdateConfig,
)  # fmt: skip
TOKENIZER = CharTokenizer()


def float_options(config):
    """Names of the options that hold a float, or none and would."""
    return [field.name for field in dataclasses.fields(config) if "float" in str(field.type)]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_training_takes_nan_or_infinities(config, value):
    names = [name for name in float_options(config) if name != "band"]
    assert "learning_rate" in names or config in (SelfPlayConfig, ProposerConfig)
    for name in names:
        with pytest.raises(InvalidValueError, match=r"allowed: "):
            config(**{name: value})


@pytest.mark.parametrize("config", CONFIGS[:-1])
def test_seeds_are_not_negative_and_gradients_get_through(config):
    with pytest.raises(InvalidValueError, match=r"seed is -1; allowed: integers from 0"):
        config(seed=-1)
    if hasattr(config, "max_grad_norm"):
        with pytest.raises(
            InvalidValueError, match=r"max_grad_norm is 0; allowed: positive numbers, or none"
        ):
            config(max_grad_norm=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: QLearningConfig(min_replay_rows=9, replay_rows=8), r"rows is 9; .*replay_rows \(8\)"),
        (lambda: QLearningConfig(replay_tokens=0), r"replay_tokens is 0"),
        (lambda: ExpertIterationConfig(max_per_problem=0), r"max_per_problem is 0; allowed: integers from 1"),
        (lambda: ExpertIterationConfig(learn="dpo", dpo_beta=0), r"dpo_beta is 0; allowed: positive numbers"),
        (lambda: ModelOptions(threads=0), r"--threads is 0; allowed: integers from 1"),
        (lambda: ModelOptions(lora_rank=-1), r"--lora-rank is -1; allowed: integers from 0"),
        (lambda: EvaluationOptions(eval_splits=()), r"--eval-splits is empty"),
        (lambda: EvaluationOptions(eval_problems=0), r"--eval-problems is 0"),
        (lambda: EnvOptions(option=("num_envs=3",)).make_options(), r"--option num_envs=3 can't be set"),
        (lambda: EnvOptions(option=("tokenizer=char",)).make_options(), r"give --tokenizer"),
        (lambda: SearchOptions(method="mcts", simulations=0), r"simulations is 0; allowed: integers from 1"),
        (lambda: Search(num_transcripts=-1), r"num_transcripts is -1; allowed: integers from 0"),
        (lambda: Record(out="x", first_problem=2**70), r"first_problem is .*; allowed: integers below"),
    ],
)  # fmt: skip
def test_options_are_refused_by_name(make, message):
    with pytest.raises(InvalidValueError, match=message):
        make()


def test_the_folder_of_a_run_is_told_from_its_model(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"run's folder, whose model is .*model"):
        ModelOptions(model=str(tmp_path)).make_tokenizer()


def test_a_run_that_was_refused_leaves_its_folder_free(tmp_path):
    path = tmp_path / "run"
    for error in (CheckpointError("refused"), KeyError("a bug, whose traces stay")):
        with pytest.raises(type(error)), RunFolder(path, {"seed": 0}) as run:
            assert (path / "config.json").is_file()
            run.metrics.write_text("")
            raise error
        assert (path / "config.json").exists() == isinstance(error, KeyError)
    with pytest.raises(CheckpointError), RunFolder(path, {"seed": 0}, resume=True):
        raise CheckpointError("of a run that goes on")
    assert (path / "config.json").is_file()


@pytest.mark.parametrize("begun", ["metrics.jsonl", "checkpoints/step-00000001"])
def test_a_run_that_has_learned_something_stays(tmp_path, begun):
    with pytest.raises(CheckpointError), RunFolder(tmp_path, {"seed": 0}):
        (tmp_path / begun).parent.mkdir(exist_ok=True)
        (tmp_path / begun).write_text("{}\n")
        raise CheckpointError("refused later")
    assert (tmp_path / begun).is_file() and (tmp_path / "config.json").is_file()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    model = make_tiny_model(
        TOKENIZER.vocab_size, hidden_size=16, layers=1, heads=2, context=64, pad_id=TOKENIZER.pad_id,
        end_id=TOKENIZER.end_id,
    )  # fmt: skip
    save_policy(Policy(model), folder / "policy", tokenizer=TOKENIZER)
    save_q_model(
        QModel(Policy(model), kind="heads", initial_value=0.5), folder / "heads", tokenizer=TOKENIZER
    )
    return folder


def command(*words):
    return [*words, "--env", "lmgym/Math-v0", "--level", "1", "--device", "cpu"]


def test_a_search_without_a_place_for_its_results_does_not_begin(models, tmp_path, capsys):
    file, taken = tmp_path / "file", tmp_path / "taken"
    file.write_text("mine")
    taken.mkdir()
    (taken / "results.jsonl").write_text("mine")
    words = command("search", "--model", str(models / "heads"), "--num-problems", "2", "--max-tokens", "4")
    for out, message in ((file, "exists"), (file / "x", "directory"), (taken, "results of a search")):
        assert main([*words, "--out", str(out)]) == 2
        said = capsys.readouterr()
        assert message in said.err and "success" not in said.out
    assert (file.read_text(), (taken / "results.jsonl").read_text()) == ("mine", "mine")
    assert main([*words, "--out", str(tmp_path / "a" / "b")]) == 0
    assert (tmp_path / "a" / "b" / "results.jsonl").is_file()


def test_a_file_that_cannot_be_written_is_one_message(models, tmp_path, capsys):
    words = command("eval", "--model", str(models / "policy"), "--num-problems", "2")
    assert main([*words, "--json-out", str(tmp_path / "nowhere" / "x.json")]) == 2
    assert "can't be read or written: No such file or directory" in capsys.readouterr().err


def test_a_q_model_is_recorded_as_it_acts_by_q(models, tmp_path):
    texts = {}
    for name, temperature in (("heads", "0"), ("heads", "1"), ("policy", "0")):
        out = tmp_path / f"{name}{temperature}.jsonl"
        words = command(
            "record", "--model", str(models / name), "--temperature", temperature, "--episodes", "3"
        )
        assert main([*words, "--out", str(out)]) == 0
        texts[name, temperature] = [json.loads(line)["ids"] for line in out.read_text().splitlines()[1:]]
    assert len({str(ids) for ids in texts.values()}) == 3


def test_a_search_with_a_model_that_can_read_no_prompt_is_refused(tmp_path, capsys):
    model = make_tiny_model(
        TOKENIZER.vocab_size, hidden_size=16, layers=1, heads=2, context=4, pad_id=TOKENIZER.pad_id,
        end_id=TOKENIZER.end_id,
    )  # fmt: skip
    save_policy(Policy(model), tmp_path / "short", tokenizer=TOKENIZER)
    words = command("search", "--model", str(tmp_path / "short"), "--num-problems", "2", "--method", "levin")
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert "reads 4 tokens at most, and the shortest prompt has 4" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_offline_learning_logs_the_actions_of_an_episode_not_of_the_batch(tmp_path):
    data, out = tmp_path / "data.jsonl", tmp_path / "run"
    assert (
        main([*command("record")[:-2], "--demonstration-quality", "1", "--episodes", "8", "--out", str(data)])
        == 0
    )
    words = command("train", "ilql", "--data", str(data), "--model", "nano", "--no-tensorboard")
    sizes = ["--iterations", "1", "--batch-rows", "8", "--eval-problems", "2", "--num-transcripts", "0"]
    assert main([*words, *sizes, "--out", str(out)]) == 0
    record = json.loads((out / "metrics.jsonl").read_text().splitlines()[0])
    episodes = [json.loads(line) for line in data.read_text().splitlines()[1:]]
    lengths = [sum(end - first for first, end in episode["actions"]) for episode in episodes]
    assert record["num_actions"] == pytest.approx(sum(lengths) / 8)

"""Self-play from random legal moves on a small game of Nim: earlier selves are beaten, results rise."""

from __future__ import annotations

import pytest
import tokenizers
import torch

from lmgym.games.players import Player
from lmgym.tasks.nim import Nim
from lmgym.tokenization import HFTokenizer
from lmgym_agents.algorithms.policy_gradient import UpdateConfig
from lmgym_agents.algorithms.self_play import SelfPlay
from lmgym_agents.algorithms.self_play_config import SelfPlayConfig
from lmgym_agents.algorithms.sft import SFT, SFTConfig
from lmgym_agents.demonstrations import TaskDemonstrations
from lmgym_agents.models import make_tiny_model
from lmgym_agents.policy import Policy
from lmgym_agents.self_play.elo import rate

pytestmark = pytest.mark.learning


@pytest.fixture(autouse=True)
def one_thread():
    """Matrices this small are slower on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_tokenizer(letters):
    vocabulary = {token: i for i, token in enumerate(["<end>", "<unk>", *letters])}
    library = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    library.decoder = tokenizers.decoders.Fuse()
    library.add_special_tokens(["<end>"])
    return HFTokenizer(library, end_token="<end>")


def test_self_play_learns_a_small_game_of_nim():
    tokenizer, options = make_tokenizer("ab0123456789,>\n"), {"num_heaps": 2, "max_heap": 4}
    task = Nim(**options)
    model = make_tiny_model(
        tokenizer.vocab_size, hidden_size=32, layers=2, heads=2, context=96, seed=0,
        config={"initializer_range": 0.1},
    )  # fmt: skip
    policy = Policy(model)
    moves = Nim(**options, opponent="random", demonstration_quality=0.0)
    sft = SFTConfig(iterations=50, batch_rows=64, optimizer="muon", learning_rate=5e-3)
    list(SFT(policy, TaskDemonstrations(moves, tokenizer=tokenizer), sft).iterations())
    update = UpdateConfig(optimizer="muon", learning_rate=3e-3, entropy_coefficient=0.1, schedule="constant")
    config = SelfPlayConfig(
        iterations=100, games=128, gae_lambda=0.8, past_share=0.1, snapshot_every=20, evaluate_every=100,
        evaluation_games=64, evaluation_split="train", update=update,
    )  # fmt: skip
    algorithm = SelfPlay(policy, task, tokenizer, config)
    before = algorithm.measure("perfect", Player(task.rules), split="train")
    updates = list(algorithm.iterations())
    after = algorithm.measure("perfect", Player(task.rules), split="train")
    ratings = rate(algorithm.tournament(games_a_pair=16, split="train"), num_resamples=0)
    assert before["perfect/won"] < 0.3 and after["perfect/won"] > 0.7
    assert updates[-1].metrics["illegal"] < 0.1
    assert ratings.names == ("random", "0", "20", "40", "60", "80", "100", "perfect")
    assert ratings.elo[-2] > ratings.elo[1] + 150

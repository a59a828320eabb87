"""Self-play: what both sides read, are paid and learn from, and that runs go on bit for bit."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.games.players import Player
from lmgym.tasks.arithmetic import Math
from lmgym.tasks.nim import Nim
from lmgym.tasks.tic_tac_toe import TicTacToe
from lmgym.tokenization import make_tokenizer
from lmgym_agents.agent import LMAgent
from lmgym_agents.algorithms.policy_gradient import Lesson, PolicyGradient, UpdateConfig
from lmgym_agents.algorithms.self_play import SelfPlay
from lmgym_agents.algorithms.self_play_config import SelfPlayConfig
from lmgym_agents.algorithms.sft import SFTConfig
from lmgym_agents.commands.train_self_play import TrainSelfPlay, check_game, train_self_play
from lmgym_agents.engine import Engine
from lmgym_agents.models import make_tiny_model
from lmgym_agents.policy import Policy
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions
from lmgym_agents.runs.state_tree import pack, unpack
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.self_play.opponents import Choice, ModelSeat, PlayerSeat, as_opponent
from lmgym_agents.self_play.rollout import make_rollout, play_games

TOKENIZER = make_tokenizer("char")


def make_policy(seed=0):
    model = make_tiny_model(
        TOKENIZER.vocab_size, hidden_size=16, layers=1, heads=2, context=160, seed=seed,
        config={"initializer_range": 0.1},
    )  # fmt: skip
    return Policy(model)


class Scripted:
    """Says the given texts in each game, one after the other."""

    def __init__(self, *texts):
        self.texts = texts

    def choose(self, requests, seed):
        chosen = [self.texts[request.num_moves // 2] for request in requests]
        return [
            Choice(text, [*TOKENIZER.encode(text or "?"), TOKENIZER.end_id], [-0.5] * (len(text or "?") + 1))
            for text in chosen
        ]


def play(task, starts, first, second, seed=0):
    seating = np.tile([0, 1], (len(starts), 1))
    return play_games(task.rules, starts, [first, second], seating, TOKENIZER, seed=seed)


def test_perfect_players_draw_tic_tac_toe_and_the_first_wins_nim():
    board, nim = TicTacToe(), Nim(level=4)
    perfect = PlayerSeat(Player(board.rules))
    games = play(board, ["." * 9] * 30, perfect, perfect)
    assert (games.results == 0).all() and (games.num_moves == 9).all()
    starts = [problem.reference.position for problem in nim.problems("train", range(30))]
    perfect = PlayerSeat(Player(nim.rules))
    assert (play(nim, starts, perfect, perfect).results == 1).all()
    assert len(set(play(nim, starts, perfect, perfect, seed=1).num_moves.tolist())) > 1


@pytest.mark.parametrize(
    ("first", "second", "result", "illegal"),
    [
        (Scripted("1", "2", "3"), Scripted("4", "5"), 1, [False, False]),
        (Scripted("1", "2", "9"), Scripted("4", "5", "6"), -1, [False, False]),
        (Scripted("x"), Scripted(), -1, [True, False]),
        (Scripted(None), Scripted(), -1, [True, False]),
        (Scripted("1"), Scripted("1"), 1, [False, True]),
    ],
)
def test_results_by_hand(first, second, result, illegal):
    games = play(TicTacToe(), ["." * 9], first, second)
    assert games.results.tolist() == [result] and games.is_illegal.tolist() == [illegal]
    assert games.result_of(1).tolist() == [-result]


def test_both_sides_are_paid_at_their_last_action():
    games = play(TicTacToe(), ["." * 9], Scripted("1", "2", "3"), Scripted("4", "5"))
    rollout, sides = make_rollout(games, np.ones((1, 2), np.bool_), pad_id=TOKENIZER.pad_id)
    assert sides.tolist() == [0, 1] and rollout.returns.tolist() == [1.0, -1.0]
    texts = [TOKENIZER.decode(ids[:n]) for ids, n in zip(rollout.input_ids, rollout.lengths, strict=True)]
    assert texts == [
        "......... x>1\nx..o..... x>2\nxx.oo.... x>3",
        "x........ o>4\nxx.o..... o>5",
    ]
    for row in range(2):
        last = int(rollout.is_action[row].nonzero()[-1])
        assert rollout.rewards[row, last] == rollout.returns[row] and last == rollout.lengths[row] - 1
        said = rollout.input_ids[row][rollout.is_action[row]].tolist()
        assert said.count(TOKENIZER.end_id) == int(rollout.num_turns[row]) == [3, 2][row]
        assert (rollout.logp_behaviour[row] == -0.5 * rollout.is_action[row]).all()


def test_an_illegal_move_costs_more_than_a_loss():
    games = play(TicTacToe(), ["." * 9], Scripted("1"), Scripted("1"))
    rollout, _ = make_rollout(games, np.ones((1, 2), np.bool_), pad_id=0, illegal_penalty=0.75)
    assert rollout.returns.tolist() == [1.0, -1.75] and rollout.success.tolist() == [True, False]


def test_a_side_that_said_nothing_is_left_out():
    games = play(TicTacToe(), ["." * 9] * 2, Scripted("x"), Scripted())
    rollout, sides = make_rollout(games, np.ones((2, 2), np.bool_), pad_id=0)
    assert sides.tolist() == [0, 0] and rollout.problem_index.tolist() == [0, 1]
    with pytest.raises(InvalidValueError, match="said anything"):
        make_rollout(games, np.array([[False, True]] * 2), pad_id=0)


@pytest.mark.parametrize("task", [TicTacToe(level=1), Nim()], ids=["tic_tac_toe", "nim"])
def test_a_side_reads_what_its_environment_would_show(task):
    """The same moves in the environment of the task, the other side as its opponent, give the same row."""
    engine = Engine(make_policy().model, pad_id=TOKENIZER.pad_id)
    noisy = Player(task.rules, 0.5)
    asked = {}

    class Seen(PlayerSeat):
        def choose(self, requests, seed):
            choices = super().choose(requests, seed)
            for request, choice in zip(requests, choices, strict=True):
                asked[request.game, task.rules.describe(request.position)] = choice.text
            return choices

    class Legal(ModelSeat):
        """Speaks as the model would if it only knew legal moves, so that games go on."""

        def choose(self, requests, seed):
            return Scripted(*[None] * 9).choose([], 0) + [
                Choice(text, [*TOKENIZER.encode(text), TOKENIZER.end_id], [0.0] * (len(text) + 1))
                for text in (Player(task.rules, 1.0).draw(r.position, seed, r.game) for r in requests)
            ]

    problems = task.problems("train", range(12))
    legal = Legal(engine, TOKENIZER, temperature=1.0, max_new_tokens=4)
    games = play(task, [problem.reference.position for problem in problems], legal, Seen(noisy))
    for game, problem in enumerate(problems):
        row = games.rows[2 * game]
        again = type(task)(level=task.level, opponent=lambda text, game=game: asked[game, text])
        env = TokenVectorEnv(again, num_envs=1, autoreset_mode="DISABLED", tokenizer=TOKENIZER)
        env.reset(options={"split": "train", "problem_index": problem.index})
        while True:
            begin = int(env.lengths[0])
            stop = next(i for i in range(begin, len(row.tokens)) if row.tokens[i] == TOKENIZER.end_id) + 1
            said = np.array([row.tokens[begin:stop]], np.int64)
            result = env.step_responses(said, np.array([said.shape[1]]), np.array([True]))
            if result.terminated[0]:
                break
        length = int(env.lengths[0])
        assert env.input_ids[0, :length].tolist() == row.tokens
        assert env.is_action[0, :length].tolist() == row.is_action
        assert bool(result.infos["success"][0]) == (games.results[game] >= problem.reference.value)


def make_algorithm(task=None, seed=0, **options):
    update = UpdateConfig(minibatches=2, learning_rate=1e-2)
    options = {"iterations": 4, "games": 12, "snapshot_every": 1, "evaluate_every": 2, "evaluation_games": 8,
               "past_share": 0.5, "update": update, "seed": seed} | options  # fmt: skip
    return SelfPlay(make_policy(seed), task or TicTacToe(level=1), TOKENIZER, SelfPlayConfig(**options))


@pytest.mark.parametrize("baseline", ["value", "role"])
def test_a_run_that_is_restored_goes_on_bit_for_bit(baseline):
    whole, first = make_algorithm(baseline=baseline), make_algorithm(baseline=baseline)
    updates = [update.metrics for update in whole.iterations()]
    before = [first.iterate().metrics for _ in range(2)]
    restored = make_algorithm(baseline=baseline)
    tensors, structure = pack(first.state_dict())
    restored.load_state_dict(unpack(structure, tensors))
    after = [update.metrics for update in restored.iterations()]
    assert repr(before + after) == repr(updates)  # NaN is equal to itself as text
    for name, weight in whole.policy.state_dict().items():
        assert torch.equal(weight, restored.policy.state_dict()[name])
    assert "points_against_past" in updates[3] and "optimal/lost" in updates[3]


def test_only_the_present_policys_sides_are_learned_from():
    algorithm = make_algorithm(past_share=1.0)
    algorithm.iterate()
    games, is_own = algorithm._play()
    assert (is_own.sum(axis=1) == 1).all() and len({tuple(row) for row in is_own.tolist()}) == 2
    assert all(games.rows[2 * game + side].num_turns <= 5 for game in range(12) for side in (0, 1))


def test_the_mean_result_of_a_role_by_hand():
    algorithm = make_algorithm(baseline="role", role_decay=0.75)
    games = play(algorithm.task, ["." * 9] * 2, Scripted("1", "2", "3"), Scripted("4", "5"))
    rollout, sides = make_rollout(games, np.ones((2, 2), np.bool_), pad_id=0)
    algorithm.mean_results, algorithm.iteration = [0.2, -0.6], 3
    lesson, _ = algorithm._make_lesson(rollout, sides)
    assert algorithm.mean_results == pytest.approx([0.25 + 0.75 * 0.2, -0.25 - 0.75 * 0.6])
    first = lesson.advantages[0][rollout.is_action[0]]
    assert first.tolist() == pytest.approx([1 - 0.4] * len(first))
    second = lesson.advantages[1][rollout.is_action[1]]
    assert second.tolist() == pytest.approx([-1 + 0.7] * len(second))
    assert (lesson.advantages[~rollout.is_action] == 0).all()


def test_old_selves_are_thinned_and_the_first_stays():
    algorithm = make_algorithm(max_snapshots=4)
    for number in range(10):
        algorithm.iteration = number
        algorithm._keep_snapshot()
    kept = [number for number, _ in algorithm.snapshots]
    assert len(kept) <= 4 and kept[0] == 0 and kept[-1] == 9 and kept == sorted(set(kept))


def test_a_tournament_seats_everybody_against_everybody():
    algorithm = make_algorithm(iterations=2)
    list(algorithm.iterations())
    table = algorithm.tournament(games_a_pair=8)
    assert table.names == ("random", "0", "1", "2", "perfect")
    assert (table.games + 8 * np.eye(5) == 8).all()
    assert table.points[4, :4].sum() > table.points[:4, 4].sum()


def test_advantages_that_are_not_finite_change_nothing():
    policy, said = make_policy(), []
    learner = PolicyGradient(policy, UpdateConfig(), on_message=said.append)
    games = play(TicTacToe(), ["." * 9], Scripted("1", "2", "3"), Scripted("4", "5"))
    rollout, _ = make_rollout(games, np.ones((1, 2), np.bool_), pad_id=0)
    before = {name: weight.clone() for name, weight in policy.state_dict().items()}
    advantages = torch.full(rollout.rewards.shape, float("nan"))
    metrics = learner.update(Lesson(rollout, advantages, 1.0), 0, 10, 0, "test")
    assert metrics["skipped_steps"] == 4 and "advantages" in said[0]
    assert all(torch.equal(weight, before[name]) for name, weight in policy.state_dict().items())


def test_an_update_makes_winning_moves_likelier():
    policy = make_policy()
    learner = PolicyGradient(policy, UpdateConfig(minibatches=1, warmup_iterations=0, learning_rate=1e-3))
    games = play(TicTacToe(), ["." * 9] * 4, Scripted("1", "2", "3"), Scripted("4", "5"))
    rollout, _ = make_rollout(games, np.ones((4, 2), np.bool_), pad_id=0)

    def logps():
        found = policy.evaluate(rollout.input_ids, rollout.lengths, is_action=rollout.is_action)
        return torch.where(rollout.is_action, found.logps, 0).sum(dim=1).detach()

    before = logps()
    rollout.logp_behaviour.copy_(policy.evaluate(rollout.input_ids, rollout.lengths).logps.detach())
    learner.update(Lesson(rollout, rollout.returns[:, None] * rollout.is_action, 1.0), 0, 10, 0, "test")
    change = logps() - before
    assert (change[0::2] > 0).all() and (change[1::2] < 0).all()


def test_a_greedy_agent_is_an_opponent_in_the_environment():
    policy = make_policy()
    opponent = as_opponent(LMAgent(policy, TOKENIZER), max_new_tokens=3)
    assert isinstance(opponent("......... x>"), str)
    task = TicTacToe(opponent=opponent)
    (problem,) = task.problems("train", [0])
    assert task.demonstrations(problem, np.random.default_rng(0))
    with pytest.raises(InvalidValueError, match="temperature=0"):
        as_opponent(LMAgent(policy, TOKENIZER, SamplingParams(max_new_tokens=3)))


def test_bad_options_are_typed_errors():
    for name, value in (("games", 0), ("past_share", 1.5), ("temperature", 0.0), ("max_snapshots", 3)):
        with pytest.raises(InvalidValueError, match=rf"SelfPlayConfig.{name} is {value}"):
            SelfPlayConfig(**{name: value})
    with pytest.raises(InvalidValueError, match=r"UpdateConfig.epochs"):
        UpdateConfig(epochs=0)
    with pytest.raises(InvalidValueError, match="game of two players, got Math"):
        check_game(Math())
    task = TicTacToe()
    seat = PlayerSeat(Player(task.rules))
    with pytest.raises(InvalidValueError, match="over"):
        play(task, ["xxxoo...."], seat, seat)
    with pytest.raises(InvalidValueError, match=r"seating must be \[1, 2\]"):
        play_games(task.rules, ["." * 9], [seat], np.zeros((2, 2), np.int64), TOKENIZER, seed=0)


def test_the_command_leaves_a_model_and_ratings_and_goes_on(tmp_path):
    config = TrainSelfPlay(
        env=EnvOptions(env="lmgym/TicTacToe-v0", level=1),
        model=ModelOptions(model="nano", device="cpu", threads=1),
        folder=FolderOptions(out=tmp_path / "run", checkpoint_every=2, tensorboard=False),
        self_play=SelfPlayConfig(iterations=2, games=8, evaluation_games=4, evaluate_every=1),
        games_a_pair=2,
        sft=SFTConfig(iterations=2, batch_rows=8),
    )
    assert train_self_play(config) == 0
    found = json.loads((tmp_path / "run" / "ratings.json").read_text())
    assert found["ratings"]["names"] == ["random", "0", "2", "perfect"] and found["ratings"]["elo"][0] == 0
    assert (tmp_path / "run" / "ratings.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "run" / "model" / "model.safetensors").exists()
    folder = dataclasses.replace(config.folder, resume=True)
    assert train_self_play(dataclasses.replace(config, folder=folder)) == 0

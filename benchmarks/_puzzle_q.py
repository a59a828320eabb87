"""A small language model that learns, from the text of a board, what each move of the sliding puzzle costs.

Q(s, a) is minus the number of moves to the goal, this one included. "fitted" learns without a teacher, by
fitted Q-iteration from boards scrambled backwards from the goal: the target of a move is -1 plus the largest
Q of a slow copy at the board behind it, and -1 at the goal. "exact" regresses on the table of distances: the
most that this network can learn from as many boards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmgym.seeding import make_generator
from lmgym.tasks.sliding_puzzle.boards import MOVES, Size, distances, draw_board, moves_from
from lmgym.tokenization import CharTokenizer
from lmgym_agents.optimizers import PolicyOptimizer, rate_factor
from lmgym_agents.policy import Policy
from lmgym_agents.q.heads import make_target, update_target
from lmgym_agents.q.model import QModel
from lmgym_agents.tiny_models import PRESETS, make_tiny_model

Kind = Literal["fitted", "exact"]
SCALE = 10.0
"""Moves in one unit of the network's output."""
TOKENIZER = CharTokenizer()
MOVE_IDS = [TOKENIZER.encode(move)[0] for move in MOVES]


class BoardQ:
    """A Q model asked about boards; every board of a size is a row of the same length."""

    def __init__(self, size: Size, seed: int) -> None:
        self.size = size
        length = len(self.ids([size.goal])[0])
        model = make_tiny_model(TOKENIZER.vocab_size, context=length, seed=seed, **PRESETS["nano"])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = QModel(Policy(model), kind="heads", num_heads=1, initial_value=-0.5)

    def ids(self, boards: Sequence[str]) -> Tensor:
        """Returns int64[n, L], the prompts of the boards."""
        rows = [TOKENIZER.encode(f"{draw_board(self.size, board)}>") for board in boards]
        return torch.tensor(rows)

    def q_of(self, ids: Tensor, model: QModel | None = None) -> Tensor:
        """Returns float[n, 4], Q of the moves u, d, l, r in moves."""
        model = model or self.model
        hidden = model.policy.hidden_states(ids)[:, -1]
        return SCALE * model.read(hidden, None).q[0][:, MOVE_IDS]

    @torch.inference_mode()
    def q(self, boards: Sequence[str], chunk: int = 2048) -> NDArray[np.float64]:
        """Returns float64[n, 4]; moves that leave the board have a value that means nothing."""
        parts = [self.q_of(self.ids(boards[at : at + chunk])).double() for at in range(0, len(boards), chunk)]
        found: NDArray[np.float64] = torch.cat(parts).numpy()
        return found


def scramble(size: Size, count: int, depth: int, rng: np.random.Generator) -> list[str]:
    """Returns boards after 1 to ``depth`` random moves away from the goal, none of which undoes the last."""
    found = []
    for number in rng.integers(1, depth + 1, size=count).tolist():
        board, before = size.goal, ""
        for pick in rng.random(number).tolist():
            options = [near for near in moves_from(size, board).values() if near != before]
            before, board = board, options[int(pick * len(options))]
        found.append(board)
    return found


def train(
    size: Size,
    kind: Kind,
    *,
    seed: int,
    num_steps: int,
    depth: int,
    batch: int = 96,
    rate: float = 3e-3,
    target_rate: float = 0.05,
    on_step: Callable[[int, float], None] | None = None,
) -> tuple[BoardQ, float]:
    """Returns a trained Q function and the seconds it took.

    Args:
        size: of the board.
        kind: what the targets are.
        seed: of weights and boards.
        num_steps: updates; the depth of the scrambles grows over the first 60 % of them.
        depth: moves of the longest scramble.
        batch: boards in an update; all their moves are learned.
        rate: learning rate.
        target_rate: of the slow copy.
        on_step: called with the step and the loss.
    """
    started = time.perf_counter()
    learner = BoardQ(size, seed)
    optimizer = PolicyOptimizer(
        cast("Policy", learner.model), kind="muon", learning_rate=rate, value_learning_rate=rate
    )
    slow = make_target(learner.model)
    rng = make_generator(seed, "sliding_puzzle", kind)
    for step in range(num_steps):
        reach = min(depth, 2 + int(depth * step / (0.6 * num_steps)))
        boards = scramble(size, batch, reach, rng)
        ids = learner.ids(boards)
        targets = _targets(learner, slow, boards, kind)
        q = learner.q_of(ids)
        known = torch.isfinite(targets)
        loss = torch.nn.functional.smooth_l1_loss(q[known], targets[known], beta=1.0)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.model.parameters(), 5.0)
        optimizer.set_rate(rate_factor("cosine", step, num_steps, warmup=50, end=0.02))
        optimizer.step()
        optimizer.zero_grad()
        update_target(slow, learner.model, target_rate)
        if on_step is not None:
            on_step(step, loss.item())
    return learner, time.perf_counter() - started


@torch.no_grad()
def _targets(learner: BoardQ, slow: QModel, boards: Sequence[str], kind: Kind) -> Tensor:
    """Returns float[n, 4]; NaN for moves that leave the board."""
    following = [moves_from(learner.size, board) for board in boards]
    places = [
        (row, at) for row, near in enumerate(following) for at, move in enumerate(MOVES) if move in near
    ]
    children = [near[move] for near in following for move in MOVES if move in near]
    if kind == "exact":
        far = distances(learner.size)
        worth = torch.tensor([-1.0 - far[child] for child in children])
    else:
        q = learner.q_of(learner.ids(children), slow)
        legal = torch.tensor(
            [[move in moves_from(learner.size, child) for move in MOVES] for child in children]
        )
        best = q.masked_fill(~legal, -torch.inf).amax(dim=1).clamp(max=-1.0)
        is_goal = torch.tensor([child == learner.size.goal for child in children])
        worth = -1.0 + best.masked_fill(is_goal, 0.0)
    targets = torch.full((len(boards), len(MOVES)), torch.nan)
    rows, columns = torch.tensor(places).T
    targets[rows, columns] = worth
    return targets

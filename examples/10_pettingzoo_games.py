"""Two agents play each other through PettingZoo: one at random, one that has learned the theory of Nim.

    python examples/10_pettingzoo_games.py

Whoever takes the last thing wins. Both read the position as text, as language models would, and a
mask says which moves are legal; tic_tac_toe_aec() goes the same way.
"""

import re
from collections import Counter

import numpy as np

from lmgym.envs.aec import nim_aec


def play_at_random(text: str, legal: list[str], rng: np.random.Generator) -> str:
    return str(rng.choice(legal))


def play_by_theory(text: str, legal: list[str], rng: np.random.Generator) -> str:
    """Leaves heaps whose sizes, as binary numbers, add up to 0 without carrying; else makes any move."""
    heaps = dict(zip("abc", map(int, re.findall(r"\d+", text)), strict=True))
    for letter, size in heaps.items():
        others = np.bitwise_xor.reduce([heaps[other] for other in heaps if other != letter], initial=0)
        if others < size:
            return f"{letter}{size - others}"
    return play_at_random(text, legal, rng)


def play_game(players: dict, rng: np.random.Generator, show: bool = False) -> str:
    """Returns who has won."""
    env = nim_aec((3, 4, 5))
    env.reset()
    winner = ""
    for name in env.agent_iter():
        _, reward, terminated, truncated, info = env.last()
        if reward > 0:
            winner = name
        if terminated or truncated:
            env.step(None)
            continue
        moves = env.unwrapped.moves
        legal = [moves[number] for number in np.flatnonzero(info["action_mask"])]
        move = players[name](info["text"], legal, rng)
        if show:
            print(f"{info['text']} {move}  ({players[name].__name__})")
        env.step(moves.index(move))
    return winner


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    theory_first = {"player_0": play_by_theory, "player_1": play_at_random}
    random_first = {"player_0": play_at_random, "player_1": play_by_theory}
    play_game(theory_first, rng, show=True)
    for title, players in (("theory begins", theory_first), ("chance begins", random_first)):
        wins = Counter(players[play_game(players, rng)].__name__ for _ in range(100))
        print(f"{title}: {wins['play_by_theory']} of 100 games won by theory")

"""Agents as nobody wants them, for the benchmark to name."""

import os


class Fine:
    granularity = "response"

    def act(self, observations):
        return ["1"] * len(observations)


class TooFew(Fine):
    def act(self, observations):
        return ["1"] * (len(observations) - 1)


class NoText(Fine):
    def act(self, observations):
        return [float("nan")] * len(observations)


class NoTokens:
    granularity = "token"

    def act(self, observations):
        return [[1, 2]]


class Raises(Fine):
    def act(self, observations):
        raise KeyError("forgotten")


class RaisesWhenMade(Fine):
    def __init__(self):
        raise RuntimeError("no licence")


class Hangs(Fine):
    def act(self, observations):
        while True:
            pass


class Leaves(Fine):
    def act(self, observations):
        os._exit(7)


class Quits(Fine):
    def act(self, observations):
        raise SystemExit("enough")


class WritesNaN(Fine):
    def learn(self, training):
        training.advance({"loss": float("nan")}, num_read_tokens=1)


class NoAgent:
    pass

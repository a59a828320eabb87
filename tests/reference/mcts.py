"""Slow truth of Monte-Carlo tree search: recursive, number by number, statistics in dictionaries by path."""

from __future__ import annotations

import math


class SlowMCTS:
    """Searches a scripted game.

    Args:
        game: has ``actions(path)`` -> list of log-probs (empty at ends), ``q(path)`` -> list of numbers or
            None, ``value(path)`` -> a number, for ends too. A path is a tuple of places.
        root: "puct" or "gumbel".
        noise: g of each action of the root.
    """

    def __init__(self, game, *, root, n, noise=None, m=16, c1=1.25, c2=19652.0, c_visit=50.0, c_scale=0.1,
                 rescale=True, unvisited="parent"):  # fmt: skip
        self.game, self.root, self.n, self.noise, self.m = game, root, n, noise, m
        self.c1, self.c2, self.c_visit, self.c_scale = c1, c2, c_visit, c_scale
        self.rescale, self.unvisited = rescale, unvisited
        self.visits, self.totals = {}, {}
        self._open(())
        self.schedule = self._schedule() if root == "gumbel" else None
        for number in range(n):
            self._simulate((), number)

    def _open(self, path):
        self.visits[path], self.totals[path] = 1, self.game.value(path)
        return self.game.value(path)

    def _simulate(self, path, number):
        if path not in self.visits:
            return self._open(path)
        if not self.game.actions(path):
            value = self.game.value(path)
        else:
            value = self._simulate((*path, self._choose(path, number)), number)
        self.visits[path] += 1
        self.totals[path] += value
        return value

    def n_of(self, path):
        return self.visits.get(path, 0)

    def mean(self, path):
        return self.totals[path] / self.visits[path]

    def prior(self, path):
        logps = self.game.actions(path)
        total = sum(math.exp(logp) for logp in logps)
        return [math.exp(logp) / total for logp in logps]

    def _choose(self, path, number):
        if self.root == "puct":
            scores = self.puct(path)
        elif path == ():
            scores = self.root_scores(self.schedule[number])
        else:
            scores = self.interior(path)
        return scores.index(max(scores))

    def puct(self, path):
        prior, size = self.prior(path), len(self.prior(path))
        children = [(*path, place) for place in range(size)]
        own = self.mean(path)
        q = []
        for place, child in enumerate(children):
            if child in self.visits:
                q.append(self.mean(child))
            elif self.unvisited == "q":
                q.append(self.game.q(path)[place])
            elif self.unvisited == "parent":
                q.append(own)
            else:
                q.append(min([own] + [self.mean(other) for other in children if other in self.visits]))
        low, high = min([own, *q]), max([own, *q])
        scores = []
        for place, child in enumerate(children):
            n = self.visits[path]
            bonus = math.sqrt(n) / (1 + self.n_of(child)) * (self.c1 + math.log((n + self.c2 + 1) / self.c2))
            scores.append((q[place] - low) / max(high - low, 1e-8) + prior[place] * bonus)
        return scores

    def sigma(self, path):
        prior = self.prior(path)
        children = [(*path, place) for place in range(len(prior))]
        visited = [place for place, child in enumerate(children) if child in self.visits]
        total = sum(self.n_of(child) for child in children)
        mixed = self.game.value(path)
        if visited:
            mass = sum(prior[place] for place in visited)
            mean = sum(prior[place] * self.mean(children[place]) for place in visited) / mass
            mixed = (self.game.value(path) + total * mean) / (1 + total)
        q = [self.mean(child) if child in self.visits else mixed for child in children]
        if self.rescale:
            q = [(one - min(q)) / max(max(q) - min(q), 1e-8) for one in q]
        largest = max(self.n_of(child) for child in children)
        return [(self.c_visit + largest) * self.c_scale * one for one in q]

    def improved(self, path):
        scores = [math.log(p) + s for p, s in zip(self.prior(path), self.sigma(path), strict=True)]
        total = sum(math.exp(score) for score in scores)
        return [math.exp(score) / total for score in scores]

    def interior(self, path):
        improved = self.improved(path)
        counts = [self.n_of((*path, place)) for place in range(len(improved))]
        return [p - n / (1 + sum(counts)) for p, n in zip(improved, counts, strict=True)]

    def root_scores(self, count):
        sigma, prior = self.sigma(()), self.prior(())
        return [
            self.noise[place] + math.log(prior[place]) + sigma[place]
            if self.n_of((place,)) == count
            else -math.inf
            for place in range(len(prior))
        ]

    def _schedule(self):
        """Plays the halving with a list of survivors, who are told apart by rank alone."""
        m = min(self.m, len(self.prior(())))
        if m <= 1:
            return list(range(self.n))
        phases, alive, had, order = math.ceil(math.log2(m)), m, [0] * m, []
        while len(order) < self.n:
            for _ in range(max(1, math.floor(self.n / (phases * alive)))):
                for rank in range(alive):
                    order.append(had[rank])
                    had[rank] += 1
            alive = max(2, alive // 2)
        return order[: self.n]

    def decide(self):
        if self.root == "gumbel":
            scores = self.root_scores(max(self.n_of((place,)) for place in range(len(self.prior(())))))
            return scores.index(max(scores))
        keys = [
            (self.n_of((place,)), self.mean((place,)) if (place,) in self.visits else 0.0, p)
            for place, p in enumerate(self.prior(()))
        ]
        return keys.index(max(keys))

"""Silent bugs in environments and rewards; see ``mutant.py``."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        kind=7,
        name="fast-path-pays-one-early",
        bug="The fast path pays a turn at the token before its last.",
        file="lmgym/envs/token_rows.py",
        old="rewards[np.arange(len(rows)), lengths - 1] = ends.rewards",
        new="rewards[np.arange(len(rows)), lengths - 2] = ends.rewards",
        tests=("tests/laws/test_environment_laws.py::test_all_ways_of_playing_agree_with_the_reference",),
    ),
    Mutant(
        kind=9,
        name="replies-are-actions",
        bug="Tokens of the environment count as the agent's.",
        file="lmgym/envs/token_rows.py",
        old="""            self.lengths[row] += len(tokens)
""",
        new="""            self.is_action[row, start : start + len(tokens)] = True
            self.lengths[row] += len(tokens)
""",
        tests=("tests/lmgym/envs/test_token_env.py::test_replies_are_not_actions",),
    ),
    Mutant(
        kind=12,
        name="rewards-of-kept-rows-in-another-order",
        bug="When rows are left out for a broken verdict, the others get each other's rewards.",
        file="lmgym/rewards/scoring.py",
        old="by_row = dict(zip(kept, rows, strict=True))",
        new="by_row = dict(zip(kept, reversed(rows), strict=True))",
        tests=(
            "tests/lmgym/rewards/test_scoring.py",
            "tests/laws/test_reward_laws.py",
        ),
    ),
    Mutant(
        kind=12,
        name="verdicts-in-another-order",
        bug="Transcripts get the verdicts of other rows.",
        file="lmgym/envs/episodes.py",
        old=".verify_batch(transcripts)",
        new=".verify_batch(transcripts)[::-1]",
        tests=("tests/laws/test_environment_laws.py::test_all_ways_of_playing_agree_with_the_reference",),
    ),
    Mutant(
        kind=13,
        name="verifier-error-is-wrong",
        bug="A row whose verifier failed is paid like a wrong answer.",
        file="lmgym/rewards/scoring.py",
        old='t.verdict is not None and t.verdict.status == "error"',
        new="t.verdict is not None and False",
        tests=(
            "tests/lmgym/rewards/test_terms.py",
            "tests/lmgym/rewards/test_scoring.py",
        ),
    ),
    Mutant(
        kind=13,
        name="reward-exception-is-zero",
        bug="A row on which the reward raised is paid 0 and stays in the batch.",
        file="lmgym/rewards/scoring.py",
        old="return Scores(np.zeros(1), {}, np.ones(1, np.bool_), (reason,))",
        new="return Scores(np.zeros(1), {}, np.zeros(1, np.bool_))",
        tests=("tests/lmgym/rewards/test_scoring.py",),
    ),
    Mutant(
        kind=13,
        name="failed-rows-look-sound",
        bug="The environment forgets that a row's reward failed.",
        file="lmgym/envs/episodes.py",
        old="self._has_failed[rows[scores.failed]] = True",
        new="self._has_failed[rows[scores.failed]] = False",
        tests=("tests/lmgym/envs/test_token_env.py::test_a_reward_that_fails_is_no_reward",),
    ),
    Mutant(
        kind=14,
        name="problems-from-the-start",
        bug="A restored environment poses the problems of its first episodes again.",
        file="lmgym/envs/row_problems.py",
        old='self.episodes = [int(episode) for episode in state["episodes"]]',
        new='self.episodes = [0 for _ in state["episodes"]]',
        tests=("tests/lmgym/envs/test_state.py::test_a_restored_vector_environment_goes_on_alike",),
    ),
    Mutant(
        kind=15,
        name="budget-cut-is-an-end",
        bug="An episode cut by its budget counts as ended by the task.",
        file="lmgym/envs/token_rows.py",
        old="is_cut = ~stopped & (lengths - starts < self.setup.max_new_tokens)",
        new="is_cut = stopped & ~stopped",
        tests=(
            "tests/lmgym/envs/test_token_env.py::test_the_episode_budget_truncates_in_the_middle_of_a_turn",
        ),
    ),
    Mutant(
        kind=15,
        name="actions-of-the-last-episode",
        bug="A new episode keeps the marks of the one before it.",
        file="lmgym/envs/token_rows.py",
        old="""        self.is_action[rows] = False
""",
        new="",
        tests=("tests/laws/test_environment_laws.py::test_all_ways_of_playing_agree_with_the_reference",),
    ),
)

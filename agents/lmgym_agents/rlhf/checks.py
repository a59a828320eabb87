"""Finds mistakes in the options of a run before it begins, not in the stage that meets them an hour later.

In: a configuration and the task. Out: nothing, or the error that a later stage would raise. Stages still
check what they use. Left out: whether a server answers, and whether weights can be loaded.
"""

from __future__ import annotations

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.preferences.formats import explain_empty, read_preferences_as
from lmgym.tasks.base import Task
from lmgym_agents.judging.specs import check_judge
from lmgym_agents.rlhf.config import FeedbackOptions, RLHFConfig
from lmgym_agents.rlhf.feedback import make_simulated
from lmgym_agents.rlhf.proxy import check_backbone, make_bonus
from lmgym_agents.rlhf.run import make_given_tokenizer, read_vocab_size


def check_options(config: RLHFConfig, task: Task) -> None:
    """Goes through what can be known of a run before its folder is made.

    Raises:
        LmgymError: an option that a stage would refuse; the message says what is allowed.
    """
    if read_vocab_size(config) is None:
        make_given_tokenizer(config)
    task.problems(config.measure.eval_split, range(1))
    check_backbone(config.proxy.reward_backbone)
    for text in config.proxy.bonus:
        make_bonus(text)
    if config.optimise == "best-of-n" and task.max_turns > 1:
        raise InvalidValueError(
            "--optimise best-of-n imitates single responses, but the task has several turns; choose ppo or "
            "dpo."
        )
    _check_feedback(config.feedback, task)


def _check_feedback(options: FeedbackOptions, task: Task) -> None:
    if options.annotator == "simulated":
        make_simulated(options, task, seed=0)
    if options.annotator == "judge":
        check_judge(options.judge, constitution=options.constitution, api_key_env=options.judge_key_env)
    if options.preferences is not None:
        found = read_preferences_as(options.format, options.preferences)
        if not found:
            raise EmptyProblemSetError(explain_empty(options.preferences, options.format, found.skipped))

"""Errors of the agents; each says what was given, what is allowed, what to do."""

from __future__ import annotations

from lmgym.errors import LmgymError, ModelError, PromptTooLongError


class EngineError(LmgymError):
    """Base of what the engine raises on purpose."""


class EmptyPromptError(EngineError, ValueError):
    """A prompt without a token: a causal model has nothing to predict the first token from."""


class TokenOutOfVocabularyError(EngineError, ValueError):
    """A token id that the model has no embedding or no logit for."""


class ContextLengthError(EngineError, PromptTooLongError):
    """A prompt with the tokens that may be added is longer than the model's context."""


class NonFiniteLogitsError(EngineError, ArithmeticError):
    """The model gave NaN, +inf, or nothing but -inf for the next token."""


class SlotError(EngineError, ValueError):
    """A cache slot that isn't held, or more slots than the engine has."""


class UnsupportedModelError(EngineError, ModelError):
    """A model that the engine can't generate with."""


class CheckpointError(LmgymError, ValueError):
    """A checkpoint that can't be written, found, read or used; the message says which part and why."""


class CheckpointWarning(UserWarning):
    """A checkpoint was passed over as damaged, or an old one couldn't be removed; the run goes on."""


class ResumeError(LmgymError, ValueError):
    """A run that can't be continued as asked, because its configuration is another one."""


class RunFolderError(LmgymError, ValueError):
    """A run folder that another process is using, or that holds something else already."""


class MetricsError(LmgymError, ValueError):
    """A metrics record that can't be written, or that doesn't belong where it was put."""


class TrajectoryError(LmgymError, ValueError):
    """Recorded trajectories that can't be read, or don't belong to this environment or tokenizer."""


class TooManyFailuresError(LmgymError, RuntimeError):
    """So many rewards could not be computed that going on would train on a biased sample."""


class EndpointError(LmgymError, RuntimeError):
    """A served model that did not answer; nothing is scored in its stead."""

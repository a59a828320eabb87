"""A user of ``lmgym/Chat-v0`` played by a language model in this process.

    user = LocalUser(load_model(path), make_tokenizer(path))
    env = gym.make("lmgym/Chat-v0", level=3, user=user, num_turns=4)

Comes in: a conversation and a goal. Goes out: what the model says as the user, greedily, so that equal
conversations have equal replies. Left out: cleaning the reply (``lmgym.tasks.chat.users``), and endpoints.
"""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedModel

from lmgym.chat_template import make_chat_tokenizer
from lmgym.conversation import Message, write_conversation
from lmgym.errors import InvalidValueError
from lmgym.tasks.chat import Goal, UserFailedError
from lmgym.tasks.chat.users import is_leaving, turned_round
from lmgym.tokenization import TextTokenizer
from lmgym_agents.engine import Engine
from lmgym_agents.sampling import SamplingParams


class LocalUser:
    """Plays the user with any causal language model of transformers.

    Args:
        model: the model; its weights are only read.
        tokenizer: the model's; its chat template is used where it has one.
        name: in the task's fingerprint: two models need two names.
        max_new_tokens: longest message.

    Raises:
        InvalidValueError: ``max_new_tokens`` is below 1.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: TextTokenizer,
        *,
        name: str = "local",
        max_new_tokens: int = 48,
    ) -> None:
        if max_new_tokens < 1:
            raise InvalidValueError(f"max_new_tokens must be at least 1, got {max_new_tokens!r}.")
        self.name = f"{name}:{max_new_tokens}"
        self.tokenizer = make_chat_tokenizer(tokenizer)
        self._engine = Engine(model, max_rows=1)
        self._params = SamplingParams(
            max_new_tokens=max_new_tokens, temperature=0.0, stop_ids=self.tokenizer.end_ids
        )

    def reply(self, messages: Sequence[Message], goal: Goal) -> str | None:
        """Returns the model's next message as the user, None if it leaves.

        Raises:
            UserFailedError: the conversation does not fit the model's context, or the message is empty.
        """
        ids = self.tokenizer.encode(write_conversation(turned_round(messages, goal)))
        room = self._engine.max_length
        if room is not None and len(ids) + self._params.max_new_tokens > room:
            raise UserFailedError(
                f"the conversation has {len(ids)} tokens, too many for a context of {room}."
            )
        found = self._engine.generate([ids], self._params, seed=0)
        kept = int(found.lengths[0]) - int(found.stopped[0])
        text = self.tokenizer.decode(found.tokens[0, :kept].numpy())
        if not text.strip():
            raise UserFailedError("the model gave an empty message.")
        return None if is_leaving(text) else text

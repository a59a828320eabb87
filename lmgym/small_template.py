"""The chat template of tokenizers that have none of their own, as text for people would be written.

Comes in: the end token. Goes out: the template as Jinja source, for the folders that tokenizers are saved
in, and the pieces that it would be cut into. Each message ends with the end token, so that nothing that is
said can pass for the next one.
"""

from __future__ import annotations

from lmgym.template_pieces import Neighbour, Pair, Pieces

SMALL_TEMPLATE = (
    "{%- set names = {'system': 'System', 'user': 'User', 'assistant': 'Assistant'} -%}"
    "{%- for message in messages -%}"
    "{{ names[message['role']] + ':\\n' + message['content'] + eos_token + '\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ 'Assistant:\\n' }}{%- endif -%}"
)
SMALL_TEMPLATE_TEXTS = ["System:\n", "\nUser:\n", "\nAssistant:\n"]
"""What it writes around messages."""

_HEADS: dict[Neighbour, str] = {
    "system": "System:\n",
    "user": "User:\n",
    "assistant": "Assistant:\n",
    "reply": "Assistant:\n",
}


def small_pieces(end_token: str) -> Pieces:
    roles: tuple[Neighbour, ...] = ("system", "user", "assistant")
    between: dict[Pair, str] = {("", role): _HEADS[role] for role in roles}
    for role in roles:
        between[role, "close"] = end_token + "\n"
        for following in (*roles, "reply"):
            between[role, following] = end_token + "\n" + _HEADS[following]
    return Pieces(between, {})

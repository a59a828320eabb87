"""Chat with simulated users whose goals are known, and prompts of other sources."""

from lmgym.tasks.chat.answers import PARTS, Judged, judge
from lmgym.tasks.chat.conversations import utility_parts
from lmgym.tasks.chat.endpoint_user import EndpointUser
from lmgym.tasks.chat.goals import Constraint, Goal, Request
from lmgym.tasks.chat.task import Chat
from lmgym.tasks.chat.users import ChatUser, UserFailedError
from lmgym.tasks.chat.world import Fact

__all__ = [
    "PARTS",
    "Chat",
    "ChatUser",
    "Constraint",
    "EndpointUser",
    "Fact",
    "Goal",
    "Judged",
    "Request",
    "UserFailedError",
    "judge",
    "utility_parts",
]

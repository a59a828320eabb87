"""``check_env`` and ``check_vector_env``: the laws of token and text environments, for anybody's."""

from lmgym.checker.single import check_env
from lmgym.checker.vector import check_vector_env

__all__ = ["check_env", "check_vector_env"]

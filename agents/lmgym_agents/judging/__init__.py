"""Judges that run here: a causal language model whose verdict is read from its log-probs.

local  ``LocalJudge``: an annotator that can give marks, see ``lmgym.judges``
specs  ``make_judge``: a judge from a text such as "local:smollm2" or "http://127.0.0.1:8000/v1#my-model"
"""

from lmgym_agents.judging.local import LocalJudge
from lmgym_agents.judging.specs import make_judge

__all__ = ["LocalJudge", "make_judge"]

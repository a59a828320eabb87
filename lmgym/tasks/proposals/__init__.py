"""Problems that somebody else writes: text in, a problem of a known task or the reason why it is none."""

from lmgym.tasks.proposals.countdown import CountdownProposals
from lmgym.tasks.proposals.form import Proposal, ProposalForm
from lmgym.tasks.proposals.sums import SumProposals

__all__ = ["CountdownProposals", "Proposal", "ProposalForm", "SumProposals"]

"""What a mutant is: one known bug, as a replacement of text in one file, and the tests that must see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A silent bug of the kind that training code has had elsewhere, planted on purpose."""

    kind: int
    """Which kind of silent bug it is, see ``KINDS``."""
    name: str
    bug: str
    """What goes wrong, in words."""
    file: str
    """Path from the root of the repository."""
    old: str
    """Text that occurs in the file exactly once."""
    new: str
    tests: tuple[str, ...]
    """Ids of pytest, at least one of which must fail."""

    def count(self, root: Path = ROOT) -> int:
        """Returns how often ``old`` occurs in the file."""
        return (root / self.file).read_text("utf-8").count(self.old)

    def apply(self, root: Path) -> None:
        """Plants the bug in the copy at ``root``."""
        path = root / self.file
        path.write_text(path.read_text("utf-8").replace(self.old, self.new), "utf-8")


KINDS = {
    1: "the rollout keeps old weights",
    2: "log-probs at generation differ from those at training",
    3: "top-k or top-p without renormalised log-probs",
    4: "text is encoded again, other tokens are trained than were sampled",
    5: "the side or amount of padding changes the result",
    6: "pad = end masks the real end",
    7: "the reward or the value is one place off",
    8: "logits, labels or mask are shifted",
    9: "masked tokens leak",
    10: "the loss is scaled by the micro-batch",
    11: "the KL has a wrong value or gradient",
    12: "rows are reordered, their rewards are not",
    13: "a failure counts as reward 0",
    14: "resuming loses or repeats",
    15: "truncation counts as termination, or an episode runs into the next",
    16: "a target bootstraps where the task has ended",
    17: "a value is drawn to the wrong side, or judged by who chose it",
    18: "a search or a heuristic claims a bound it does not have",
    19: "a tree search tries or trusts the wrong actions",
    20: "something cached is taken for something else",
    21: "data that was not earned gets in",
    22: "a rule of the kernel gives what does not follow",
    23: "lines that prove nothing are accepted as a proof",
    24: "a formula is read or written as another one",
    25: "a search for proofs claims what is not so",
    26: "a task of proof pays or poses the wrong thing",
    27: "a proof of Metamath is accepted that is none",
    28: "a prover is believed, or its failure is laid to the agent",
    29: "what somebody says passes for a turn, a token or an order",
    30: "the turns of a conversation are joined wrongly",
    31: "the gold pays what is worth nothing",
    32: "a preference is taken for another one",
    33: "a rater errs otherwise than its knobs say",
    34: "a foreign format is read or written the wrong way round",
    35: "a verdict is lost, doubled or swallowed",
    36: "places, failures or spellings decide what a judge says",
    37: "a judge's verdict is read where it does not stand",
    38: "a service is asked too often, or told a secret",
    39: "the labelling page lets strangers in, or content act",
    40: "what a person said is written down as something else",
    41: "the loss of a pair is turned round or weighed wrongly",
    42: "a learned reward is cut, joined or normalised wrongly",
    43: "other weights than the best are kept",
    44: "the reference of a preference loss, or its formula, is another",
    45: "a stage of RLHF sees what it must not see",
    46: "what RLHF gains is measured wrongly",
}

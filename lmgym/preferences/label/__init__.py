"""``lmgym label``: a page on this machine on which a person compares responses."""

from lmgym.preferences.label.command import LabelConfig, label, run_label
from lmgym.preferences.label.questions import make_pairs, read_questions

__all__ = ["LabelConfig", "label", "make_pairs", "read_questions", "run_label"]

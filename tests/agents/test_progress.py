"""The display says which stage, how far and how well, on a terminal and in a log file."""

import io

from rich.console import Console

from lmgym_agents.runs.progress import TrainingDisplay


def show(console):
    with TrainingDisplay(console) as display:
        display.begin("sft", total=4)
        display.advance({"validation_success": 0.25, "loss": 1.5}, {"updated_tokens_per_s": 1234.5})
        display.advance({"loss": 0.5}, {})
        display.finish()
        display.say("[not markup]")
    return console.file.getvalue()


def test_a_log_file_gets_lines():
    text = show(Console(file=io.StringIO(), width=200))
    assert "sft 1/4  validation 25.0%  loss 1.500  1,234 learned" in text
    assert "sft done after 2 updates" in text
    assert "[not markup]" in text
    assert "\x1b" not in text


def test_a_narrow_terminal_keeps_the_bar_in_sight():
    text = show(Console(file=io.StringIO(), width=60, force_terminal=True))
    assert "sft" in text and "2/2" in text
    assert "validation 25.0%" in text  # kept from the update before

from __future__ import annotations

import io
import os
import subprocess
import sys
import types
from dataclasses import dataclass

import pytest

from lmgym.cli import main
from lmgym.errors import InvalidValueError
from lmgym.play import read_value, visible
from lmgym.registration import TABLE


@pytest.fixture
def say(monkeypatch):
    """Lets the command read what a person types."""

    def typed(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))

    return typed


@dataclass(frozen=True, kw_only=True)
class Options:
    """Trains a thing. The rest is silence."""

    steps: int = 1
    """How long."""


@pytest.fixture
def agents(monkeypatch):
    """Puts commands in the place of those that need torch; returns what they were called with."""
    calls = []
    run = (Options, lambda options: calls.append(options) or 3)
    module = types.ModuleType("lmgym_agents.cli")
    module.SUBCOMMANDS = {"train": {"ppo": run, "sft": run}, "eval": run}
    monkeypatch.setitem(sys.modules, "lmgym_agents.cli", module)
    return calls


def test_list_names_every_environment(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for entry in TABLE:
        assert entry.id in out


def test_help_names_every_command_without_importing_torch():
    program = (
        "import sys, lmgym.cli as c; c.main(['--help']); c.main(['list']); print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.endswith("False\n")
    for word in ("list", "play", "train", "eval"):
        assert f"  {word} " in out


def test_no_command_prints_the_help_and_fails(capsys):
    assert main([]) == 2
    assert "usage: lmgym COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lsit"], "unknown command 'lsit'. Did you mean 'list'?"),
        (["play", "lmgym/Maht-v0"], "unknown environment 'lmgym/Maht-v0'. Did you mean 'lmgym/Math-v0'?"),
        (["play", "CartPole-v1"], "unknown environment 'CartPole-v1'"),
        (["play", "no_such_module:lmgym/Math-v0"], "unknown environment 'no_such_module:lmgym/Math-v0'"),
        (["play", "lmgym/Math-v0", "--level", "11"], "level must be an integer in [1, 10], got 11"),
        (["play", "lmgym/Math-v0", "--split", "tset"], "Did you mean 'test'?"),
        (["play", "lmgym/Math-v0", "--reward", "corect"], "Did you mean 'correct'?"),
        (["play", "lmgym/Math-v0", "--option", "stile=worked"], "Did you mean 'style'?"),
        (["play", "lmgym/Math-v0", "--option", "worked"], "must be NAME=VALUE, got 'worked'"),
        (["play", "lmgym/Math-v0", "--option", "granularity=token"], "can't set granularity"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(arguments, message, capsys):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert message in err
    assert "Traceback" not in err


def test_a_bad_value_or_an_unknown_flag_ends_with_code_2(capsys):
    for arguments in (["--episodes", "0"], ["--levle", "3"], ["--level", "high"]):
        with pytest.raises(SystemExit) as left:
            main(["play", "lmgym/Math-v0", *arguments])
        assert left.value.code == 2
        assert "Traceback" not in capsys.readouterr().err


def test_playing_shows_prompt_verdict_terms_and_tally(say, capsys):
    say(b"?\n" * 1 + b"nonsense\n")
    assert main(["play", "lmgym/Echo-v0", "--seed", "7", "--episodes", "1"]) == 0
    out = capsys.readouterr().out
    assert "wrong" in out
    assert "correct +0" in out
    assert out.endswith("0 of 1 right, reward 0 in all.\n")
    demonstration = out.split("demonstration: ")[1].splitlines()[0]
    say(demonstration.encode() + b"\n")
    main(["play", "lmgym/Echo-v0", "--seed", "7", "--episodes", "1"])
    out = capsys.readouterr().out
    assert "correct  reward 1  = correct +1" in out
    assert out.endswith("1 of 1 right, reward 1 in all.\n")


def test_several_turns_show_the_replies(say, capsys):
    say(b"?\n")
    main(["play", "lmgym/Guess-v0", "--seed", "3"])
    turns = [
        line.removeprefix("demonstration: ")
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("demonstration: ")
    ]
    say("\n".join(turns).encode())
    main(["play", "lmgym/Guess-v0", "--seed", "3", "--episodes", "1"])
    out = capsys.readouterr().out
    assert "1 of 1 right" in out
    assert len(turns) == 1 or "er" in out  # "higher" or "lower"


def test_the_rules_are_said_first_and_the_solution_after_a_loss(say, capsys):
    say(b"trace\ntoolong\n" + b"\n" * 4)
    assert main(["play", "lmgym/Wordle-v0", "--level", "7", "--episodes", "1"]) == 0
    rules, game = capsys.readouterr().out.split("1 · train")
    assert rules.startswith("Guess a secret word") and "7 tokens in each of 6 turns" in rules
    assert game.count("(cut: longer than a turn may be)") == 1
    assert "demonstration: " in game.split("wrong (illegal)")[1]


def test_a_task_without_demonstrations_can_be_played(say, capsys, monkeypatch):
    def unknown(self, problem, rng):
        raise InvalidValueError("there is nothing to demonstrate")

    monkeypatch.setattr("lmgym.tasks.probes.Echo.demonstrations", unknown)
    say(b"?\nzz\n")
    assert main(["play", "lmgym/Echo-v0", "--episodes", "1"]) == 0
    assert capsys.readouterr().out.count("no demonstration: there is nothing") == 2


def test_the_word_hint_shows_what_to_say_next(say, capsys, monkeypatch):
    def known(self, problem, turns):
        said = [turn.text for turn in turns if turn.role == "agent"]
        return None if said == ["50"] else f"after {said}\x07"

    monkeypatch.setattr("lmgym.tasks.probes.Guess.hint", known, raising=False)
    say(b"hint\n50\n hint \n51\nhint\n")
    assert main(["play", "lmgym/Guess-v0", "--option", "high=100", "--seed", "3"]) == 0
    rules, game = capsys.readouterr().out.split("1 · train")
    assert "hint shows what to say next" in rules
    assert [line[6:] for line in game.splitlines() if line.startswith("hint: ")] == [
        "after []\\x07",
        "no hint is known here",
        "after ['50', '51']\\x07",
    ]


def test_where_there_are_no_hints_the_word_is_an_answer(say, capsys):
    say(b"hint\n")
    main(["play", "lmgym/Echo-v0", "--episodes", "1"])
    out = capsys.readouterr().out
    assert "hint" not in out and "0 of 1 right" in out


def test_the_reward_is_the_environment_s_own(say, capsys):
    say(b"zz\n")
    assert main(["play", "lmgym/Shortcut-v0", "--episodes", "1"]) == 0
    assert "= partial +0" in capsys.readouterr().out


def test_end_of_input_leaves_politely(say, capsys):
    say(b"")
    assert main(["play", "lmgym/Math-v0"]) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_an_interrupt_leaves_politely(monkeypatch, capsys):
    def interrupted(prompt):
        raise KeyboardInterrupt

    monkeypatch.setattr("lmgym.play._read_line", interrupted)
    assert main(["play", "lmgym/Math-v0"]) == 0


def test_a_backslash_goes_on_in_the_next_line(say, capsys):
    say(b"12+3\\\n15\n15\\")
    options = ["--option", "style=worked", "--option", "num_operands=2"]
    assert main(["play", "lmgym/Math-v0", "--episodes", "2", *options]) == 0
    assert "of 2 right" in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff\xfe\x80",
        b"\x00\x1b[2J\x07",
        b"[bold]:smile:[/bold",
        "\u202e٣".encode(),
        b"9" * 10**5,
        b"(" * 10**4,
    ],
)
def test_any_input_survives(answer, say, capsys):
    say(answer + b"\n")
    assert main(["play", "lmgym/Math-v0", "--episodes", "1"]) == 0
    assert "0 of 1 right" in capsys.readouterr().out


def test_no_text_takes_over_the_terminal():
    assert visible("a\x1b[2J\nb\x07\u202e\ud800é") == "a\\x1b[2J\nb\\x07\\u202e\\ud800é"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("true", True),
        ("worked", "worked"),
        ("+-", "+-"),
        ('["a"]', ["a"]),
        ("[" * 10**5, "[" * 10**5),
    ],
)
def test_option_values(text, value):
    assert read_value(text) == value


def test_commands_of_the_agents_get_their_options(agents):
    assert main(["train", "ppo", "--steps", "5"]) == 3
    assert main(["eval"]) == 3
    assert agents == [Options(steps=5), Options(steps=1)]


def test_the_help_of_train_lists_what_can_be_trained(agents, capsys):
    assert main(["train", "--help"]) == 0
    out = capsys.readouterr().out
    assert "ppo" in out and "sft" in out and "Trains a thing." in out
    assert main(["train"]) == 2
    with pytest.raises(SystemExit) as left:
        main(["train", "ppo", "--help"])
    assert left.value.code == 0
    assert "How long." in capsys.readouterr().out


def test_an_unknown_algorithm_answers_with_the_nearest(agents, capsys):
    assert main(["train", "ppp"]) == 2
    assert "Did you mean 'ppo'?" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["torch", "transformers.models"])
def test_without_torch_the_message_says_what_to_install(missing, monkeypatch, capsys):
    def fail(name):
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.setattr("importlib.import_module", fail)
    assert main(["train", "ppo"]) == 2
    err = capsys.readouterr().err
    assert f"`lmgym train` needs {missing}" in err
    assert 'pip install "lmgym[agents]"' in err


def test_a_module_of_ours_that_is_missing_is_a_bug_and_raises(monkeypatch):
    def fail(name):
        raise ModuleNotFoundError("No module named 'lmgym_agents.x'", name="lmgym_agents.x")

    monkeypatch.setattr("importlib.import_module", fail)
    with pytest.raises(ModuleNotFoundError):
        main(["eval"])


GRADING = [sys.executable, "-m", "lmgym", "grade", "7", "7"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a system without a device that is full")
@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_a_verdict_for_a_full_disk_is_neither_right_nor_wrong(extra):
    with open("/dev/full", "w") as full:
        left = subprocess.run([*GRADING, *extra], stdout=full, stderr=subprocess.PIPE, text=True)
    assert left.returncode == 4
    assert left.stderr.startswith("error: could not write the output:") and left.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "code"), [(GRADING, 4), ([*GRADING, "--json"], 4), ([*GRADING[:3], "list"], 0)]
)
def test_output_that_nobody_reads(command, code):
    reading, writing = os.pipe()
    os.close(reading)
    left = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (left.returncode, left.stderr) == (code, "")

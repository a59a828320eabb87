"""``check_agent`` names what is wrong with an agent, and lets sound ones pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lmgym
from lmgym.agent import Agent
from lmgym.agent_checker import AgentCheck
from lmgym.conversation import USER
from lmgym.errors import CheckError
from lmgym.tasks.probes import Echo
from tests.lmgym.envs.chat_task import EchoChat


class Copyist:
    """Says what stands before the sign."""

    granularity = "response"

    def act(self, observations):
        return [text.partition(">")[0] for text in observations]


class Dice:
    """Draws tokens."""

    granularity = "token"

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)

    def act(self, observations):
        return self.rng.integers(0, 100, len(observations["input_ids"]))


class Memory:
    """Keeps the answers that were paid."""

    granularity = "response"
    explores = True

    def __init__(self, seed=0):
        self.known, self.rng = {}, np.random.default_rng(seed)

    def act(self, observations):
        return [self.answer(text) for text in observations]

    def answer(self, text):
        if self.explores and self.rng.random() < 0.1:
            return "a"
        return self.known.get(text, "")

    def observe(self, experience):
        for prompt, transcript in zip(experience.prompts, experience.transcripts, strict=True):
            self.known[prompt] = prompt.rstrip(">")
            assert transcript.problem.prompt == prompt

    def save(self, folder):
        (folder / "known.json").write_text(json.dumps(self.known))

    def load(self, folder):
        self.known = json.loads((folder / "known.json").read_text())


def test_sound_agents_pass_and_are_described():
    found = lmgym.check_agent(Copyist)
    assert isinstance(found, AgentCheck)
    assert (found.success, found.stop_rate, found.notes, found.methods) == (1.0, 1.0, (), ())
    assert set(found.act_s) == {1, 64}
    text = str(found)
    assert "Copyist keeps the laws of agents (response by response; has act)" in text
    assert "64 episodes of lmgym/Echo-v0: success 100%" in text
    found = lmgym.check_agent(Memory, Echo())
    assert found.methods == ("observe", "save", "load") and found.success == 0
    assert isinstance(Copyist(), Agent) and isinstance(Dice(), Agent)


def test_an_agent_that_samples_is_only_told_so():
    found = lmgym.check_agent(Dice)
    assert len(found.notes) == 1 and found.notes[0].startswith("it samples")
    assert 0 < found.stop_rate < 1


def test_an_agent_that_is_made_already_is_checked_too():
    assert lmgym.check_agent(Memory()).notes == ()
    assert lmgym.check_agent(lambda: Copyist()).notes == ()


@pytest.mark.parametrize("env", ["lmgym/Guess-v0", "lmgym/TicTacToe-v0", "lmgym/Math-v0"])
def test_other_environments(env):
    assert lmgym.check_agent(Copyist, env).success < 1
    assert lmgym.check_agent(Dice, env, seed=3).env_id == env
    lmgym.check_agent(Memory, env, env_options={"level": 1} if env == "lmgym/Math-v0" else None)


def test_conversations_come_as_people_read_them_or_with_marks():
    class Listener(Copyist):
        heard: list[str] = []  # noqa: RUF012

        def act(self, observations):
            self.heard.extend(observations)
            return super().act(observations)

    lmgym.check_agent(Listener, EchoChat())
    assert not any(USER in text for text in Listener.heard) and "User: " in Listener.heard[0]
    Listener.reads_marks = True
    Listener.heard.clear()
    lmgym.check_agent(Listener, EchoChat())
    assert USER in Listener.heard[0]


class NoGranularity:
    def act(self, observations):
        return []


class Word(Copyist):
    granularity = "word"


class NoAct:
    granularity = "token"


class TwoArguments(Copyist):
    def act(self, observations, infos):
        return []


class One(Copyist):
    def act(self, observations):
        return "one text"


class Silent(Copyist):
    def act(self, observations):
        super().act(observations)


class First(Copyist):
    def act(self, observations):
        return super().act(observations)[:1]


class Numbers(Copyist):
    def act(self, observations):
        return [3] * len(observations)


class Crash(Copyist):
    def act(self, observations):
        return [text[0] for text in observations]  # CRASH


class Eater(Copyist):
    def act(self, observations):
        answers = super().act(observations)
        observations.clear()
        return answers


class Scribbler(Dice):
    def act(self, observations):
        observations["input_ids"][:, 0] = 7
        return super().act(observations)


class Logits(Dice):
    def act(self, observations):
        return np.zeros((len(observations["input_ids"]), 100))


class Floats(Dice):
    def act(self, observations):
        return np.zeros(len(observations["input_ids"]))


class Ragged(Dice):
    def act(self, observations):
        return [[1], [2, 3]]


class Beyond(Dice):
    def act(self, observations):
        return np.full(len(observations["input_ids"]), 50_000)


class Short(Dice):
    def act(self, observations):
        return np.zeros(3, int)


class Narrow(Dice):
    def act(self, observations):
        table = np.zeros(5)
        return table[observations["attention_mask"].sum(axis=1)].astype(int)


class GlobalDice(Dice):
    def act(self, observations):
        return np.random.randint(0, 100, len(observations["input_ids"]))


class Both(Memory):
    def learn(self, training):
        pass


class LearnsFromNothing(Copyist):
    def learn(self):
        pass


class OnlySaves(Copyist):
    def save(self, folder):
        pass


class BadObserver(Memory):
    def observe(self, experience):
        experience.reward.mean()


class Spoiler(Memory):
    def observe(self, experience):
        experience.token_rewards[:] += 1


class Forgets(Memory):
    def save(self, folder):
        (folder / "known.json").write_text("{}")


class WrongFolder(Memory):
    def load(self, folder):
        self.known = json.loads((folder / "other.json").read_text())


class Fixed(Memory):
    def save(self, folder):
        super().save(folder)
        (folder / "where.txt").write_text(str(folder / "known.json"))

    def load(self, folder):
        self.known = json.loads(Path((folder / "where.txt").read_text()).read_text())


class ReadOnly(Copyist):
    @property
    def explores(self):
        return True


class MethodExplores(Copyist):
    def explores(self):
        return True


class NeedsWidth(Copyist):
    def __init__(self, width):
        pass


class GetsWorse(Memory):
    def observe(self, experience):
        self.known = None


BROKEN = [
    (NoGranularity, "granularity: expected 'token' or 'response', got None"),
    (Word, "granularity: expected 'token' or 'response', got 'word'"),
    (NoAct, "NoAct.act: expected a method act"),
    (TwoArguments, r"TwoArguments.act\(observations\): expected a method of one argument"),
    (
        One,
        "One.act on the beginning of an episode: expected a list of 1 texts, got 'str'. .*one text",
    ),
    (Silent, "got 'NoneType'. Likely cause: no return statement"),
    (First, "on the beginnings of 64 episodes: expected 64 texts, .* got 1"),
    (Numbers, r"expected texts of type str, got \['int'\]"),
    (Crash, "on texts that say next to nothing: .* raised IndexError: .*test_agent_checker.py, line {line}"),
    (Eater, "Eater.act .*expected the observations as they were"),
    (Scribbler, "Scribbler.act .*expected the observations as they were"),
    (Logits, r"expected integers of shape \[1\], one a row, got 'shape \[1, 100\]'. Likely cause: logits"),
    (Floats, "expected integers, got 'float64'. .*astype"),
    (Ragged, "raised ValueError"),
    (Beyond, r"expected tokens in \[0, \d+\), got \[50000\]. .*tokenizer"),
    (Short, r"expected integers of shape \[1\]"),
    (Narrow, "on a row of .* tokens: .* raised IndexError"),
    (GlobalDice, "two agents made with seed=0, .*randomness that does not come from the seed"),
    (Both, "Both.observe and Both.learn: expected one of them"),
    (LearnsFromNothing, r"learn\(training\): expected a method of one argument"),
    (OnlySaves, "OnlySaves.save and OnlySaves.load: expected both or none"),
    (BadObserver, "learns from 64 episodes, but it raised AttributeError: .*'reward'"),
    (Spoiler, "expected the experience as it was"),
    (Forgets, "Forgets.act after load.*save leaves out something"),
    (WrongFolder, r"WrongFolder.load\(folder\): .*FileNotFoundError"),
    (Fixed, r"Fixed.load\(folder\): .*FileNotFoundError.*path of the folder"),
    (ReadOnly, "ReadOnly.explores = False: expected an attribute to set"),
    (MethodExplores, "MethodExplores.explores: expected True or False"),
    (NeedsWidth, r"NeedsWidth\(\): expected an agent, .*raised TypeError: .*width"),
    (GetsWorse, "GetsWorse.act in episodes: .*AttributeError.*, or what was learned"),
]


@pytest.mark.parametrize(("agent", "match"), BROKEN, ids=[agent.__name__ for agent, _ in BROKEN])
def test_a_broken_agent_is_named_with_its_mistake(agent, match):
    lines = Path(__file__).read_text("utf-8").splitlines()
    line = 1 + next(i for i, text in enumerate(lines) if text.endswith("# CRASH"))
    with pytest.raises(CheckError, match=match.replace("{line}", str(line))):
        lmgym.check_agent(agent)


def test_what_differs_without_a_seed_is_told():
    class Unseeded(GlobalDice):
        def __init__(self):
            pass

    notes = lmgym.check_agent(Unseeded).notes
    assert any("give the constructor a parameter `seed`" in note for note in notes)


def test_a_batch_that_changes_its_rows_is_told():
    class Mixer(Copyist):
        def act(self, observations):
            return [str(len(observations)) for _ in observations]

    assert "alone than in a batch" in lmgym.check_agent(Mixer).notes[0]


def test_turns_that_never_end_are_told():
    class Endless(Dice):
        def act(self, observations):
            return np.full(len(observations["input_ids"]), 50)

    assert "no turn ended by an end token" in lmgym.check_agent(Endless).notes[0]

    class Rambling(Copyist):
        def act(self, observations):
            return ["a" * 500] * len(observations)

    assert "no answer was short enough" in lmgym.check_agent(Rambling).notes[0]


def test_the_checker_is_loaded_only_when_asked_for():
    assert "check_agent" in lmgym.__all__
    code = "import sys, lmgym; assert 'lmgym.agent_checker' not in sys.modules; lmgym.check_agent; "
    code += "assert 'lmgym.agent_checker' in sys.modules and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

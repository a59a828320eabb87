"""Suites: they are what they were, every entry can be made, and files of one's own are checked."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import resources

import gymnasium as gym
import pytest

import lmgym  # noqa: F401  # registers the environments
from lmgym.bench.digest import _plain, digest_problems
from lmgym.bench.suites import Anchor, load_suite, parse_suite, recorded_hash, suite_ids
from lmgym.errors import InvalidValueError, LmgymError, UnknownNameError
from tests.lmgym.bench.made_results import make_entry, make_suite

IDS = suite_ids()
ENTRIES = [(id_, entry) for id_ in IDS for entry in load_suite(id_).entries]


def test_the_suites_are_there():
    assert {"lmgym-quick-1", "lmgym-core-1", "lmgym-probes-1"} <= set(IDS)
    assert load_suite("quick").id == "lmgym-quick-1"
    assert len(load_suite("core").entries) == 12 and len(load_suite("core").seeds) == 5
    assert len(load_suite("quick").entries) == 4 and len(load_suite("quick").seeds) == 3


@pytest.mark.parametrize("id_", IDS)
def test_a_suite_is_what_it_was(id_):
    """A suite that must change gets a new version and a file of its own; see docs/benchmark.md."""
    assert load_suite(id_).hash == recorded_hash(id_)


def test_the_hash_is_the_same_in_another_process():
    code = "import lmgym; from lmgym.bench.suites import load_suite; print(load_suite('quick').hash)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == load_suite("quick").hash


@pytest.mark.parametrize(("id_", "entry"), ENTRIES, ids=[f"{id_}-{entry.name}" for id_, entry in ENTRIES])
def test_every_entry_can_be_made(id_, entry):
    assert {"train", "validation", *entry.eval_splits} <= set(_task(entry).splits)
    assert entry.model in ("nano", "tiny") and entry.abilities
    assert {*entry.eval_splits, "validation"} == set(entry.anchors)
    assert entry.warm_start is not None


def _task(entry):
    env = gym.make_vec(entry.env, num_envs=1, split=entry.headline, **entry.options)
    return env.setup.task


def test_an_ability_has_settings():
    probes = load_suite("probes")
    found = {ability for entry in probes.entries for ability in entry.abilities}
    wanted = {"credit", "exploration", "memory", "noise", "generalisation", "shortcuts"}
    assert wanted <= found
    for ability in wanted:
        assert len([entry for entry in probes.entries if ability in entry.abilities]) in (2, 3)


def test_a_suite_written_and_read_is_the_same(tmp_path):
    suite = load_suite("quick")
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(suite.to_dict()), "utf-8")
    assert load_suite(path) == suite and load_suite(str(path)).hash == suite.hash


@pytest.mark.parametrize(
    "change",
    [
        dict(options={"length": 3}), dict(env="lmgym/Reverse-v0"), dict(budget=9), dict(metric="score"),
        dict(eval_splits=("test", "train")), dict(abilities=("logic",)),
        dict(options={"reward": "noisy:0.1"}),
    ],
)  # fmt: skip
def test_whatever_changes_changes_the_hash(change):
    assert make_suite(make_entry("echo", **change)).hash != make_suite("echo").hash


def test_names_seeds_and_anchors_are_part_of_the_hash():
    anchors = {"test": Anchor(0.1, 1.0), "validation": Anchor(0.0, 1.0)}
    suites = [make_suite("echo"), make_suite("other"), make_suite("echo", seeds=4),
              make_suite(make_entry("echo", anchors=anchors))]  # fmt: skip
    assert len({suite.hash for suite in suites}) == 4


def test_silently_changed_problems_change_the_hash(monkeypatch):
    from lmgym.tasks.probes.words import Echo

    before = make_suite("echo").hash
    monkeypatch.setattr(Echo, "_prompt", lambda self, word: f"{word}:")
    assert make_suite("echo").hash != before


def test_silently_changed_references_change_the_hash(monkeypatch):
    from lmgym.tasks.probes.words import Echo

    monkeypatch.setattr(Echo, "demonstrations", lambda self, problem, rng: ("always the same",))
    before = digest_problems("lmgym/Echo-v0", {}, ("test",))
    monkeypatch.setattr(Echo, "_answer", lambda self, word: word + "a")
    assert digest_problems("lmgym/Echo-v0", {}, ("test",)) != before


def test_silently_changed_demonstrations_change_the_hash(monkeypatch):
    from lmgym.tasks.probes.words import Echo

    before = digest_problems("lmgym/Echo-v0", {}, ("test",))
    monkeypatch.setattr(Echo, "demonstrations", lambda self, problem, rng: (problem.reference, ""))
    assert digest_problems("lmgym/Echo-v0", {}, ("test",)) != before


def test_sets_are_digested_in_one_order():
    assert _plain(frozenset("cab")) == ["a", "b", "c"] == _plain({"b", "c", "a"})


def test_scores_are_laid_between_the_anchors():
    anchor = Anchor(random=0.25, optimal=0.75)
    assert [anchor.normalise(value) for value in (0.25, 0.5, 0.75, 0.0, 1.0)] == [0.0, 0.5, 1.0, -0.5, 1.5]
    with pytest.raises(UnknownNameError, match="split with anchors of echo 'train'"):
        make_entry("echo").normalise("train", 0.5)


def test_an_unknown_suite_gets_the_nearest_name():
    with pytest.raises(UnknownNameError, match="Did you mean 'quick'"):
        load_suite("quik")
    with pytest.raises(UnknownNameError, match="entry of lmgym-quick-1"):
        load_suite("quick").entry("nothing")


def _plain_suite():
    return make_suite("echo").to_dict()


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["seeds"], [], "suite.seeds must be different integers"),
        (["seeds"], [0, 0], "suite.seeds must be different integers"),
        (["seeds"], [True], "suite.seeds must be different integers"),
        (["name"], "../evil", "suite.name is '../evil'"),
        (["version"], 0, "suite.version must be an integer in [1, "),
        (["entries"], [], "at least one entry"),
        (["entries", 0, "name"], "a/b", "suite.entries[0].name is 'a/b'"),
        (["entries", 0, "budget"], 0, "suite.entries[0].budget must be an integer in [1, "),
        (["entries", 0, "metric"], "luck", "unknown value of suite.entries[0].metric"),
        (["entries", 0, "eval_splits"], [], "suite.entries[0].eval_splits is empty"),
        (["entries", 0, "eval_splits"], ["train"], "anchors lacks the split 'train'"),
        (["entries", 0, "abilities"], ["magic"], "unknown ability in suite.entries[0].abilities 'magic'"),
        (["entries", 0, "anchors", "test", "random"], 1.0, "random below optimal"),
        (["entries", 0, "anchors", "test", "optimal"], float("inf"), "anchors.test.optimal must be a number"),
        (["entries", 0, "colour"], "red", "unknown field of suite.entries[0] 'colour'"),
        (["entries", 0, "warm_start"], {"until": 2.0}, "warm_start.until must be a number"),
        (["entries", 0], 5, "suite.entries[0] must be an object"),
    ],
)
def test_a_bad_field_is_named(path, value, message):
    plain = at = _plain_suite()
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(LmgymError) as caught:
        parse_suite(plain)
    assert message in str(caught.value)


def test_two_entries_of_one_name_are_refused():
    with pytest.raises(InvalidValueError, match="different names"):
        parse_suite(make_suite("echo", "echo").to_dict())


def test_a_bad_file_is_a_typed_error(tmp_path):
    path = tmp_path / "suite.json"
    for data, message in ((b"\xff", "no text"), (b"{", "no JSON"), (b" " * 1_000_001, "no suite is")):
        path.write_bytes(data)
        with pytest.raises(InvalidValueError, match=message):
            load_suite(path)
    with pytest.raises(InvalidValueError, match="can't be read"):
        load_suite(tmp_path / "none.json")


def test_data_files_say_what_they_say_in_one_form():
    for id_ in IDS:
        text = resources.files("lmgym.bench").joinpath("data", f"{id_}.json").read_text("utf-8")
        assert json.loads(text) == load_suite(id_).to_dict(), "no field is left to a default"
        assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"

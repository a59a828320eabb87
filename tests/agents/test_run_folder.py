"""Run folders: one writer, no overwriting, no resuming with another configuration."""

import dataclasses
import enum
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import SafetensorError

from lmgym_agents.errors import ResumeError, RunFolderError
from lmgym_agents.runs.config import check_same_config, list_differences, to_plain
from lmgym_agents.runs.folder import RunFolder
from tests.agents.faulty_files import Crash, FaultyFiles


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = float("inf")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    env: str = "lmgym/Math-v0"
    env_options: dict = dataclasses.field(default_factory=lambda: {"level": 2})
    tokenizer_fingerprint: str = "abc"
    seed: int = 0
    iterations: int = 10
    checkpoint_every: int = 5
    device: str = "cpu"
    model: str = "tiny"
    epochs: int = 1
    ppo: Inner = Inner()
    extra: Path | None = None


def test_a_new_folder_holds_config_and_versions(tmp_path):
    with RunFolder(tmp_path / "a" / "run", Config()) as run:
        assert not run.is_resumed
        config = json.loads((run.path / "config.json").read_text())
        versions = json.loads((run.path / "versions.json").read_text())["starts"][0]
        assert run.checkpoints == run.path / "checkpoints" and run.metrics.name == "metrics.jsonl"
    assert config["ppo"] == {"lr": 1e-3, "betas": [0.9, 0.95], "clip": "inf"}
    assert versions["python"] == sys.version.split()[0]
    assert {"lmgym", "torch", "transformers", "gymnasium", "numpy", "platform", "commit"} <= set(versions)


def test_a_folder_that_is_not_empty_is_refused_without_resume(tmp_path):
    RunFolder(tmp_path, Config()).close()
    with pytest.raises(RunFolderError, match=r"not empty.*config\.json.*--resume"):
        RunFolder(tmp_path, Config())
    assert len(json.loads((tmp_path / "versions.json").read_text())["starts"]) == 1


def test_a_foreign_folder_is_refused_with_resume_too(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    for resume in (False, True):
        with pytest.raises(RunFolderError, match=r"thesis\.tex"):
            RunFolder(tmp_path, Config(), resume=resume)
    assert (tmp_path / "thesis.tex").read_text() == "x"


def test_a_file_in_its_place_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunFolderError, match="cannot be used"):
        RunFolder(tmp_path / "file", Config())


def test_resuming_with_the_same_config(tmp_path):
    RunFolder(tmp_path, Config()).close()
    with RunFolder(tmp_path, Config(), resume=True) as run:
        assert run.is_resumed and run.changes == []
    assert len(json.loads((tmp_path / "versions.json").read_text())["starts"]) == 2


def test_resuming_nothing_begins_a_run(tmp_path):
    with RunFolder(tmp_path / "new", Config(), resume=True) as run:
        assert not run.is_resumed


CHANGES = [
    ({"seed": 1}, "seed: 0 → 1"),
    ({"env": "lmgym/Echo-v0"}, "env: 'lmgym/Math-v0' → 'lmgym/Echo-v0'"),
    ({"env_options": {"level": 3}}, r"env_options\.level: 2 → 3"),
    ({"env_options": {"level": 2, "style": "x"}}, r"env_options\.style: '\(absent\)' → 'x'"),
    ({"env_options": {}}, r"env_options\.level: 2 → '\(absent\)'"),
    ({"tokenizer_fingerprint": "abd"}, "tokenizer_fingerprint: 'abc' → 'abd'"),
    ({"model": "other"}, "model: 'tiny' → 'other'"),
    ({"ppo": Inner(lr=2e-3)}, r"ppo\.lr: 0\.001 → 0\.002"),
    ({"ppo": Inner(betas=(0.9, 0.9))}, r"ppo\.betas: \[0\.9, 0\.95\] → \[0\.9, 0\.9\]"),
    ({"ppo": Inner(clip=1.0)}, r"ppo\.clip: 'inf' → 1\.0"),
    ({"iterations": 9}, "iterations: 10 → 9"),
    ({"epochs": 2}, "epochs: 1 → 2"),
    ({"extra": Path("x")}, "extra: None → 'x'"),
    ({"seed": False}, "seed: 0 → False"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES, ids=[message for _, message in CHANGES])
def test_another_config_is_refused_with_the_difference(change, message, tmp_path):
    RunFolder(tmp_path, Config()).close()
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(ResumeError, match=message):
        RunFolder(tmp_path, dataclasses.replace(Config(), **change), resume=True)
    assert (tmp_path / "config.json").read_bytes() == before
    RunFolder(tmp_path, Config(), resume=True).close()  # the lock was given back


def test_all_differences_are_listed(tmp_path):
    with pytest.raises(ResumeError, match=r"(?s)seed: 0 → 1.*model: 'a' → 'b'"):
        check_same_config({"seed": 0, "model": "a"}, {"seed": 1, "model": "b"})


def test_harmless_changes_and_growth_are_allowed_and_kept(tmp_path):
    RunFolder(tmp_path, Config()).close()
    changed = dataclasses.replace(Config(), iterations=20, checkpoint_every=1, device="cuda")
    with RunFolder(tmp_path, changed, resume=True) as run:
        assert run.changes == [
            "iterations: 10 → 20", "checkpoint_every: 5 → 1", "device: 'cpu' → 'cuda'"
        ]  # fmt: skip
    with pytest.raises(ResumeError, match="iterations: 20 → 10"):
        RunFolder(tmp_path, Config(), resume=True)


def test_equal_configs_differ_in_nothing():
    plain = to_plain(Config())
    assert list_differences(plain, json.loads(json.dumps(plain))) == []


def test_plain_values():
    class Colour(enum.Enum):
        RED = "red"

    assert to_plain({1: Colour.RED, "p": Path("a/b"), "s": {"y", "x"}, "n": float("nan")}) == {
        "1": "red", "p": "a/b", "s": ["x", "y"], "n": "nan"
    }  # fmt: skip
    with pytest.raises(ResumeError, match=r"config\.a\.0 is a function"):
        to_plain({"a": [to_plain]})


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 10**5, b'{"seed": NaN}', b"\xff"])
def test_a_damaged_config_is_refused(content, tmp_path):
    RunFolder(tmp_path, Config()).close()
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ResumeError, match=r"config\.json"):
        RunFolder(tmp_path, Config(), resume=True)


def test_a_damaged_versions_file_stops_nobody(tmp_path):
    RunFolder(tmp_path, Config()).close()
    (tmp_path / "versions.json").write_bytes(b"\0")
    RunFolder(tmp_path, Config(), resume=True).close()
    assert len(json.loads((tmp_path / "versions.json").read_text())["starts"]) == 1


def test_a_second_writer_is_refused_in_this_process_and_in_another(tmp_path):
    with RunFolder(tmp_path, Config()) as run:
        for resume in (False, True):
            with pytest.raises(RunFolderError, match=f"in use by another process \\(pid {os.getpid()}\\)"):
                RunFolder(tmp_path, Config(), resume=resume)
        script = (
            "import sys; from lmgym_agents.runs.folder import RunFolder\n"
            "from lmgym_agents.errors import RunFolderError\n"
            "try: RunFolder(sys.argv[1], {}, resume=True)\n"
            "except RunFolderError as error: sys.exit('in use' in str(error) and 7)"
        )
        assert subprocess.run([sys.executable, "-c", script, str(run.path)], check=False).returncode == 7
    RunFolder(tmp_path, Config(), resume=True).close()


def test_a_child_that_outlives_its_killed_parent_does_not_keep_the_lock(tmp_path):
    child_is_up, child_may_end = os.pipe(), os.pipe()
    parent = os.fork()
    if not parent:
        RunFolder(tmp_path, Config())
        if os.fork():
            os.read(child_is_up[0], 1)
            os.kill(os.getpid(), signal.SIGKILL)
        os.close(child_may_end[1])
        os.write(child_is_up[1], b"x")
        os.read(child_may_end[0], 1)  # an environment worker, say, that has not noticed yet
        os._exit(0)
    os.waitpid(parent, 0)
    try:
        RunFolder(tmp_path, Config(), resume=True).close()
    finally:
        for end in (*child_may_end, *child_is_up):
            os.close(end)


def test_a_folder_is_free_at_once_though_a_child_was_just_forked(tmp_path):
    run = RunFolder(tmp_path, Config())
    child = os.fork()
    if not child:
        os._exit(0)
    run.close()
    RunFolder(tmp_path, Config(), resume=True).close()
    os.waitpid(child, 0)


def test_a_child_that_closes_the_folder_does_not_free_it(tmp_path):
    with RunFolder(tmp_path, Config()) as run:
        child = os.fork()
        if not child:
            code = 1
            try:
                run.close()
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        with pytest.raises(RunFolderError, match="in use"):
            RunFolder(tmp_path, Config(), resume=True)


def test_close_gives_up_one_lock_only_once(tmp_path):
    run = RunFolder(tmp_path, Config())
    run.close()
    with RunFolder(tmp_path, Config(), resume=True):
        run.close()  # must not close the handle that the number may belong to by now
        with pytest.raises(RunFolderError, match="in use"):
            RunFolder(tmp_path, Config(), resume=True)


@pytest.mark.parametrize("how", ["crash", "error"])
def test_after_a_failure_at_any_operation_the_run_can_be_begun_again(how, tmp_path):
    counting = FaultyFiles()
    RunFolder(tmp_path / "count", Config(), files=counting).close()
    assert counting.count > 8
    for number in range(counting.count):
        folder, files = tmp_path / str(number), FaultyFiles(number, how, errno.ENOSPC)
        with pytest.raises((Crash, RunFolderError)):
            RunFolder(folder, Config(), files=files)
        with RunFolder(folder, Config(), resume=True) as run:
            assert json.loads((run.path / "config.json").read_text())["model"] == "tiny"


def test_files_are_replaced_whole_or_not_at_all(tmp_path):
    with RunFolder(tmp_path / "count", Config()) as run:
        run.write_json("x.json", [0])
        for number in range(4):
            run._files = FaultyFiles(number)
            with pytest.raises(OSError):
                run.write_json("x.json", [number] * 1000)
            assert json.loads((run.path / "x.json").read_text())[0] in (0, number)
        run._files = FaultyFiles()
        run.write_json("x.json", ["é\ud800"])
        assert "é" in (run.path / "x.json").read_text("utf-8")


def test_a_full_disk_is_an_error_of_the_disk_also_where_tensors_are_written(tmp_path):
    def write(part):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    with (
        RunFolder(tmp_path / "run", Config()) as run,
        pytest.raises(OSError, match="No space left") as raised,
    ):
        run.write_folder("model", write)
    assert raised.value.errno == errno.EIO


def test_folders_are_replaced_whole(tmp_path):
    def fill(number):
        def write(part):
            (part / "sub").mkdir()
            (part / "weights").write_text(str(number))
            (part / "sub" / "config").write_text(str(number))

        return write

    with RunFolder(tmp_path / "run", Config()) as run:
        run.write_folder("model", fill(1))
        counting = FaultyFiles()
        run._files = counting
        run.write_folder("model", fill(1))
        assert counting.count >= 8
        for number in range(counting.count):
            run._files = FaultyFiles(number)
            with pytest.raises(OSError):
                run.write_folder("model", fill(number))
            found = run.model if run.model.exists() else run.path / ".model.old"
            assert (found / "weights").read_text() == (found / "sub" / "config").read_text()
            run._files = FaultyFiles()
            assert (run.write_folder("model", fill("x")) / "weights").read_text() == "x"
        assert not [name for name in os.listdir(run.path) if name.startswith(".model")]

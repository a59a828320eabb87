"""Every block of code in docs/ runs as it stands, page by page, or says why it can't."""

import importlib.util
import io
import sys
import warnings

import pytest

from lmgym import cli
from tests.docs.pages import PAGES, ROOT, find_blocks, find_commands, name_of

NUM_NOT_RUN = 18
"""Blocks of Python that say why they are not run. Raise it only with a good reason on the page."""

CODE = {
    page: [block for block in find_blocks(page.read_text("utf-8")) if block.language == "python"]
    for page in PAGES
}


def is_slow(page):
    return "<!-- slow: " in page.read_text("utf-8")


def cases():
    for page in PAGES:
        if any(block.why_not is None for block in CODE[page]):
            yield pytest.param(page, id=name_of(page), marks=[pytest.mark.slow] if is_slow(page) else [])


@pytest.mark.parametrize("page", list(cases()))
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch, capsys):
    lines = []
    for block in CODE[page]:
        if block.why_not is None:  # at the line that it has on the page, so that a traceback leads there
            lines += [""] * (block.line - 1 - len(lines)) + block.code.splitlines()
    file = tmp_path / "page.py"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    name = f"page_{abs(hash(page))}"
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spec.loader.exec_module(module)
    said = capsys.readouterr().out
    for promise in promises(page):
        assert promise in said, f"{name_of(page)} promises {promise!r}, the block printed:\n{said}"


def promises(page):
    """What the page says in comments behind calls of print on the same line."""
    for block in CODE[page]:
        for line in block.code.splitlines() if block.why_not is None else ():
            call, mark, comment = line.partition(")  # ")
            if call.lstrip().startswith("print(") and mark:
                yield comment.strip()


def test_few_blocks_are_not_run():
    reasons = [block.why_not for blocks in CODE.values() for block in blocks if block.why_not is not None]
    assert len(reasons) == NUM_NOT_RUN, reasons
    assert all(len(reason) > 10 for reason in reasons)


COMMANDS = [
    pytest.param(words, id=f"{page.name}-{at}")
    for page in [*PAGES, ROOT / "README.md"]
    for at, (words, _) in enumerate(find_commands(page.read_text("utf-8")))
]
QUICK = ("list", "play", "grade")
"""Commands that are run; without a person, `play` ends where the input does."""


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_of_a_page_can_be_read(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read = []

    def parse_alone(name, command, arguments):
        read.append(cli.tyro.cli(command.config, prog=name, args=arguments))
        return 0

    monkeypatch.setattr(cli, "_run", parse_alone)
    assert cli.main(words) == 0 and len(read) == 1


@pytest.mark.parametrize("words", [words for words in COMMANDS if words.values[0][0] in QUICK])
def test_a_quick_command_of_a_page_runs(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert cli.main(words) == 0
    assert capsys.readouterr().out

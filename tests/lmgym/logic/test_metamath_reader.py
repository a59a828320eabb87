"""Reading Metamath databases: every rule of the language, broken once; limits; inclusions."""

from __future__ import annotations

import copy
import gzip
from pathlib import Path

import pytest

from lmgym.errors import LmgymError, UnknownNameError
from lmgym.logic.metamath import Limits, MetamathError, parse_database, read_database
from tests.reference.metamath_bad import BAD, HEAD, Bad


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_broken_rule_is_an_error_with_its_line(bad: Bad) -> None:
    with pytest.raises(MetamathError) as caught:
        parse_database(bad.text)
    assert bad.says in str(caught.value)
    assert caught.value.place is not None and caught.value.place.line == bad.line
    assert isinstance(caught.value, LmgymError) and isinstance(caught.value, ValueError)


def test_frames_hold_what_an_assertion_needs() -> None:
    text = HEAD + (
        "$v r $. wr $f wff r $. $d p q r $.\n"
        "${ h $e |- ( p -> r ) $. $d q r $. a $a |- ( r -> p ) $. $}\n"
        "b $p |- q $= ? $."
    )
    database = parse_database(text)
    a, b = database.assertions["a"], database.assertions["b"]
    assert [hypothesis.label for hypothesis in a.hypotheses] == ["wp", "wr", "h"]
    assert [hypothesis.label for hypothesis in a.logical] == ["h"]
    assert a.distinct == {("p", "r")} and a.active_distinct == {("p", "q"), ("p", "r"), ("q", "r")}
    assert [hypothesis.label for hypothesis in b.hypotheses] == ["wq"] and b.distinct == frozenset()
    assert "h" not in b.active and "h" in database.hypotheses
    assert database.theorem("b") is b and (a.number, b.number) == (0, 1)
    with pytest.raises(UnknownNameError, match="unknown theorem 'a'"):
        database.theorem("a")


def test_mandatory_hypotheses_stand_in_the_order_of_the_database() -> None:
    text = HEAD + "${ h $e |- p $. $v s $. ws $f wff s $. a $a |- ( s -> p ) $. $}"
    assert [each.label for each in parse_database(text).assertions["a"].hypotheses] == ["wp", "h", "ws"]


def test_a_variable_may_come_back_after_its_block() -> None:
    text = HEAD + "${ $v x $. wx $f wff x $. a $a |- x $. $}\n${ $v x $. wy $f wff x $. b $a |- x $. $}"
    assert [h.label for h in parse_database(text).assertions["b"].hypotheses] == ["wy"]


def test_an_empty_database_is_one() -> None:
    assert not parse_database(" \n\t$( nothing $)\r\n").assertions


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(chars=50), "characters"),
        (Limits(token_chars=3), "token"),
        (Limits(depth=2), "open blocks"),
        (Limits(symbols=4), "symbols"),
    ],
)
def test_limits_are_kept(limits: Limits, says: str) -> None:
    text = HEAD + "${ ${ ${ $} $} $}\nabcd $a |- ( p -> q ) $."
    assert parse_database(text).assertions
    with pytest.raises(MetamathError, match=says):
        parse_database(text, limits)


@pytest.mark.parametrize(
    "text",
    ["${ " * 10**5, "$c " + "x" * 10**6 + " $.", "$( " * 10**5, "a " * 10**5, "$[ " * 10**4, "$" * 10**5,
     HEAD + "$d " + "p q " * 10**4 + "$.", "$v " + " ".join(f"x{i}" for i in range(2000)) + " $. $d "
     + " ".join(f"x{i}" for i in range(2000)) + " $."],
    ids=["blocks", "token", "comments", "labels", "inclusions", "dollars", "distinct", "pairs"],
)  # fmt: skip
def test_hostile_databases_are_refused(text: str) -> None:
    with pytest.raises(MetamathError) as caught:
        parse_database(text)
    assert len(str(caught.value)) < 300


def test_files_are_included_once_and_cycles_end(tmp_path: Path) -> None:
    (tmp_path / "main.mm").write_text("$[ sub/head.mm $] $[ sub/head.mm $]\n$[ main.mm $] a $a |- p $.")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "head.mm").write_text("$[ main.mm $]\n" + HEAD + "$[ sub/head.mm $]")
    assert list(read_database(tmp_path / "main.mm").assertions) == ["a"]


@pytest.mark.parametrize("name", ["../x.mm", "/etc/passwd", "sub/../../x.mm", "a\\b", "link.mm", "a b", ""])
def test_nothing_outside_of_the_folder_is_included(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "x.mm").write_text(HEAD)
    (folder / "link.mm").symlink_to(tmp_path / "x.mm")
    (folder / "main.mm").write_text(f"$[ {name} $]")
    with pytest.raises(MetamathError, match=r"main.mm, line 1: .*(outside|no name)"):
        read_database(folder / "main.mm")


def test_a_missing_file_and_a_text_that_includes_are_errors(tmp_path: Path) -> None:
    (tmp_path / "main.mm").write_text("$[ none.mm $]")
    with pytest.raises(MetamathError, match="can't read"):
        read_database(tmp_path / "main.mm")
    with pytest.raises(MetamathError, match="can't read"):
        read_database(tmp_path / "nothing.mm")
    with pytest.raises(MetamathError, match="can't be included"):
        parse_database("$[ main.mm $]")


def test_inclusions_can_t_nest_without_end(tmp_path: Path) -> None:
    for i in range(100):
        (tmp_path / f"f{i}.mm").write_text(f"$[ f{i + 1}.mm $]")
    with pytest.raises(MetamathError, match="nest deeper"):
        read_database(tmp_path / "f0.mm")


def test_compressed_files_are_read_within_limits(tmp_path: Path) -> None:
    path = tmp_path / "d.mm.gz"
    path.write_bytes(gzip.compress((HEAD + "a $a |- p $.").encode()))
    assert list(read_database(path).assertions) == ["a"]
    path.write_bytes(gzip.compress(b" " * 10**7))
    with pytest.raises(MetamathError, match="characters"):
        read_database(path, Limits(chars=10**6))
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(MetamathError, match="can't read"):
        read_database(path)
    path.write_bytes(b"$c x $.")
    with pytest.raises(MetamathError, match="can't read"):
        read_database(path)


def test_errors_can_be_copied() -> None:
    with pytest.raises(MetamathError) as caught:
        parse_database("$x")
    again = copy.copy(caught.value)
    assert str(again) == str(caught.value) and again.place == caught.value.place

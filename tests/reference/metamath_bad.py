"""Databases that break one rule of the language each, with the line where it is broken."""

from __future__ import annotations

from typing import NamedTuple

HEAD = "$c ( ) -> wff |- $.\n$v p q $.\nwp $f wff p $.\nwq $f wff q $.\n"
"""Four lines that are right."""


class Bad(NamedTuple):
    name: str
    text: str
    line: int
    says: str


def _after(name: str, text: str, line: int, says: str) -> Bad:
    return Bad(name, HEAD + text, line + 4, says)


BAD = [
    _after("constant twice", "$c ( $.", 1, "declared already"),
    _after("constant in a block", "${ $c x $. $}", 1, "inside a block"),
    _after("constant that was a variable", "${ $v x $. $}\n$c x $.", 2, "declared already"),
    _after("variable twice", "$v x $.\n\n$v x $.", 3, "declared already"),
    _after("variable that is a constant", "$v |- $.", 1, "declared already"),
    _after("no symbols", "$v $.", 1, "without a symbol"),
    _after("label twice", "a $a wff p $.\na $a wff q $.", 2, "used already"),
    _after("label of an inner block twice", "${ a $e |- p $. $}\na $a |- p $.", 2, "used already"),
    _after("label with a bad character", "a+b $a wff p $.", 1, "is no label"),
    _after("label that is a symbol", "p $a wff p $.", 1, "is a symbol"),
    _after("symbol that is a label", "$c wp $.", 1, "is a label"),
    _after("label of nothing", "a $c x $.", 1, "was to come after the label"),
    _after("label at the end", "a", 1, "was to come after the label"),
    _after("statement without a label", "$a wff p $.", 1, "can't stand here"),
    _after("two $f of a variable", "wp2 $f wff p $.", 1, "has a $f already"),
    _after("$f of a constant", "wx $f wff ( $.", 1, "$f needs"),
    _after("$f with three symbols", "$v x $. wx $f wff x x $.", 1, "$f needs"),
    _after("$f with a variable first", "$v x $. wx $f p x $.", 1, "$f needs"),
    _after("$f of an inactive variable", "${ $v x $. $}\nwx $f wff x $.", 2, "$f needs"),
    _after("$e that begins with a variable", "a $e p $.", 1, "begins with a constant"),
    _after("$a that is empty", "a $a $.", 1, "begins with a constant"),
    _after("unknown symbol", "a $a |- zz $.", 1, "is not active"),
    _after("variable without $f", "$v x $.\na $a |- x $.", 2, "has no $f"),
    _after("variable whose $f is over", "$v x $.\n${ wx $f wff x $. $}\na $a |- x $.", 3, "has no $f"),
    _after("$d of a constant", "$d p ( $.", 1, "no active variable"),
    _after("$d twice the same", "$d p p $.", 1, "different variables"),
    _after("block not closed", "${", 1, "never closed"),
    _after("block closed twice", "${ $}\n$}", 2, "$} without ${"),
    _after("statement not closed", "a $a |- p", 1, "ends where $."),
    _after("statement in a statement", "a $a |- p\nb $a |- q $.", 2, "where $. was to come"),
    _after("proof without =", "a $p |- p $.", 1, "where $= was to come"),
    _after("proof that is empty", "a $p |- p $= $.", 1, "empty proof"),
    _after("dollar in a symbol", "$c x$y $.", 1, "where $. was to come"),
    _after("unknown keyword", "$x", 1, "can't stand here"),
    _after("comment not closed", "\n$( for ever", 2, "never closed"),
    _after("comment in a comment", "$( a $( b $) c $)", 1, "don't nest"),
    _after("closing mark in a comment's word", "$( a$) $)", 1, "don't nest"),
    _after("control character", "$( \x00 $)", 1, "not allowed"),
    _after("letter beyond ASCII", "\n\n$( \xe9 $)", 3, "not allowed"),
    _after("inclusion without end", "$[ a.mm", 1, "$[ without $]"),
]

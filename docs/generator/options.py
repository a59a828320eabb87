"""The options of a configuration as a table, from its fields and the strings under them.

Comes in: ``module:Class`` of a dataclass. Goes out: a Markdown table of field, default and help. Left out:
values that are not allowed, which the class itself refuses.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import itertools
import textwrap
from typing import Any

from docs.generator.blocks import make_table, to_code, to_sentence


def write_options(spec: str, present: str = "") -> str:
    """Returns the table of the dataclass at ``spec``, ``"module:Class"``."""
    del present
    module, _, name = spec.partition(":")
    cls = getattr(importlib.import_module(module), name)
    help_of = read_field_help(cls)
    rows = [
        (to_code(field.name), _show_default(field), to_sentence(help_of.get(field.name, "")))
        for field in dataclasses.fields(cls)
    ]
    return make_table((f"field of `{name}`", "default", "meaning"), rows)


def read_field_help(cls: type) -> dict[str, str]:
    """Returns the string under each field of a dataclass and of what it inherits from."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0].body  # type: ignore[attr-defined]
        for field, below in itertools.pairwise(body):
            is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_text:
                found[field.target.id] = str(below.value.value)
    return found


def _show_default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return to_code(repr(field.default))
    if field.default_factory is not dataclasses.MISSING:
        made = field.default_factory()
        return (
            f"{to_code(type(made).__name__)} with its defaults"
            if dataclasses.is_dataclass(made)
            else to_code(repr(made))
        )
    return "must be given"

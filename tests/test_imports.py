"""Reads the source of both packages: imports point one way, and nothing is called that runs foreign text."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"lmgym": ROOT / "lmgym", "lmgym_agents": ROOT / "agents" / "lmgym_agents"}

# Lower layers first; a module may import its own layer and lower ones. A name includes all modules in it.
LAYERS = {
    "lmgym": (
        ("lmgym.errors", "lmgym.records", "lmgym.seeding", "lmgym.registration", "lmgym.conversation"),
        ("lmgym.tokenizer_files", "lmgym.tokenization", "lmgym.chat_template", "lmgym.render_template",
         "lmgym.template_pieces", "lmgym.template_reading", "lmgym.template_tokens", "lmgym.small_template",
         "lmgym.spaces", "lmgym.grading", "lmgym.logic", "lmgym.games"),
        ("lmgym.tasks",),
        ("lmgym.rewards",),
        ("lmgym.preferences",),
        ("lmgym.judges",),
        ("lmgym.envs",),
        ("lmgym.agent", "lmgym.agent_turns", "lmgym.agent_checker", "lmgym.new_agent", "lmgym.raised",
         "lmgym.checker", "lmgym.bench", "lmgym.play", "lmgym.train_tokenizer"),
        ("lmgym.cli", "lmgym.__main__"),
    ),
    "lmgym_agents": (
        ("lmgym_agents.errors",),
        ("lmgym_agents.models", "lmgym_agents.policy", "lmgym_agents.sampling", "lmgym_agents.losses",
         "lmgym_agents.advantages", "lmgym_agents.group_advantages", "lmgym_agents.state_model",
         "lmgym_agents.runs", "lmgym_agents.prefixes",
         "lmgym_agents.q.heads", "lmgym_agents.q.model", "lmgym_agents.q.files", "lmgym_agents.q.targets",
         "lmgym_agents.q.losses", "lmgym_agents.q.soft_losses", "lmgym_agents.q.ilql_losses",
         "lmgym_agents.q.action_rows", "lmgym_agents.q.sums", "lmgym_agents.diagnosis.heuristic_quality",
         "lmgym_agents.diagnosis.ordering"),
        ("lmgym_agents.engine", "lmgym_agents.q.engine", "lmgym_agents.ranking"),
        ("lmgym_agents.rollout", "lmgym_agents.process.values", "lmgym_agents.process.first_error",
         "lmgym_agents.process.step_labels", "lmgym_agents.process.rollout_labels", "lmgym_agents.q.agent",
         "lmgym_agents.q.replay", "lmgym_agents.offline", "lmgym_agents.self_play",
         "lmgym_agents.reward_models", "lmgym_agents.judging",
         "lmgym_agents.prompted_rows"),
        ("lmgym_agents.algorithms", "lmgym_agents.search", "lmgym_agents.process.reward",
         "lmgym_agents.diagnosis.optimal_values", "lmgym_agents.diagnosis.action_scores",
         "lmgym_agents.diagnosis.hidden",
         "lmgym_agents.diagnosis.states", "lmgym_agents.diagnosis.q_diagnosis"),
        ("lmgym_agents.train", "lmgym_agents.rlhf", "lmgym_agents.baselines"),
        ("lmgym_agents.bench", "lmgym_agents.agent_specs"),
        ("lmgym_agents.cli", "lmgym_agents.commands"),
    ),
}  # fmt: skip

DOORS = {"lmgym.cli", "lmgym.rewards.learned"}  # the only modules of lmgym that name lmgym_agents

CORE = {"gymnasium", "numpy", "sympy", "tokenizers", "tyro", "rich"}

FORBIDDEN_IMPORTS = {
    "pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "runpy",
}  # fmt: skip
FORBIDDEN_NAMES = {"eval", "exec", "parse_expr", "parse_latex", "sympify", "lambdify", "__import__"}
FORBIDDEN_SYMPY = {"parse_expr", "parse_latex", "sympify", "lambdify"}
FORBIDDEN_ATTRIBUTES = {
    ("yaml", "load"), ("yaml", "unsafe_load"), ("yaml", "full_load"), ("torch", "load"), ("os", "system"),
    ("os", "popen"), ("pickle", "load"), ("pickle", "loads"), ("sympy", "sympify"), ("builtins", "eval"),
    ("builtins", "exec"), ("sympy", "S"), ("subprocess", "getoutput"), ("subprocess", "getstatusoutput"),
}  # fmt: skip


def source_files(package: str) -> dict[str, Path]:
    """Every module of ``package`` by its dotted name."""
    folder = PACKAGES[package]
    modules = {}
    for path in sorted(folder.rglob("*.py")):
        parts = [package, *path.relative_to(folder).with_suffix("").parts]
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


MODULES = source_files("lmgym") | source_files("lmgym_agents")


def find_imports(tree: ast.AST, names: frozenset[str]) -> set[str]:
    """Every module that the source imports, wherever in the file; of our own ones, those in ``names``."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found.add(full if full in names else base)
    return found


@cache
def imports_of(module: str) -> frozenset[str]:
    return frozenset(find_imports(ast.parse(MODULES[module].read_text("utf-8")), frozenset(MODULES)))


@cache
def reach(module: str) -> frozenset[str]:
    """Every module of ours that ``module`` imports, directly or through others."""
    seen: set[str] = set()
    todo = [module]
    while todo:
        for name in imports_of(todo.pop()) & MODULES.keys():
            if name not in seen:
                seen.add(name)
                todo.append(name)
    return frozenset(seen)


def layer_of(module: str) -> int | None:
    for rank, layer in enumerate(LAYERS[module.split(".")[0]]):
        if any(module == name or module.startswith(name + ".") for name in layer):
            return rank
    return None


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    rank = layer_of(module)
    if rank is None:  # a module between the layers is held to them by whoever imports it
        return
    package = module.split(".")[0]
    back = {name for name in reach(module) if name.split(".")[0] == package and (layer_of(name) or 0) > rank}
    assert not back, f"{module} reaches {sorted(back)}, which lie above it"


@pytest.mark.parametrize("module", source_files("lmgym"))
def test_lmgym_imports_only_its_core_dependencies(module):
    allowed = CORE | set(sys.stdlib_module_names) | {"lmgym"}
    foreign = {name.split(".")[0] for name in imports_of(module)} - allowed
    assert not foreign, f"{module} imports {sorted(foreign)}"


@pytest.mark.parametrize("module", sorted(source_files("lmgym").keys() - DOORS))
def test_only_the_command_line_names_the_agents(module):
    nodes = ast.walk(ast.parse(MODULES[module].read_text("utf-8")))
    texts = [node.value for node in nodes if isinstance(node, ast.Constant)]
    modules = [text for text in texts if isinstance(text, str) and text.startswith("lmgym_agents.")]
    assert not modules, "an import by a string that no other test sees"


@pytest.mark.parametrize("module", sorted(source_files("lmgym").keys() - {"lmgym"}))
def test_every_module_of_lmgym_has_its_layer(module):
    assert layer_of(module) is not None, f"give {module} a place in LAYERS"


def find_dangers(tree: ast.AST) -> list[str]:
    """Every way in the source by which text could become code, and the line of it."""
    found = []
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            tops = [
                name.split(".")[0]
                for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else names)
            ]
            found += [f"{line}: imports {name}" for name in tops if name in FORBIDDEN_IMPORTS]
            if isinstance(node, ast.ImportFrom):
                found += [f"{line}: imports {name}" for name in names if name in FORBIDDEN_NAMES]
                found += [
                    f"{line}: imports {name}" for name in names if (node.module, name) in FORBIDDEN_ATTRIBUTES
                ]
        elif isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
            found.append(f"{line}: {node.id}")
        elif isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if (owner, node.attr) in FORBIDDEN_ATTRIBUTES or node.attr in FORBIDDEN_SYMPY:
                found.append(f"{line}: {owner}.{node.attr}")
        elif isinstance(node, ast.keyword) and node.arg in ("shell", "allow_pickle"):
            if not (isinstance(node.value, ast.Constant) and node.value.value is False):
                found.append(f"{line}: {node.arg} that is not False")
        elif isinstance(node, ast.keyword) and node.arg == "trust_remote_code":  # a caller may choose it
            if isinstance(node.value, ast.Constant) and node.value.value is not False:
                found.append(f"{line}: trust_remote_code by itself")
    return found


@pytest.mark.parametrize("module", MODULES)
def test_nothing_that_runs_foreign_text(module):
    assert not find_dangers(ast.parse(MODULES[module].read_text("utf-8")))


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')",
        "exec(text)",
        "run = eval",
        "import pickle",
        "from pickle import loads",
        "import torch\ntorch.load(p)",
        "from torch import load",
        "import yaml\nyaml.load(t)",
        "subprocess.run(c, shell=True)",
        "subprocess.run(c, shell=flag)",
        "os.system(c)",
        "from os import system",
        "sympify(text)",
        "sympy.sympify(t)",
        "sympy.S(t)",
        "from sympy import S",
        "from sympy import lambdify",
        "sp.lambdify(x, t)",
        "import yaml as y",
        "subprocess.getoutput(c)",
        "from sympy.parsing.sympy_parser import parse_expr",
        "np.load(p, allow_pickle=True)",
        "load(p, trust_remote_code=True)",
    ],
)
def test_the_scan_finds(source):
    assert find_dangers(ast.parse(source))


@pytest.mark.parametrize(
    "source", ["model.eval()", "re.compile(p)", "subprocess.run(c, shell=False)", "json.load(f)"]
)
def test_the_scan_leaves_alone(source):
    assert not find_dangers(ast.parse(source))

"""Agents by name, as commands take them: a built-in, a class, a plug-in of a package, a served model.

    "ppo?learning_rate=3e-4"                        a built-in agent (``lmgym_agents.bench.builtin``)
    "mypackage.mine:Agent?width=3"                  a class, or a function that makes an agent
    "clever"                                        a name of the entry-point group "lmgym.agents"
    "http://127.0.0.1:8000/v1#MODEL?temperature=0"  an OpenAI-compatible server

Comes in: a text. Goes out: an agent. Options follow as a query: each value is read as JSON where it is JSON,
else as it stands, and may be percent-encoded. Keys of services never stand in the text: the environment holds
them. Left out: what agents do.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Literal
from urllib.parse import unquote

from lmgym.agent import Agent
from lmgym.agent_checker.calls import takes_seed
from lmgym.errors import InvalidValueError, LmgymError, UnknownNameError
from lmgym.play import read_value
from lmgym.raised import describe_error
from lmgym_agents.agent import check_agent
from lmgym_agents.bench.builtin import BUILTIN

ENTRY_POINT_GROUP: Final = "lmgym.agents"
MAX_SPEC_CHARS: Final = 4096
_ENDPOINT: Final = "lmgym_agents.endpoint_agent:EndpointAgent"
_FORMS: Final = (
    "a built-in name, module:Class, a name that a package registers under 'lmgym.agents', or "
    "http://HOST:PORT/v1#MODEL, each with ?option=value&option=value behind it if need be"
)


@dataclass(frozen=True, kw_only=True)
class AgentSpec:
    """What the name of an agent says."""

    text: str
    """The whole of it: the agent's name in results."""
    kind: Literal["builtin", "module", "entry_point", "endpoint"]
    name: str
    """Without the options: "ppo", "module:Class", "http://HOST:PORT/v1#MODEL"."""
    options: Mapping[str, Any]
    """Keywords of the constructor."""


def parse_agent_spec(text: str) -> AgentSpec:
    """Returns what the name of an agent says; nothing is imported, and no server asked.

    Raises:
        InvalidValueError: a text of another form.
        UnknownNameError: neither a built-in nor registered; the message has the nearest name.
    """
    if len(text) > MAX_SPEC_CHARS or not text.isprintable():
        raise InvalidValueError(
            f"an agent's name has up to {MAX_SPEC_CHARS} printable characters, got {text[:80]!r}."
        )
    name, _, query = text.partition("?")
    options = _read_query(query, text)
    if name.startswith(("http://", "https://")):
        address, _, model = name.partition("#")
        if not (address and model):
            raise InvalidValueError(
                f"an agent over HTTP is named http://HOST:PORT/v1#MODEL, got {text!r}; what stands behind # "
                "is the model's name on that server."
            )
        return AgentSpec(text=text, kind="endpoint", name=name, options=options)
    if ":" in name:
        return AgentSpec(text=text, kind="module", name=_check_reference(name), options=options)
    if name in BUILTIN:
        return AgentSpec(text=text, kind="builtin", name=name, options=options)
    registered = entry_points(group=ENTRY_POINT_GROUP).names
    if name not in registered:
        if name.isidentifier() and is_module(name):
            raise InvalidValueError(
                f"{name!r} is a module; name the agent's class in it, too: {name}:MyAgent."
            )
        raise UnknownNameError("agent", name, [*BUILTIN, *registered, "module:Class", "http://…/v1#MODEL"])
    return AgentSpec(text=text, kind="entry_point", name=name, options=options)


def make_agent(spec: AgentSpec | str, *, seed: int = 0) -> Agent:
    """Returns the agent that ``spec`` stands for.

    Args:
        spec: or its text.
        seed: given to a constructor that has a parameter ``seed``, unless the options hold one.

    Raises:
        InvalidValueError: what is named can't be imported or made, or is no agent; for a mistake in the
            agent's own code the message has its file and line.
        UnknownNameError: an option that the constructor does not take.
        LmgymError: whatever the constructor itself raises of this kind.
    """
    if isinstance(spec, str):
        spec = parse_agent_spec(spec)
    make = load_factory(spec)
    try:
        agent = make(seed=seed) if takes_seed(make) and "seed" not in spec.options else make()
    except LmgymError:
        raise
    except Exception as error:  # a foreign constructor raises what it likes
        raise InvalidValueError(f"agent {spec.text!r} could not be made: {describe_error(error)}.") from error
    check_agent(agent)
    return agent  # type: ignore[no-any-return]


def make_lone_agent(text: str, *, seed: int = 0) -> Agent:
    """Returns the agent named ``text``, ready to act outside the benchmark: it does not explore.

    Raises:
        InvalidValueError: it acts only after the benchmark has given it a model.
        LmgymError: see ``make_agent``.
    """
    agent = make_agent(text, seed=seed)
    if hasattr(agent, "begin"):
        raise InvalidValueError(
            f"agent {text!r} begins from a model that a suite gives it; compare it by `lmgym bench --agents "
            f"{text}`. A model that is trained already is named with --model instead."
        )
    if hasattr(agent, "explores"):
        agent.explores = False
    return agent


def load_factory(spec: AgentSpec) -> Callable[..., Any]:
    """Returns what makes the agent; it has a parameter ``seed`` if the agent's constructor has one.

    Raises:
        InvalidValueError: what is named can't be imported, or an option is missing.
        UnknownNameError: an option that the constructor does not take.
    """
    factory, options = _find_factory(spec)
    _check_options(spec, factory, options)
    return functools.partial(factory, **options)


def _read_query(query: str, text: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for part in query.split("&") if query else ():
        name, equals, value = part.partition("=")
        if not (equals and name.isidentifier()) or name in options:
            raise InvalidValueError(
                f"an agent's options are written ?name=value&name=value, each once; got {part!r} in {text!r}."
            )
        options[name] = read_value(unquote(value))
    return options


def _check_reference(name: str) -> str:
    module, _, attribute = name.partition(":")
    if module.endswith(".py") or "/" in module or "\\" in module:
        advice = module.removesuffix(".py").replace("\\", "/").strip("./").replace("/", ".")
        raise InvalidValueError(f"{name!r} names a file; name its module, as in '{advice}:{attribute}'.")
    if not all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")]):
        raise InvalidValueError(f"an agent is {_FORMS}; got {name!r}.")
    return name


def _find_factory(spec: AgentSpec) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Returns what makes the agent, and its options."""
    if spec.kind == "endpoint":
        address, _, model = spec.name.partition("#")
        return functools.partial(_load(_ENDPOINT), address, model), dict(spec.options)
    if spec.kind == "builtin":
        reference, _, query = BUILTIN[spec.name].partition("?")
        return _load(reference), _read_query(query, BUILTIN[spec.name]) | dict(spec.options)
    if spec.kind == "entry_point":
        point = _registered(spec.name)
        return _load(f"{point.module}:{point.attr}"), dict(spec.options)
    _see_current_folder()
    return _load(spec.name), dict(spec.options)


def _see_current_folder() -> None:
    if "" not in sys.path:  # a script of the console does not look for modules where the person is
        sys.path.append("")


def is_module(name: str) -> bool:
    """Returns whether a module or package ``name``, without a dot, can be found; nothing is imported."""
    _see_current_folder()
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # one that is half imported has no spec
        return name in sys.modules


def check_agents_exist(agents: Iterable[str]) -> None:
    """Checks what can be known of agents without importing them: their names' form, and their packages.

    Raises:
        InvalidValueError: a name of another form, or a module that can't be found.
        UnknownNameError: neither a built-in nor registered.
    """
    for agent in agents:
        spec = parse_agent_spec(agent)
        package = spec.name.partition(":")[0].partition(".")[0]
        if spec.kind == "module" and not is_module(package):
            raise _no_module(package, spec.name)


def _registered(name: str) -> EntryPoint:
    found = list(entry_points(group=ENTRY_POINT_GROUP, name=name))
    if len({point.value for point in found}) > 1:
        values = ", ".join(sorted(point.value for point in found))
        raise InvalidValueError(f"several packages register an agent {name!r}: {values}; name one of these.")
    return found[0]


def _load(reference: str) -> Callable[..., Any]:
    module_name, _, path = reference.partition(":")
    try:
        module = importlib.import_module(module_name)
    except LmgymError:
        raise
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise _not_importable(module_name, error) from error
        raise _no_module(error.name, reference) from error
    except Exception as error:  # importing runs the author's code
        raise _not_importable(module_name, error) from error
    try:
        factory = functools.reduce(getattr, path.split("."), module)
    except AttributeError as error:
        own = [name for name, value in vars(module).items() if _is_made_in(value, module_name)]
        raise UnknownNameError(f"agent of module {module_name!r}", path, own) from error
    if not callable(factory):
        raise InvalidValueError(f"{reference!r} is a {type(factory).__name__}; name a class, or a function.")
    return factory


def _is_made_in(value: object, module: str) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module


def _no_module(name: str, reference: str) -> InvalidValueError:
    return InvalidValueError(
        f"there is no module {name!r} to import the agent {reference!r} from. Is it installed, or "
        "its folder the current one or on PYTHONPATH?"
    )


def _not_importable(module: str, error: BaseException) -> InvalidValueError:
    return InvalidValueError(f"module {module!r} can't be imported: {describe_error(error)}.")


def _check_options(spec: AgentSpec, factory: Callable[..., Any], options: Mapping[str, Any]) -> None:
    try:
        parameters = dict(inspect.signature(factory).parameters)
    except (TypeError, ValueError):  # some built-in classes hide their parameters
        return
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    named = {
        name: parameter.default
        for name, parameter in parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    for name in options:
        if name not in named and not takes_any:
            raise UnknownNameError(f"option of agent {spec.name!r}", name, named)
    missing = [
        name
        for name, default in named.items()
        if default is inspect.Parameter.empty and name not in options and name != "seed"
    ]
    if missing:
        raise InvalidValueError(
            f"agent {spec.text!r} needs {', '.join(missing)}; write "
            f"{spec.name}?{'&'.join(f'{name}=…' for name in missing)}."
        )

"""The web application: the files of the page, and four addresses that speak JSON.

Comes in: requests that the guard let through. Goes out: the page, what is asked next, what has been said.
Left out: who may ask (``lmgym.preferences.label.guard``), what is kept (``lmgym.preferences.label.desk``).
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

from lmgym.errors import InvalidValueError, MissingDependencyError
from lmgym.preferences.label.desk import Conflict, Desk, parse_saying
from lmgym.preferences.label.figures import make_figures
from lmgym.preferences.label.guard import App, Guard, Keys
from lmgym.preferences.label.view import show_state
from lmgym.preferences.log import PreferenceLogError
from lmgym.preferences.record import read_json

_TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_NAMES: Final = ("index.html", "style.css", "page.js", "server.js", "text.js", "icon.svg")

_ENTRY: Final = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={folder}/">
<link rel="icon" href="{folder}/icon.svg"><title>lmgym label</title>
<p><a href="{folder}/">Go on to the questions</a></p></html>
"""


def make_app(desk: Desk, keys: Keys, port: int, *, compare: Sequence[str | Path] = ()) -> App:
    """Returns the guarded ASGI application of one rater's desk.

    Args:
        desk: the questions and the log.
        keys: the secrets of this server.
        port: where it listens.
        compare: preference files of other raters, for the figures.

    Raises:
        MissingDependencyError: starlette is not installed.
    """
    starlette = load_package("starlette.applications")
    routing, responses = load_package("starlette.routing"), load_package("starlette.responses")
    run_aside = load_package("starlette.concurrency").run_in_threadpool
    files = read_page()

    async def enter(request: Any) -> Any:
        page = _ENTRY.format(folder=keys.folder)  # a redirect would come without a cookie that is Strict
        return responses.HTMLResponse(page, headers={"Set-Cookie": keys.cookie})

    async def give_file(request: Any) -> Any:
        name = request.path_params.get("name", "index.html")
        if name not in files:
            return responses.PlainTextResponse("there is no such file", status_code=404)
        return responses.Response(files[name], media_type=_TYPES[name.rpartition(".")[2]])

    async def give_state(request: Any) -> Any:
        return responses.JSONResponse(await run_aside(show_state, desk))

    async def give_figures(request: Any) -> Any:
        try:
            return responses.JSONResponse(await run_aside(make_figures, desk, compare))
        except PreferenceLogError as error:
            return responses.JSONResponse({"error": str(error)}, status_code=503)

    async def take_saying(request: Any) -> Any:
        try:
            saying = parse_saying(read_json(await request.body()))
            await run_aside(desk.hear, saying)
        except InvalidValueError as error:
            return responses.JSONResponse({"error": str(error)}, status_code=400)
        except Conflict as error:
            return responses.JSONResponse(
                {"error": str(error), "state": await run_aside(show_state, desk)}, status_code=409
            )
        except PreferenceLogError as error:
            return responses.JSONResponse({"error": str(error)}, status_code=503)
        return responses.JSONResponse(await run_aside(show_state, desk))

    folder, get, route = keys.folder, ["GET"], routing.Route
    routes = [
        route(f"{folder}/enter/{{token}}", enter, methods=get),
        route(f"{folder}/", give_file, methods=get),
        route(f"{folder}/{{name}}", give_file, methods=get),
        route(f"{folder}/api/state", give_state, methods=get),
        route(f"{folder}/api/figures", give_figures, methods=get),
        route(f"{folder}/api/say", take_saying, methods=["POST"]),
    ]
    app = starlette.Starlette(routes=routes)
    app.router.redirect_slashes = False
    return Guard(app, keys, port)


def read_page() -> dict[str, bytes]:
    """Returns the files of the page by name; nothing else is ever read for a request."""
    folder = resources.files("lmgym.preferences.label") / "page"
    return {name: (folder / name).read_bytes() for name in _NAMES}


def load_package(name: str) -> Any:
    """Returns a module of the web framework.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingDependencyError(
            f'`lmgym label` needs {name.partition(".")[0]}: pip install "lmgym[label]"'
        ) from error

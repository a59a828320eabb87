"""Runs the web application on the loopback interface, until it is interrupted."""

from __future__ import annotations

import socket
from typing import Any

from lmgym.errors import InvalidValueError
from lmgym.preferences.label.app import load_package
from lmgym.preferences.label.guard import App

LOOPBACK = "127.0.0.1"


def open_socket(port: int = 0) -> socket.socket:
    """Returns a socket that listens on the loopback interface alone.

    Args:
        port: where, in [0, 65535]; 0 takes any free one.

    Raises:
        InvalidValueError: no such port, or somebody else listens there.
    """
    if not 0 <= port <= 65535:
        raise InvalidValueError(f"port must be in [0, 65535], got {port}; 0 takes any free one.")
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((LOOPBACK, port))
        found.listen(64)
    except OSError as error:
        found.close()
        raise InvalidValueError(f"port {port} can't be had: {error.strerror}. Give another, or 0.") from error
    return found


def make_server(app: App) -> Any:
    """Returns a server of ``app`` that writes no log, since addresses hold the token; ``run(sockets=[...])``.

    Raises:
        MissingDependencyError: uvicorn is not installed.
    """
    uvicorn = load_package("uvicorn")
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=64,
        h11_max_incomplete_event_size=16384,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)

"""What stands before the page: who may come in, with what, and what the answers tell a browser.

Comes in: HTTP requests from anybody who can reach the loopback interface, which includes every web page that
is open in a browser on this machine. Goes out: the requests that came from our own page, and refusals of all
others; each answer with the headers that keep it from running, leaking or being framed. Left out: what the
page does (``lmgym.preferences.label.app``).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES: Final = 4096
"""Longest body of a request."""
COOKIE: Final = "lmgym-label"

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Keys:
    """The secrets of one server: the token of its address, the cookie that follows it, and its folder."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)
        self._cookie = secrets.token_urlsafe(24)
        # Cookies don't know ports: in a folder of its own it is not sent to other servers of this machine.
        self.folder = f"/{secrets.token_hex(4)}"

    @property
    def entry(self) -> str:
        """Returns the path with the token."""
        return f"{self.folder}/enter/{self.token}"

    @property
    def cookie(self) -> str:
        """Returns the header that gives the browser its cookie."""
        return f"{COOKIE}={self._cookie}; Path={self.folder}/; HttpOnly; SameSite=Strict"

    def is_token(self, text: str) -> bool:
        """Tells in constant time whether ``text`` is the token."""
        return hmac.compare_digest(text.encode("utf-8", "replace"), self.token.encode())

    def is_cookie(self, header: str) -> bool:
        """Tells whether a Cookie header holds our cookie, among any others; compares in constant time."""
        pairs = [part.strip().partition("=") for part in header.split(";")]
        values = [value.encode("utf-8", "replace") for name, _, value in pairs if name == COOKIE]
        return any([hmac.compare_digest(value, self._cookie.encode()) for value in values])


class Guard:
    """Lets requests of our own page through to an ASGI application and refuses all others."""

    def __init__(self, app: App, keys: Keys, port: int) -> None:
        """Guards ``app``.

        Args:
            app: what is guarded.
            keys: the secrets of this server.
            port: where it listens; the Host header must name it.
        """
        self._app = app
        self._keys = keys
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        assert scope["type"] == "http", scope["type"]  # the server is started without the other protocols
        sender = _with_headers(send)
        refusal = self._refuse(scope)
        if scope["method"] == "POST":  # also of a refused one, or closing could overtake the answer
            body = await _read_body(receive)
            if body is None:
                refusal = refusal or (413, f"a request may have {MAX_BODY_BYTES} bytes")
            else:
                receive = _replay(body)
        if refusal is not None:
            await _answer(sender, *refusal)
        else:
            await self._app(scope, receive, sender)

    def _refuse(self, scope: Scope) -> tuple[int, str] | None:
        """Returns status and reason, or None for a request that may pass."""
        hosts = _values(scope, b"host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return (
                421,
                "this server is not known by that name",
            )  # a foreign name that points here: DNS rebinding
        if scope["method"] not in ("GET", "POST"):
            return 405, "only GET and POST"
        if any(site not in ("same-origin", "none") for site in _values(scope, b"sec-fetch-site")):
            return self._refuse_foreign(scope)
        if scope["method"] == "POST":
            if _values(scope, b"origin") != [f"http://{hosts[0]}"]:
                return 403, "a request of another page"
            if _values(scope, b"content-type") != ["application/json"]:
                return 415, "a request must be application/json"
        return self._refuse_stranger(scope)

    def _refuse_foreign(self, scope: Scope) -> tuple[int, str] | None:
        """Lets a link on another page lead to the entry, whose path is the secret, and nowhere else."""
        return None if self._holds_token(scope["path"]) else (403, "a request of another page")

    def _refuse_stranger(self, scope: Scope) -> tuple[int, str] | None:
        if self._keys.is_cookie("; ".join(_values(scope, b"cookie"))) or self._holds_token(scope["path"]):
            return None
        return 403, "open the address that `lmgym label` has printed"

    def _holds_token(self, path: str) -> bool:
        prefix, _, token = path.rpartition("/")
        return prefix == f"{self._keys.folder}/enter" and self._keys.is_token(token)


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _with_headers(send: Send) -> Send:
    own = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *own]
        await send(message)

    return sender


async def _read_body(receive: Receive) -> bytes | None:
    """Returns the body, or None when it is too long or the client has left."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body.extend(message.get("body", b""))
        if len(body) > MAX_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _answer(send: Send, status: int, reason: str) -> None:
    head = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": reason.encode()})

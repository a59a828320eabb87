"""Runs the labelling page in a thread, as tests need it, and speaks with it over real connections."""

from __future__ import annotations

import http.client
import json
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from lmgym.preferences.annotators import Comparison
from lmgym.preferences.label.app import make_app
from lmgym.preferences.label.desk import Desk
from lmgym.preferences.label.guard import Keys
from lmgym.preferences.label.questions import make_pairs
from lmgym.preferences.label.schedule import make_schedule
from lmgym.preferences.label.serving import make_server, open_socket
from lmgym.preferences.log import PreferenceLog


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Speaks with a server as its page does; every header can be another one."""

    def __init__(self, address: str) -> None:
        host, _, path = address.removeprefix("http://").partition("/")
        self.address, self.host, self.entry = address, host, f"/{path}"
        self.folder = self.entry.rpartition("/enter/")[0]
        self.port = int(host.partition(":")[2])
        self.cookie = ""

    def enter(self) -> Answer:
        answer = self.get(self.entry, headers={"Cookie": None})
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer

    def get(self, path: str, headers: Mapping[str, str | None] | None = None) -> Answer:
        return self.request("GET", path, headers=headers)

    def post(self, body: Any, headers: Mapping[str, str | None] | None = None) -> Answer:
        own = {"Origin": f"http://{self.host}", "Content-Type": "application/json"}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", f"{self.folder}/api/say", data, own | dict(headers or {}))

    def state(self) -> Any:
        return self.get(f"{self.folder}/api/state").json

    def say(self, state: Any, verdict: str, **changed: Any) -> Answer:
        return self.post(make_saying(state, verdict) | changed)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        sent = {"Host": self.host, "Cookie": self.cookie} | dict(headers or {})
        name, _, port = self.host.partition(":")
        connection = http.client.HTTPConnection(name, int(port), timeout=20)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            if body is not None and "Content-Length" not in sent:
                sent["Content-Length"] = str(len(body))
            for key, value in sent.items():
                if value is not None:
                    connection.putheader(key, value)
            connection.endheaders(body)
            response = connection.getresponse()
            found = {key.lower(): value for key, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()


def make_saying(state: Any, verdict: str) -> dict[str, Any]:
    """What the page would send about the open question of ``state``."""
    saying = {"rater": state["rater"], "say": verdict, "confidence": None, "duration_s": 1.5}
    if verdict == "undo":
        return saying | {"duration_s": 0} | state["undo"]
    return saying | {"question": state["question"]["id"], "request": secrets.token_hex(16)}


@contextmanager
def serve(
    questions: Sequence[Comparison],
    out: Path,
    *,
    rater: str = "anna",
    port: int = 0,
    compare: Sequence[Path] = (),
    **options: Any,
) -> Iterator[tuple[Client, Desk]]:
    """Yields a client that has not entered yet, and the desk behind the server."""
    schedule = make_schedule(make_pairs(questions), rater=rater, **options)
    with PreferenceLog(out) as log, open_socket(port) as listener:
        desk, keys, port = Desk(schedule, log, rater=rater), Keys(), listener.getsockname()[1]
        server = make_server(make_app(desk, keys, port, compare=compare))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Client(f"http://127.0.0.1:{port}{keys.entry}"), desk
        finally:
            server.should_exit = True
            thread.join(20)

"""The judge against a real server over a real socket, in this process, that does what servers do."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lmgym.judges import EndpointJudge
from lmgym.preferences import Comparison

Act = Callable[..., None]


class Server:
    """Does what is in ``acts``, one for each request, the last one for ever."""

    def __init__(self, *acts: Act) -> None:
        self.acts, self.requests = list(acts), []
        self.released = threading.Event()
        self.connections: list[socket.socket] = []
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                outer.connections.append(self.connection)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with lock:
                    outer.requests.append((self.path, body))
                    act = outer.acts.pop(0) if len(outer.acts) > 1 else outer.acts[0]
                try:
                    act(self, body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/v1"

    def close(self) -> None:
        """Dies, with all connections; may be called twice."""
        self.released.set()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.http.shutdown()
        self.http.server_close()
        self.thread.join(20)


def send(status: int, body: bytes, kind: str = "application/json", **headers: str) -> Act:
    def act(handler: BaseHTTPRequestHandler, request: object = None) -> None:
        handler.send_response(status)
        handler.send_header("content-type", kind)
        handler.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return act


def verdict(value: object) -> Act:
    content = json.dumps({"verdict": value})
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return send(200, json.dumps({"choices": [choice]}).encode())


def hang_up(handler: BaseHTTPRequestHandler, request: object) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def die_midway(handler: BaseHTTPRequestHandler, request: object) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')
    handler.wfile.flush()
    hang_up(handler, request)


def nonsense(handler: BaseHTTPRequestHandler, request: object) -> None:
    handler.wfile.write(b"\x00\x01 this is no HTTP \r\n\r\n")
    handler.close_connection = True


def flood(handler: BaseHTTPRequestHandler, request: object) -> None:
    handler.send_response(200)
    handler.send_header("connection", "close")
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b" " * 65536)
    handler.close_connection = True


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*acts: Act) -> Server:
        servers.append(Server(*acts))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def make_judge(server: Server, naps: list[float], **options: object) -> EndpointJudge:
    settings = {"concurrency": 1, "sleep": naps.append, "jitter": lambda: 1.0, "timeout_s": 20.0} | options
    return EndpointJudge(server.address, "m", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("failure", [hang_up, die_midway, nonsense, send(500, b"oops"), send(503, b"")])
def test_a_failure_that_passes_costs_a_retry(failure, serve):
    server, naps = serve(failure, failure, failure, verdict(10)), []
    judge = make_judge(server, naps)
    scores = judge.score(["q"], ["x"])
    assert scores.values.tolist() == [1.0] and not scores.failed.any()
    assert naps == [1.0, 2.0, 4.0] and len(server.requests) == 4
    judge.close()


def test_the_pause_that_a_server_asks_for_is_kept(serve):
    server, naps = serve(send(429, b"", Retry_After="17"), verdict(10)), []
    judge = make_judge(server, naps)
    assert judge.score(["q"], ["x"]).values.tolist() == [1.0] and naps == [17.0]
    judge.close()


@pytest.mark.parametrize(
    "answer",
    [
        flood,
        send(200, b"{"),
        send(200, b"<html>Sign in</html>", "text/html"),
        send(200, b"\x89PNG\r\n", "image/png"),
        send(200, b"x", content_encoding="gzip"),
    ],
)
def test_an_answer_that_can_not_be_used_is_no_verdict(answer, serve):
    server, naps = serve(answer), []
    judge = make_judge(server, naps)
    scores = judge.score(["q"], ["x"])
    assert scores.failed.all() and scores.reasons[0].startswith("unusable") and naps == []
    judge.close()


def test_a_redirect_is_not_followed_and_the_key_goes_nowhere(serve, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "sk-secret")
    other = serve(verdict(10))
    server = serve(send(307, b"", Location=other.address + "/chat/completions"))
    judge = make_judge(server, [], api_key_env="JUDGE_KEY")
    assert judge.score(["q"], ["x"]).reasons[0].startswith("refused: status 307")
    assert len(server.requests) == 1 and not other.requests
    judge.close()


def test_a_server_that_never_answers_is_a_timeout(serve):
    server = serve(lambda handler, request: server.released.wait(60) and None)
    judge = make_judge(server, [], timeout_s=0.05, max_retries=1)
    scores = judge.score(["q"], ["x"])
    assert scores.failed.all() and scores.reasons[0].startswith("timeout") and judge.costs.requests == 2
    server.released.set()
    judge.close()


def test_a_server_that_is_gone_is_unreachable_and_what_it_said_before_counts(serve, tmp_path):
    server, naps = serve(verdict("A"), verdict("B")), []
    cache = tmp_path / "judge.sqlite"
    judge = make_judge(server, naps, max_retries=1, breaker_after=2, cache=cache)
    assert judge.annotate([Comparison("q", ("x", "y"))])[0].ranks == (0, 1)
    server.close()
    found = judge.annotate([Comparison("q", ("x", "y")), *[Comparison("q", ("x", f"{i}")) for i in range(9)]])
    assert found[0].ranks == (0, 1)
    assert all(judgement.ranks is None for judgement in found[1:])
    assert all(judgement.reason.startswith("unreachable") for judgement in found[1:])
    assert judge.costs.requests == 2 + 2 * 2, "two questions with a retry each, then it was left alone"
    judge.close()


def test_many_questions_side_by_side_come_back_in_order(serve):
    def mark(handler: BaseHTTPRequestHandler, body: dict[str, object]) -> None:
        number = int(str(body["messages"][1]["content"]).split("number ")[1].split()[0])  # type: ignore[index]
        verdict(1 + number % 10)(handler)

    server = serve(mark)
    judge = make_judge(server, [], concurrency=8)
    scores = judge.score(["q"] * 64, [f"number {i}" for i in range(64)])
    assert scores.values.tolist() == [pytest.approx((i % 10) / 9) for i in range(64)]
    assert len(server.requests) == 64 and {path for path, _ in server.requests} == {"/v1/chat/completions"}
    judge.close()

"""Users of ``lmgym/Chat-v0`` who are not scripted: functions, endpoints, and what becomes of their words."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import lmgym  # noqa: F401
from lmgym.conversation import MARKS, Message, read_conversation, readable
from lmgym.errors import InvalidValueError
from lmgym.records import Transcript, Turn
from lmgym.tasks.chat import Chat, EndpointUser, Goal, UserFailedError
from lmgym.tasks.chat import endpoint_user as endpoint_user_module
from lmgym.tasks.chat.users import DONE, MAX_USER_CHARS, clean, is_leaving, turned_round

pytest.importorskip("httpx", reason="httpx is not installed: pip install lmgym[judge]")


def play(task: Chat, texts: tuple[str, ...], index: int = 0) -> Transcript:
    problem = task.problem("train", index)
    state, turns = task.start(problem), list[Turn]()
    for text in texts:
        turns.append(Turn("agent", text))
        state, reply, is_over = task.respond(state, turns[-1])
        if is_over:
            return Transcript(problem, tuple(turns), terminated=True)
        if reply is not None:
            turns.append(Turn("environment", reply))
    return Transcript(problem, tuple(turns))


def test_a_function_is_a_user_and_is_asked_once_about_each_conversation() -> None:
    calls: list[tuple[Message, ...]] = []

    def ask(messages: Any, goal: Goal) -> str | None:
        calls.append(messages)
        return None if len(messages) > 4 else f"And then? You said {messages[-1].content}."

    task = Chat(user=ask, num_turns=5)
    one = play(task, ("first", "second", "third"))
    assert one == play(task, ("first", "second", "third")) and len(calls) == 2
    assert one.terminated and [turn.role for turn in one.turns] == ["agent", "environment", "agent"]
    assert read_conversation(one.turns[1].text) == [Message("user", "And then? You said first.")]
    assert [message.role for message in calls[1]] == ["system", "user", "assistant", "user", "assistant"]
    play(task, ("another",))
    assert len(calls) == 3
    assert len(play(task, ("a", "b", "c", "d", "e", "f")).turns) == 3


def test_an_equal_message_in_another_conversation_gets_a_reply_of_its_own() -> None:
    task = Chat(user=lambda messages, goal: f"{len(messages)} messages", num_turns=3)
    replies = [play(task, texts).turns[-1].text for texts in (("same",), ("other", "same"))]
    assert [read_conversation(text)[0].content for text in replies] == ["3 messages", "5 messages"]


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("  Hello \n there\t!", "Hello there !"),
        (f"{MARKS}Hi", "\ufffd\ufffd\ufffd\ufffdHi"),
        ("a\x00b\x1b[31mc", "a b [31mc"),
        ("\ud800x\udfff", "x"),
        ("a\u202eb\u200bc", "a b c"),
        ("word " * 1000, ("word " * 40).strip()),
        ("x" * 10**6, "x" * MAX_USER_CHARS),
        ("", ""),
    ],
)
def test_what_a_user_says_is_cleaned(said: str, heard: str) -> None:
    assert clean(said) == heard
    if heard:
        transcript = play(Chat(user=lambda messages, goal: said, num_turns=2), ("a",))
        assert read_conversation(transcript.turns[1].text) == [Message("user", heard)]
        assert len(transcript.turns[1].text) <= Chat(user=clean, num_turns=2).max_reply_chars


def test_a_user_who_fails_makes_an_error_and_never_a_wrong_answer() -> None:
    def fail(messages: Any, goal: Goal) -> str:
        raise UserFailedError("no line")

    for user in (fail, lambda messages, goal: 7):
        task = Chat(user=user, num_turns=3)
        transcript = play(task, ("Certainly.",))
        assert transcript.terminated
        assert task.verify(transcript)[:2] == ("error", "user")
        assert task.utility(transcript) is None and task.utility_parts(transcript) is None
    leaves = Chat(user=lambda messages, goal: None, num_turns=3)
    assert leaves.verify(play(leaves, ("Certainly.",)))[0] == "wrong"


def test_an_error_of_the_user_fails_the_row_of_the_environment() -> None:
    def fail(messages: Any, goal: Goal) -> str:
        raise UserFailedError("no line")

    env = gym.make("lmgym/Chat-v0", granularity="response", user=fail, num_turns=3)
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step("Certainly.")
    assert terminated and reward == 0 and info["reward_failed"] and info["status"] == "error"


def test_goals_are_told_in_words() -> None:
    problem = Chat(level=6).problem("train", 0)
    lines = problem.reference.goal.describe().splitlines()
    assert len(lines) == 4 and all(
        line.startswith(f"{n}. You want to know ") for n, line in enumerate(lines, 1)
    )


def test_the_model_that_plays_the_user_sees_its_own_side() -> None:
    goal = Goal((), description="You want tea.")
    messages = [
        Message("system", "SECRET"), Message("user", "Tea?"), Message("assistant", "No."),
        Message("user", "Why?"), Message("assistant", "None left."),
    ]  # fmt: skip
    told = turned_round(messages, goal)
    assert [message.role for message in told] == ["system", "user", "assistant", "user"]
    assert [message.content for message in told[1:]] == ["No.", "Why?", "None left."]
    assert "You want tea." in told[0].content and told[0].content.endswith("You began with: Tea?")
    assert "SECRET" not in repr(told)
    assert is_leaving(f" {DONE.lower()}. ") and not is_leaving("I am done here")


Answer = Callable[[int, dict[str, Any]], tuple[int, Any]]


@contextmanager
def serve(answer: Answer) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serves chat completions; ``answer(number, request)`` gives status and body."""
    requests: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            requests.append({**body, "path": self.path, "key": self.headers.get("Authorization")})
            status, content = answer(len(requests), body)
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(text: object) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": text}}]}


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr(endpoint_user_module.time, "sleep", taken.append)
    return taken


def test_an_endpoint_is_asked_greedily_with_a_seed_and_only_once() -> None:
    def answer(number: int, request: dict[str, Any]) -> tuple[int, Any]:
        return 200, says("And the other one?" if len(request["messages"]) < 4 else "DONE.")

    with serve(answer) as (url, requests):
        with EndpointUser(url, "m", api_key="k", seed=3) as user:
            task = Chat(level=3, user=user, num_turns=4)
            transcript = play(task, ("Enjoy.", "At 9:15."))
            assert play(task, ("Enjoy.", "At 9:15.")) == transcript
    assert transcript.terminated and len(requests) == 2
    assert readable(transcript.turns[1].text) == "\nUser: And the other one?\nAssistant: "
    first = requests[0]
    assert (first["path"], first["key"]) == ("/v1/chat/completions", "Bearer k")
    assert (first["model"], first["temperature"], first["seed"], first["max_tokens"]) == ("m", 0, 3, 64)
    assert [message["role"] for message in requests[1]["messages"]] == ["system", "user", "assistant", "user"]
    assert task.verify(transcript).status == "wrong"  # the user left: that is no error


def test_an_endpoint_that_is_busy_is_asked_again(pauses: list[float]) -> None:
    with (
        serve(lambda number, request: (503, b"busy") if number < 3 else (200, says("More?"))) as (
            url,
            requests,
        ),
        EndpointUser(url, "m") as user,
    ):
        assert user.reply([Message("user", "Hi"), Message("assistant", "Yes")], Goal(())) == "More?"
    assert len(requests) == 3 and pauses == [0.5, 1.0]


@pytest.mark.parametrize(
    ("status", "body", "num_requests"),
    [
        (503, b"", 3),
        (401, b"who?", 1),
        (200, b"not json", 1),
        (200, {}, 1),
        (200, {"choices": []}, 1),
        (200, says(None), 1),
        (200, says(7), 1),
        (200, says("  \n"), 1),
        (200, b"[" * 100_000, 1),
        (200, b" " * (1 << 21), 1),
        (200, b"\xff\xfe\x00", 1),
    ],
    ids=range(11),
)
def test_an_endpoint_that_fails_is_an_error_of_the_user(status: int, body: Any, num_requests: int) -> None:
    with (
        serve(lambda number, request: (status, body)) as (url, requests),
        EndpointUser(url, "m", max_retries=2) as user,
    ):
        task = Chat(user=user, num_turns=2)
        transcript = play(task, ("Enjoy.",))
        assert task.verify(transcript)[:2] == ("error", "user")
        play(task, ("Enjoy.",))  # remembered
    assert len(requests) == num_requests


def test_an_endpoint_that_is_not_there_is_an_error_of_the_user(pauses: list[float]) -> None:
    with serve(lambda number, request: (200, says("x"))) as (url, _):
        pass
    with EndpointUser(url, "m", max_retries=6) as user, pytest.raises(UserFailedError, match="7 requests"):
        user.reply([Message("user", "Hi")], Goal(()))
    assert pauses == [0.5, 1, 2, 4, 8, 8]


def test_bad_options_are_refused() -> None:
    for url, options in (
        ("127.0.0.1", {}), ("http://x", {"timeout_s": 0.0}), ("http://x", {"max_retries": -1}),
        ("http://x", {"max_tokens": 0}), ("http://x", {"seed": -1}),
        ("http://x", {"timeout_s": float("nan")}),
    ):  # fmt: skip
        with pytest.raises(InvalidValueError):
            EndpointUser(url, "m", **options)  # type: ignore[arg-type]


def test_demonstrations_for_a_free_user_answer_in_order() -> None:
    task = Chat(level=3, user=lambda messages, goal: "And?", num_turns=2, demonstration_quality=1.0)
    problem = task.problem("train", 1)
    texts = task.demonstrations(problem, np.random.default_rng(0))
    assert len(texts) == 2
    turns = tuple(Turn("agent", text) for text in texts)
    assert task.verify(Transcript(problem, turns, True)).status == "correct"

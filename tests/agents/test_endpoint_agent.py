"""A served model as an agent, against a server in this process: what is sent, and what failure does."""

from __future__ import annotations

import json
import re
import threading

import pytest

from lmgym.conversation import AGENT, END, SYSTEM, USER
from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym_agents.agent_specs import make_agent
from lmgym_agents.endpoint_agent import EndpointAgent
from lmgym_agents.errors import EndpointError
from lmgym_agents.evaluation import evaluate
from tests.lmgym.envs.chat_task import EchoChat
from tests.lmgym.judges.test_judge_server import Server, send

pytest.importorskip("httpx")


def say(answer, finish="stop", **usage):
    """Acts as a server of a model that says ``answer(request)``."""

    def act(handler, body):
        said = answer(body) if callable(answer) else answer
        choice = {"message": {"role": "assistant", "content": said}, "finish_reason": finish}
        if "prompt" in body:
            choice = {"text": said, "finish_reason": finish}
        send(200, json.dumps({"choices": [choice], "usage": usage}).encode())(handler)

    return act


def calculate(body):
    asked = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
    return str(sum(map(int, re.findall(r"\d+", asked))))


@pytest.fixture
def serve():
    servers = []

    def start(*acts):
        servers.append(Server(*acts))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def no_sleep(seconds):
    assert seconds >= 0


def test_a_served_model_is_evaluated_by_its_address(serve):
    server = serve(say(calculate, prompt_tokens=7, completion_tokens=2))
    agent = make_agent(f"{server.address}#org/adder:1?system=Add.&max_tokens=9", seed=4)
    result = evaluate(agent, "lmgym/Math-v0", num_problems=12)
    assert result.success.mean == 1 and result.num_failed == 0
    paths, bodies = zip(*server.requests, strict=True)
    assert set(paths) == {"/v1/chat/completions"} and len(bodies) == 12
    body = bodies[0]
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("org/adder:1", 9, 0.0)
    assert body["messages"][0] == {"role": "system", "content": "Add."}
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert 0 <= body["seed"] < 1 << 31 and "top_p" not in body and "stop" not in body
    assert agent.costs.prompt_tokens == 7 * 12
    agent.close()


def test_plain_completions(serve):
    server = serve(say(calculate))
    agent = EndpointAgent(server.address, "m", mode="completion", stop=["\n"])
    assert agent.act(["3+4=", "20+5="]) == ["7", "25"]
    path, body = server.requests[0]
    assert path == "/v1/completions" and "messages" not in body
    assert body["prompt"] in ("3+4=", "20+5=") and body["stop"] == ["\n"]
    agent.close()


def test_conversations_are_messages(serve):
    server = serve(say(lambda body: body["messages"][-1]["content"]))
    agent = EndpointAgent(server.address, "m", system="Be kind.")
    text = f"{SYSTEM}Echo.{END}{USER}Hi!{END}{AGENT}Hi!{END}{USER}Ho!{END}{AGENT}"
    assert agent.act([text]) == ["Ho!"]
    assert server.requests[0][1]["messages"] == [
        {"role": "system", "content": "Be kind.\n\nEcho."},
        {"role": "user", "content": "Hi!"},
        {"role": "assistant", "content": "Hi!"},
        {"role": "user", "content": "Ho!"},
    ]
    agent.close()


def test_a_chat_task_sends_messages(serve):
    server = serve(say(lambda body: "word"))
    agent = EndpointAgent(server.address, "m")
    evaluate(agent, EchoChat(), split="train", num_problems=2)
    messages = [message for _, body in server.requests for message in body["messages"]]
    assert {message["role"] for message in messages} >= {"user"}
    assert not any(mark in message["content"] for message in messages for mark in (USER, AGENT, END))
    assert not any("User: " in message["content"] for message in messages)
    agent.close()


def test_samples_of_one_observation_have_seeds_of_their_own_and_repeat(serve):
    server = serve(say(lambda body: str(body["seed"])))
    seeds = []
    for seed in (0, 0, 1):
        agent = EndpointAgent(server.address, "m", temperature=1, seed=seed)
        seeds.append([*agent.act(["a", "a", "b"]), *agent.act(["a"])])
        agent.close()
    assert seeds[0] == seeds[1] and not set(seeds[0]) & set(seeds[2])
    assert len(set(seeds[0])) == 4


def test_a_greedy_model_is_asked_once(serve):
    server = serve(say("x"))
    agent = EndpointAgent(server.address, "m")
    assert agent.act(["a"] * 5) == ["x"] * 5
    assert len(server.requests) == 1
    agent.close()


def test_a_failure_that_passes_is_tried_again(serve):
    server = serve(send(503, b"busy"), send(429, b"slow", retry_after="0"), say("5"))
    agent = EndpointAgent(server.address, "m", sleep=no_sleep)
    assert agent.act(["2+3="]) == ["5"]
    assert len(server.requests) == 3 and agent.costs.retries == 2
    agent.close()


@pytest.mark.parametrize(
    ("act", "match"),
    [
        (send(503, b"overloaded"), r"server: status 503: overloaded\. It was asked '2\+3='"),
        (send(404, b"no such model"), "refused: status 404: no such model"),
        (send(400, b"bad"), "unusable: status 400: bad"),
        (send(200, b"<html>"), "unusable: the answer is no completion in JSON"),
        (send(200, b'{"choices": []}'), "unusable: the answer is no completion in JSON"),
        (say(None, "tool_calls"), r"an answer without text \(finish_reason 'tool_calls'\)"),
        (say(None, "length"), "within max_tokens=512; raise it"),
        (say(["not", "text"]), "no text"),
    ],
)
def test_what_fails_for_good_ends_the_evaluation_by_name(serve, act, match):
    agent = EndpointAgent(serve(act).address, "my-model", max_retries=1, sleep=no_sleep)
    with pytest.raises(EndpointError, match=match) as caught:
        agent.act(["2+3="])
    assert "'my-model'" in str(caught.value) and "Nothing was scored" in str(caught.value)
    agent.close()


def test_a_server_that_is_not_there():
    agent = EndpointAgent("http://127.0.0.1:9/v1", "m", max_retries=0)
    with pytest.raises(EndpointError, match="unreachable"):
        evaluate(agent, "lmgym/Math-v0", num_problems=3)
    agent.close()


def test_a_model_that_declines_has_said_nothing(serve):
    agent = EndpointAgent(serve(say(None, "content_filter")).address, "m")
    assert agent.act(["2+3="]) == [""]
    agent.close()


def test_what_was_answered_before_a_failure_is_not_asked_again(serve, tmp_path):
    def fails_on_two(body):
        return None if body["messages"][-1]["content"] == "two" else "fine"

    server = serve(say(fails_on_two, ""))
    for count in range(2):
        agent = EndpointAgent(server.address, "m", cache=tmp_path / "answers.sqlite", concurrency=1)
        with pytest.raises(EndpointError, match="kept in the cache"):
            agent.act(["one", "two"])
        agent.close()
        assert [body["messages"][-1]["content"] for _, body in server.requests] == [
            "one",
            *["two"] * (count + 1),
        ]


def test_requests_are_under_way_together_and_no_more_than_allowed(serve):
    barrier, now, most = threading.Barrier(3, timeout=20), [0], [0]
    lock = threading.Lock()

    def answer(body):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        barrier.wait()
        with lock:
            now[0] -= 1
        return body["messages"][-1]["content"]

    agent = EndpointAgent(serve(say(answer)).address, "m", concurrency=3)
    texts = [f"text {i}" for i in range(9)]
    assert agent.act(texts) == texts
    assert most[0] == 3
    agent.close()


def test_a_lone_surrogate_is_sent_as_a_question_mark(serve):
    server = serve(say("x"))
    agent = EndpointAgent(server.address, "m")
    assert agent.act(["a\ud800b"]) == ["x"]
    assert server.requests[0][1]["messages"][-1]["content"] == "a?b"
    agent.close()


@pytest.mark.parametrize(
    ("query", "error", "match"),
    [
        ("temprature=1", UnknownNameError, "Did you mean 'temperature'"),
        ("temperature=hot", InvalidValueError, "temperature must be a number from 0, got 'hot'"),
        ("temperature=-1", InvalidValueError, "temperature must be a number from 0"),
        ("timeout_s=0", InvalidValueError, "timeout_s must be a number above 0"),
        ("max_tokens=0", InvalidValueError, "max_tokens must be an integer from 1"),
        ("concurrency=1.5", InvalidValueError, "concurrency must be an integer from 1"),
        ("mode=text", InvalidValueError, "mode must be 'chat' or 'completion'"),
        ("mode=completion&system=x", InvalidValueError, "plain completions"),
        ('extra_body={"seed": 1}', InvalidValueError, "extra_body can't set seed"),
        ("extra_body=3", InvalidValueError, "extra_body must be a mapping"),
        ("api_key_env=NO_SUCH_VARIABLE_HERE", InvalidValueError, "NO_SUCH_VARIABLE_HERE"),
    ],
)
def test_options_that_can_not_be(query, error, match):
    with pytest.raises(error, match=match):
        make_agent(f"http://127.0.0.1:9/v1#m?{query}")

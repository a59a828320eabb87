"""What an endpoint may do wrong: asked again, given up, or left alone; never a verdict that was not given."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from lmgym.judges.chat_client import MAX_RESPONSE_BYTES
from lmgym.judges.retries import CircuitBreaker
from tests.lmgym.judges.obeying_judge import reply
from tests.lmgym.judges.scripted_server import Clock, make_judge, says

KEY = "sk-very-secret-1234567890"


@pytest.mark.parametrize(
    ("response", "word"),
    [
        (reply(None), "unparsed"),
        (reply(['{"verdict": "A"}']), "unusable"),
        (reply('{"verdict": 10}', finish="length"), "unparsed"),
        (reply('{"verdict": 10}', finish="content_filter"), "refusal"),
        (
            httpx.Response(200, json={"choices": [{"message": {"content": None, "refusal": "No."}}]}),
            "refusal",
        ),
        (httpx.Response(200, json={"choices": []}), "unusable"),
        (httpx.Response(200, json=[]), "unusable"),
        (httpx.Response(200, json={"error": "busy"}), "unusable"),
        (httpx.Response(200, content=b"<html>"), "unusable"),
        (httpx.Response(200, content=b"[" * 100_000), "unusable"),
        (httpx.Response(200, content=b"\xff\xfe"), "unusable"),
        (httpx.Response(200, content=b""), "unusable"),
        (httpx.Response(204), "refused"),
        (httpx.Response(400, json={"error": "too long"}), "unusable"),
        (httpx.Response(401, json={"error": f"wrong key {KEY}"}), "refused"),
        (httpx.Response(404), "refused"),
        (httpx.Response(301, headers={"location": "http://other/v1/chat/completions"}), "refused"),
        (httpx.Response(307, headers={"location": "/elsewhere"}), "refused"),
    ],
)
def test_what_will_not_pass_is_asked_once_and_gives_no_verdict(response, word, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", KEY)
    hosts = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return response

    judge, clock = make_judge(answer, api_key_env="JUDGE_KEY")
    scores = judge.score(["q"], ["x"])
    assert scores.failed.tolist() == [True] and scores.reasons[0].partition(":")[0] == word
    assert hosts == ["judge"] and clock.naps == [] and KEY not in scores.reasons[0]


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(404, text=" " * (4096 - len(KEY) + 1) + KEY),
        httpx.Response(200, json={"choices": [{"message": {"content": f"Bearer {KEY}"}}]}),
        httpx.Response(200, json={"choices": [{"message": {"content": "{}"}, "finish_reason": KEY}]}),
    ],
)
def test_a_server_that_echoes_the_key_puts_no_part_of_it_on_record(response, monkeypatch, tmp_path):
    monkeypatch.setenv("JUDGE_KEY", KEY)
    judge, _ = make_judge(says(response), api_key_env="JUDGE_KEY", cache=tmp_path / "judge.sqlite")
    scores = judge.score(["q"], ["x"])
    judge.close()
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert KEY[:-1] not in scores.reasons[0] and KEY.encode() not in files


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 599])
def test_what_may_pass_is_asked_again_with_growing_pauses(status):
    judge, clock = make_judge(says(*[httpx.Response(status)] * 3, 10))
    assert judge.score(["q"], ["x"]).values.tolist() == [1.0]
    assert clock.naps == [1.0, 2.0, 4.0]
    assert (judge.costs.requests, judge.costs.retries, judge.costs.failures) == (4, 3, 0)


def test_it_gives_up_after_its_retries():
    judge, clock = make_judge(says(httpx.Response(503, text="over\nloaded")), max_retries=2)
    scores = judge.score(["q"], ["x"])
    assert scores.reasons == ("server: status 503: over loaded",) and len(clock.naps) == 2
    assert judge.costs.failures == 1


def test_pauses_are_jittered_between_nothing_and_their_bound():
    judge, clock = make_judge(says(httpx.Response(503)), jitter=iter([0.0, 0.5, 0.25, 1.0, 1.0]).__next__)
    judge.score(["q"], ["x"])
    assert clock.naps == [0.0, 1.0, 1.0, 8.0]


@pytest.mark.parametrize(
    ("header", "naps"), [("7", [7.0]), ("0", [1.0]), ("soon", [1.0]), ("-5", [1.0]), ("²", [1.0]),
    ("Wed, 21 Oct 2015 07:28:00 GMT", [1.0]), ("9" * 99, []), ("301", []), ("9" * 101, [1.0])],
)  # fmt: skip
def test_retry_after_is_honoured_unless_it_is_nonsense_or_too_long(header, naps):
    judge, clock = make_judge(says(httpx.Response(429, headers=[(b"retry-after", header.encode())]), 10))
    scores = judge.score(["q"], ["x"])
    assert clock.naps == naps and scores.failed.tolist() == [not naps]


def test_nothing_is_sent_or_waited_for_after_the_deadline():
    judge, clock = make_judge(says(httpx.Response(503)), deadline_s=5.0)
    scores = judge.score(["q"] * 3, ["x", "y", "z"])
    assert clock.now <= 1005.0 and scores.failed.all()
    assert scores.reasons[0].startswith("server")


def test_an_answer_that_drips_is_cut_by_the_timeout():
    clock = Clock()

    class Drip(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for _ in range(1000):
                clock.now += 1.0
                yield b" "

    judge, _ = make_judge(
        lambda request: httpx.Response(200, stream=Drip()), clock=clock, timeout_s=10.0, max_retries=0
    )
    assert judge.score(["q"], ["x"]).reasons[0].startswith("timeout") and clock.now < 1012


def test_a_huge_answer_is_not_read_to_its_end():
    sent = []

    class Flood(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for _ in range(1000):
                sent.append(1)
                yield b" " * 65536

    judge, _ = make_judge(lambda request: httpx.Response(200, stream=Flood()))
    assert judge.score(["q"], ["x"]).reasons[0].startswith("unusable")
    assert len(sent) * 65536 <= MAX_RESPONSE_BYTES + 2 * 65536


def test_a_compressed_answer_was_not_asked_for():
    judge, _ = make_judge(
        lambda request: httpx.Response(200, headers={"content-encoding": "br"}, stream=httpx.ByteStream(b"x"))
    )
    assert judge.score(["q"], ["x"]).reasons[0].startswith("unusable: a compressed")


def test_a_dead_server_is_left_alone_for_a_while_and_tried_again():
    alive = []

    def answer(request: httpx.Request) -> httpx.Response:
        if alive:
            return reply('{"verdict": 10}')
        raise httpx.ConnectError("refused")

    judge, clock = make_judge(answer, max_retries=0, breaker_after=3, breaker_pause_s=60.0)
    scores = judge.score(["q"] * 50, [f"x{i}" for i in range(50)])
    assert scores.failed.all() and judge.costs.requests == 3
    assert all(reason.startswith("unreachable") for reason in scores.reasons)
    clock.now += 61
    judge.score(["q"] * 5, [f"y{i}" for i in range(5)])
    assert judge.costs.requests == 4, "one question after the pause"
    clock.now += 61
    alive.append(True)
    assert not judge.score(["q"] * 5, [f"z{i}" for i in range(5)]).failed.any()


def test_after_the_pause_one_question_is_let_through_and_the_others_wait_for_it():
    clock = Clock()
    breaker = CircuitBreaker(2, 60.0, clock)
    breaker.failed()
    assert breaker.admits() and not breaker.is_open
    breaker.failed()
    assert not breaker.admits() and breaker.is_open
    clock.now += 60.0
    assert [breaker.admits(), breaker.admits()] == [True, False]
    breaker.succeeded()
    assert [breaker.admits(), breaker.admits()] == [True, True] and not breaker.is_open


def test_a_bad_question_says_nothing_of_the_server():
    judge, _ = make_judge(says(httpx.Response(400)), breaker_after=2)
    assert judge.score(["q"] * 9, [f"x{i}" for i in range(9)]).failed.all() and judge.costs.requests == 9

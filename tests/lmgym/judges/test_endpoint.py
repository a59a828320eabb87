from __future__ import annotations

import json
import threading

import httpx
import pytest

from lmgym.errors import InvalidValueError
from lmgym.judges import Budget, EndpointJudge, Judge, Prices, parse_constitution
from lmgym.preferences import Annotator, Comparison, make_preferences
from tests.lmgym.judges.obeying_judge import reply
from tests.lmgym.judges.scripted_server import Handler, make_judge, says

KEY = "sk-very-secret-1234567890"


def prefers(better: str) -> Handler:
    """Finds the answer that holds ``better`` better, wherever it stands."""

    def respond(request: httpx.Request) -> httpx.Response:
        text = json.loads(request.content)["messages"][1]["content"]
        first = text.partition("[begin answer B")[0]
        return reply('{"verdict": "A"}' if better in first else '{"verdict": "B"}')

    return respond


def test_it_is_an_annotator_and_a_judge():
    judge, _ = make_judge(prefers("good"))
    assert isinstance(judge, Annotator) and isinstance(judge, Judge) and judge.name == "judge:m"
    comparisons = [Comparison("q", ("bad", "good")), Comparison("q", ("good", "bad"), key="k")]
    records = make_preferences(judge, comparisons, now="2026-01-31T12:00:00Z")
    assert [record.winner for record in records] == [1, 0]
    assert [record.confidence for record in records] == [1.0, 1.0]
    assert records[1].extra == {"swap_disagrees": False, "key": "k"}


@pytest.mark.parametrize(
    ("verdicts", "ranks", "confidence", "disagrees"),
    [
        (("A", "B"), (0, 1), 1.0, False),
        (("B", "A"), (1, 0), 1.0, False),
        (("tie", "tie"), (0, 0), 1.0, False),
        (("A", "A"), (0, 0), 0.0, True),
        (("B", "B"), (0, 0), 0.0, True),
        (("A", "tie"), (0, 1), 0.5, True),
        (("tie", "A"), (1, 0), 0.5, True),
    ],
)
def test_both_orders_are_asked_and_their_disagreement_is_a_reported_tie(
    verdicts, ranks, confidence, disagrees
):
    judge, _ = make_judge(says(*verdicts))
    [judgement] = judge.annotate([Comparison("q", ("x", "y"))])
    assert (judgement.ranks, judgement.confidence) == (ranks, confidence)
    assert judgement.extra["swap_disagrees"] is disagrees


@pytest.mark.parametrize("place", [0, 1])
def test_without_one_of_the_two_there_is_no_verdict(place):
    verdicts: list[object] = ["A", "A"]
    verdicts[place] = "neither"
    judge, _ = make_judge(says(*verdicts))
    [judgement] = judge.annotate([Comparison("q", ("x", "y"))])
    assert judgement.ranks is None and judgement.reason.startswith("unparsed")
    assert judge.costs.unreadable == 1


def test_several_responses_are_ranked_by_their_points_over_all_pairs():
    def longer(request: httpx.Request) -> httpx.Response:
        text = json.loads(request.content)["messages"][1]["content"]
        a, b = (text.split(f"[begin answer {name}")[1].split("\n")[1] for name in "AB")
        return reply(json.dumps({"verdict": "tie" if len(a) == len(b) else "A" if len(a) > len(b) else "B"}))

    judge, _ = make_judge(longer)
    [judgement] = judge.annotate([Comparison("q", ("bb", "dddd", "cc", "a"))])
    assert judgement.ranks == (1, 0, 1, 2) and judge.costs.requests == 12


def test_equal_responses_tie_and_equal_questions_are_asked_once():
    judge, _ = make_judge(prefers("good"))
    found = judge.annotate([Comparison("q", ("x", "x")), *[Comparison("q", ("good", "bad"))] * 5])
    assert found[0].ranks == (0, 0) and judge.costs.requests == 2
    assert judge.annotate([]) == []


def test_a_repetition_is_another_question():
    seeds = []

    def note(request: httpx.Request) -> httpx.Response:
        seeds.append(json.loads(request.content)["seed"])
        return reply('{"verdict": "tie"}')

    judge, _ = make_judge(note, seed=7)
    judge.annotate([Comparison("q", ("x", "y"), repetition=number) for number in (0, 1, 2)])
    assert seeds[0] == 7 and len(set(seeds)) == 3


def test_marks_lie_on_the_scale_and_rows_without_one_are_failed_and_not_zero():
    judge, _ = make_judge(says(1, 5, 3, "great"), scale=(1, 5))
    scores = judge.score(["q"] * 4, ["w", "x", "y", "z"])
    assert scores.values.tolist() == [0.0, 1.0, 0.5, 0.0]
    assert scores.failed.tolist() == [False, False, False, True] and scores.reasons[3].startswith("unparsed")
    judge, _ = make_judge(says("pass", "fail"), mode="pass")
    assert judge.score(["q"] * 2, ["x", "y"]).values.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("budget", "requests"),
    [(Budget(requests=3), 3), (Budget(tokens=25), 3), (Budget(money=2e-5), 2), (Budget(requests=0), 0)],
)
def test_the_budget_stops_it(budget, requests):
    judge, _ = make_judge(says(10), budget=budget, prices=Prices(prompt=1.0, completion=1.0))
    scores = judge.score(["q"] * 9, [f"x{i}" for i in range(9)])
    assert judge.costs.requests == requests
    assert scores.failed.tolist() == [False] * requests + [True] * (9 - requests)
    assert scores.reasons[-1].startswith("budget")


def test_what_it_cost_is_counted():
    judge, _ = make_judge(says(10), prices=Prices(prompt=2.0, completion=10.0))
    judge.score(["q"] * 2, ["x", "y"])
    costs = judge.costs.as_dict()
    assert (costs["prompt_tokens"], costs["completion_tokens"], costs["requests"]) == (20, 4, 2)
    assert costs["money"] == pytest.approx(20 * 2e-6 + 4 * 10e-6)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        {},
        {"prompt_tokens": 3},
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": 1e9, "completion_tokens": 1},
    ],
)
def test_nonsense_about_tokens_is_not_believed(usage):
    body = {"choices": [{"message": {"content": '{"verdict": 10}'}}], "usage": usage}
    judge, _ = make_judge(says(httpx.Response(200, json=body)))
    judge.score(["q"], ["x"])
    assert (judge.costs.uncounted, judge.costs.prompt_tokens) == (1, 0)


def test_an_empty_answer_wins_nothing_whatever_it_is_compared_with():
    judge, _ = make_judge(says("A"))
    found = judge.win_rates(["q"] * 3, ["", ":", "Solution"], ["", ":", "an answer"])
    assert found.values.tolist() == [0.0] * 3 and not found.failed.any()
    assert judge.costs.requests == 0


def test_answers_are_kept_and_not_paid_for_twice(tmp_path):
    path = tmp_path / "folder" / "judge.sqlite"
    judge, _ = make_judge(says(10, 1), cache=path)
    first = judge.score(["q"] * 2, ["x", "y"])
    judge.close()
    again, _ = make_judge(says(httpx.Response(500)), cache=path)
    second = again.score(["q"] * 2, ["x", "y"])
    assert second.values.tolist() == first.values.tolist() == [1.0, 0.0]
    assert (again.costs.requests, again.costs.cached) == (0, 2)
    again.close()


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"temperature": 0.5}, {"max_tokens": 9}, {"extra_body": {"top_p": 0.9}}, {"scale": (1, 9)},
     {"secret": "s"}, {"mode": "pass"}, {"constitution": parse_constitution("1. The answer is short.")}],
)  # fmt: skip
def test_whatever_changes_the_question_misses_the_cache(change, tmp_path):
    path = tmp_path / "judge.sqlite"
    for options in ({}, change):
        judge, _ = make_judge(says("pass" if "mode" in options else 1), cache=path, **options)
        judge.score(["q"], ["x"])
        assert judge.costs.requests == 1
        judge.close()


def test_another_server_is_asked_itself(tmp_path):
    for address in ("http://one/v1", "http://two/v1", "http://two:8000/v1", "https://two:8000/v1"):
        transport = httpx.MockTransport(says(1))
        judge = EndpointJudge(address, "m", transport=transport, cache=tmp_path / "judge.sqlite")
        judge.score(["q"], ["x"])
        assert judge.costs.requests == 1
        judge.close()


def test_another_model_is_asked_itself(tmp_path):
    for model in ("one", "two"):
        transport = httpx.MockTransport(says(1))
        judge = EndpointJudge("http://one/v1", model, transport=transport, cache=tmp_path / "judge.sqlite")
        judge.score(["q"], ["x"])
        assert judge.costs.requests == 1
        judge.close()


def test_failures_are_not_kept(tmp_path):
    path = tmp_path / "judge.sqlite"
    judge, _ = make_judge(says(httpx.Response(401)), cache=path)
    judge.score(["q"], ["x"])
    judge.close()
    judge, _ = make_judge(says(10), cache=path)
    assert judge.score(["q"], ["x"]).values.tolist() == [1.0]
    judge.close()


def test_the_key_is_sent_and_stands_nowhere_else(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("JUDGE_KEY", KEY)
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["authorization"])
        return reply('{"verdict": 10}')

    path = tmp_path / "judge.sqlite"
    with caplog.at_level("DEBUG"):
        judge, _ = make_judge(answer, api_key_env="JUDGE_KEY", cache=path)
        judge.score(["q"], ["x"])
    judge.close()
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert sent == [f"Bearer {KEY}"]
    assert KEY not in json.dumps(judge.config) + repr(judge) + caplog.text and KEY.encode() not in files


@pytest.mark.parametrize("value", ["", " ", "a\nb", "schlüssel"])
def test_a_key_that_can_not_be_sent_is_the_callers_mistake(value, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", value)
    with pytest.raises(InvalidValueError, match="'JUDGE_KEY'"):
        make_judge(says(10), api_key_env="JUDGE_KEY")


def test_no_more_questions_than_allowed_are_under_way_and_progress_is_told():
    under_way, most = [], []
    lock = threading.Lock()
    both = threading.Barrier(2, timeout=20)

    def answer(request: httpx.Request) -> httpx.Response:
        with lock:
            under_way.append(1)
            most.append(len(under_way))
        both.wait()
        with lock:
            under_way.pop()
        return reply('{"verdict": 10}')

    told: list[tuple[int, int]] = []
    judge, _ = make_judge(
        answer, concurrency=2, on_progress=lambda done, total, costs: told.append((done, total))
    )
    assert not judge.score(["q"] * 8, [f"x{i}" for i in range(8)]).failed.any()
    assert max(most) == 2 and told == [(done, 8) for done in range(1, 9)]


def test_an_interrupt_ends_the_call_and_the_judge_can_be_used_again():
    def interrupt(done: int, total: int, costs: object) -> None:
        if done == 2 and total == 9:
            raise KeyboardInterrupt

    judge, _ = make_judge(says(10), on_progress=interrupt)
    with pytest.raises(KeyboardInterrupt):
        judge.score(["q"] * 9, [f"x{i}" for i in range(9)])
    assert not judge.score(["q"] * 2, ["x", "y"]).failed.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base_url": "judge/v1"}, "base_url"),
        ({"base_url": "ftp://judge/v1"}, "base_url"),
        ({"base_url": "http://:80/v1"}, "base_url"),
        ({"base_url": "http://judge:x/v1"}, "base_url"),
        ({"base_url": "http://judge/v1?key=1"}, "base_url"),
        ({"base_url": "http://user:secret@judge/v1"}, "password"),
        ({"mode": "rank"}, "mode"),
        ({"scale": (5, 1)}, "scale"),
        ({"scale": (1, 2, 3)}, "scale"),
        ({"concurrency": 0}, "concurrency"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"deadline_s": -1}, "deadline_s"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"extra_body": {"messages": []}}, "messages"),
        ({"extra_body": {"top_p": float("nan")}}, "extra_body"),
        ({"extra_body": {"stop": {"x"}}}, "extra_body"),
        ({"temperature": float("inf")}, "temperature"),
        ({"constitution": "no/such/file"}, "constitution"),
        ({"api_key_env": "NO_SUCH_VARIABLE_AT_ALL"}, "NO_SUCH_VARIABLE_AT_ALL"),
    ],
)
def test_what_can_not_be_used_is_named(arguments, message):
    with pytest.raises(InvalidValueError, match=message) as caught:
        EndpointJudge(**{"base_url": "http://judge/v1", "model": "m"} | arguments)
    assert "secret" not in str(caught.value)

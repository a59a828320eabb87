"""What the labelling page answers, and what it writes down."""

from __future__ import annotations

import json
import re
import socket
import threading

import pytest

from lmgym.preferences.annotators import Comparison
from lmgym.preferences.label.guard import MAX_BODY_BYTES
from lmgym.preferences.log import PreferenceLogError, read_preferences
from tests.lmgym.preferences.hostile_responses import HOSTILE
from tests.lmgym.preferences.label_server import make_saying, serve

pytest.importorskip("starlette", reason='needs pip install "lmgym[label]"')
pytest.importorskip("uvicorn", reason='needs pip install "lmgym[label]"')

QUESTIONS = [Comparison(f"prompt {i}", (f"first {i}", f"second {i}")) for i in range(40)]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class TestWhatIsAnswered:
    def test_every_answer_has_the_headers(self, client):
        folder = client.folder
        answers = [
            client.get(path) for path in (client.entry, f"{folder}/", f"{folder}/api/state", f"{folder}/x")
        ]
        answers += [client.post(b"{}"), client.get("/"), client.get("/", headers={"Host": "evil"})]
        answers += [client.post(b" " * 5000)]
        for answer in answers:
            assert HEADERS.items() <= answer.headers.items()
            assert "server" not in answer.headers and "access-control-allow-origin" not in answer.headers

    def test_the_files_of_the_page_are_given_with_their_types(self, client):
        types = {
            "": "text/html",
            "page.js": "text/javascript",
            "style.css": "text/css",
            "icon.svg": "image/svg+xml",
        }
        for name, kind in types.items():
            answer = client.get(f"{client.folder}/{name}")
            assert answer.status == 200 and answer.headers["content-type"].startswith(kind)

    def test_the_page_holds_no_script_or_style_of_its_own_and_nothing_from_elsewhere(self, client):
        page = client.get(f"{client.folder}/").body.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\son\w+=", page)
        for name in ("", "page.js", "server.js", "text.js", "style.css"):
            text = client.get(f"{client.folder}/{name}").body.decode()
            assert not re.search(
                r"https?:|innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment"
                r"|DOMParser|parseFromString|setHTML|srcdoc|\beval\b|\bFunction\(",
                text,
            )

    @pytest.mark.parametrize(
        "path",
        [
            "/../guard.py",
            "/%2e%2e/guard.py",
            "/..%2fguard.py",
            "/%2e%2e%2fguard.py",
            "/page/../../guard.py",
            "/....//guard.py",
            "/..\\guard.py",
            "//etc/passwd",
            "/%2fetc%2fpasswd",
            "/page.js%00",
            "/index.html/",
            "/api/",
            "/api/state/x",
            "/" + "a" * 4000,
        ],
    )
    def test_no_other_file_is_given(self, client, path):
        assert client.get(client.folder + path).status in (403, 404)

    def test_a_long_body_is_refused(self, served):
        client, desk = served
        content = desk.log.path.read_bytes()
        saying = json.dumps(make_saying(client.state(), "left")).encode()
        padded = saying + b" " * (MAX_BODY_BYTES + 1 - len(saying))
        assert client.post(padded).status == 413
        assert client.post(padded, headers={"Content-Length": str(10**12)}).status == 413
        assert desk.log.path.read_bytes() == content
        assert client.post(padded[:MAX_BODY_BYTES]).status == 200

    def test_a_long_body_in_chunks_is_refused(self, client):
        with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
            lines = [
                f"POST {client.folder}/api/say HTTP/1.1",
                f"Host: {client.host}",
                f"Cookie: {client.cookie}",
            ]
            lines += [f"Origin: http://{client.host}", "Content-Type: application/json"]
            lines += ["Transfer-Encoding: chunked", "", "1000", " " * 4096, "1000", " " * 4096, ""]
            connection.sendall("\r\n".join(lines).encode())
            assert connection.recv(100).split()[1] == b"413"

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[]", b"null", b"[" * 4000, b"\xff\xfe", b'{"rater": NaN}', b'"\\ud800"']
    )
    def test_a_body_that_is_no_saying_is_refused(self, client, body):
        assert client.post(body).status == 400

    def test_verdict_undo_and_again(self, served):
        client, desk = served
        state, number = client.state(), len(desk.said)
        saying = make_saying(state, "left")
        first = client.post(saying)
        assert first.status == 200 and first.json["undo"]["request"] == saying["request"]
        assert client.post(saying).json == first.json  # sent again, because the answer got lost
        assert len(desk.said) == number + 1
        conflict = client.post(saying | {"request": "0" * 32})
        assert conflict.status == 409 and conflict.json["state"] == first.json
        back = client.say(first.json, "undo")
        assert back.status == 200 and back.json["question"] == state["question"]
        assert len(desk.said) == number

    def test_the_figures_are_given(self, client):
        names = [name for name, _, _ in client.get(f"{client.folder}/api/figures").json]
        assert names[:2] == ["Left preferred", "Ties"]

    def test_a_disk_that_refuses_is_told_and_the_verdict_can_be_sent_again(self, served, monkeypatch):
        client, desk = served
        saying = make_saying(client.state(), "right")
        with monkeypatch.context() as patch:

            def refuse(*_args, **_options):
                raise PreferenceLogError("nothing was written")

            patch.setattr(desk.log, "append", refuse)
            answer = client.post(saying)
            assert answer.status == 503 and answer.json["error"] == "nothing was written"
            assert saying["question"] not in desk.said
        assert client.post(saying).status == 200
        assert saying["question"] in desk.said

    def test_two_pages_at_once_write_each_question_once(self, tmp_path):
        with serve(QUESTIONS, tmp_path / "log.jsonl") as (client, desk):
            client.enter()
            threads = [threading.Thread(target=judge_all, args=(client,)) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            prompts = [item.prompt for item in read_preferences(desk.log.path)]
        assert sorted(prompts) == sorted(item.prompt for item in QUESTIONS)


def judge_all(client):
    while (state := client.state())["question"] is not None:
        assert client.say(state, "left").status in (200, 409)


@pytest.mark.parametrize("name", HOSTILE)
def test_any_response_is_shown_judged_and_kept_as_it_is(name, tmp_path):
    text = HOSTILE[name]
    with serve([Comparison(text, (text, "harmless"))], tmp_path / "log.jsonl") as (client, _):
        client.enter()
        answer = client.get(f"{client.folder}/api/state")
        assert answer.headers["content-type"] == "application/json" and len(answer.body) < 2_000_000
        assert client.say(answer.json, "tie").status == 200
    (record,) = read_preferences(tmp_path / "log.jsonl")
    assert sorted(record.responses) == sorted([text, "harmless"]) and record.prompt == text

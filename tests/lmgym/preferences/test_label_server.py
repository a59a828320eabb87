"""Who may speak with the labelling page, what it answers, and that what it confirmed survives a kill."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from lmgym.errors import InvalidValueError, MissingDependencyError
from lmgym.preferences.annotators import Comparison
from lmgym.preferences.label import label
from lmgym.preferences.label.guard import MAX_BODY_BYTES
from lmgym.preferences.label.serving import open_socket
from lmgym.preferences.log import PreferenceLog, PreferenceLogError, read_preferences
from tests.lmgym.preferences.hostile_responses import HOSTILE
from tests.lmgym.preferences.label_server import Client, make_saying, serve

pytest.importorskip("starlette", reason='needs pip install "lmgym[label]"')
pytest.importorskip("uvicorn", reason='needs pip install "lmgym[label]"')

QUESTIONS = [Comparison(f"prompt {i}", (f"first {i}", f"second {i}")) for i in range(40)]
MANY = [Comparison(f"prompt {i}", (f"first {i}", f"second {i}")) for i in range(500)]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serve(QUESTIONS, tmp_path_factory.mktemp("label") / "log.jsonl") as (client, desk):
        client.enter()
        yield client, desk


@pytest.fixture
def client(served):
    return served[0]


class TestWhoMayComeIn:
    def test_the_token_opens_the_page_and_the_cookie_keeps_it_open(self, client):
        entry = client.enter()
        assert entry.status == 200
        assert f'url={client.folder}/"' in entry.body.decode()
        assert re.fullmatch(
            rf"lmgym-label=[\w-]{{32}}; Path={client.folder}/; HttpOnly; SameSite=Strict",
            entry.headers["set-cookie"],
        )
        token = client.entry.rpartition("/")[2]
        assert len(token) == 32 and token not in entry.body.decode() + str(entry.headers)
        assert client.get(f"{client.folder}/").status == 200

    @pytest.mark.parametrize(
        "cookie", [None, "", "lmgym-label=", "lmgym-label=x", "=", "\x01", "a=b; é", ";" * 99]
    )
    @pytest.mark.parametrize("path", ["/", "/api/state", "/api/figures", "/page.js", "/nothing"])
    def test_without_the_cookie_there_is_nothing(self, client, path, cookie):
        answer = client.get(client.folder + path, headers={"Cookie": cookie})
        assert answer.status == 403
        assert answer.body == b"open the address that `lmgym label` has printed"

    @pytest.mark.parametrize(
        "change", [lambda t: t[:-1], lambda t: t + "x", lambda t: "x" + t[1:], lambda t: ""]
    )
    def test_another_token_is_refused(self, client, change):
        folder, _, token = client.entry.rpartition("/")
        answer = client.get(f"{folder}/{change(token)}", headers={"Cookie": None})
        assert answer.status == 403 and "set-cookie" not in answer.headers

    @pytest.mark.parametrize(
        "other", ['a={"b": [1]}; ', "é=,; ", "lmgym-label=x; ", ";=; = ;", "_xsrf=2|a|b; "]
    )
    def test_cookies_of_other_servers_of_this_machine_do_no_harm(self, client, other):
        for cookie in (other + client.cookie, client.cookie + "; " + other):
            assert client.get(f"{client.folder}/api/state", headers={"Cookie": cookie}).status == 200

    def test_a_post_with_the_token_in_its_path_is_no_saying(self, client):
        headers = {"Origin": f"http://{client.host}", "Content-Type": "application/json", "Cookie": None}
        assert client.request("POST", client.entry, b"{}", headers).status == 405

    @pytest.mark.parametrize(
        "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil:{port}", "", "[::1]"]
    )
    def test_another_name_is_refused(self, client, host):
        host = host.format(port=client.host.partition(":")[2])
        for path in (client.entry, f"{client.folder}/api/state"):
            answer = client.get(path, headers={"Host": host})
            assert answer.status == 421 and "set-cookie" not in answer.headers

    def test_localhost_is_a_name_of_this_machine(self, client):
        host = client.host.replace("127.0.0.1", "localhost")
        assert client.get(f"{client.folder}/api/state", headers={"Host": host}).status == 200

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    def test_other_pages_may_link_to_the_entry_only(self, client, site):
        headers = {"Sec-Fetch-Site": site}
        assert client.get(client.entry, headers=headers).status == 200
        assert client.get(f"{client.folder}/api/state", headers=headers).status == 403
        assert client.get(f"{client.folder}/page.js", headers=headers).status == 403

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Origin": None}, 403),
            ({"Origin": "null"}, 403),
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "https://{host}"}, 403),
            ({"Origin": "http://127.0.0.1:1"}, 403),
            ({"Sec-Fetch-Site": "same-site"}, 403),
            ({"Cookie": None}, 403),
            ({"Content-Type": "text/plain"}, 415),
            ({"Content-Type": None}, 415),
        ],
    )
    def test_a_post_of_another_page_changes_nothing(self, served, headers, status):
        client, desk = served
        content = desk.log.path.read_bytes()
        sent = {key: value and value.format(host=client.host) for key, value in headers.items()}
        assert client.post(make_saying(client.state(), "left"), headers=sent).status == status
        assert desk.log.path.read_bytes() == content

    @pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "PATCH"])
    def test_other_methods_are_refused(self, client, method):
        assert client.request(method, f"{client.folder}/api/state").status == 405

    def test_a_request_without_a_name_is_refused(self, client):
        with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
            connection.sendall(f"GET {client.entry} HTTP/1.0\r\n\r\n".encode())
            assert connection.recv(100).split()[1] == b"421"

    def test_two_host_headers_are_refused(self, client):
        with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
            lines = [f"GET {client.entry} HTTP/1.1", f"Host: {client.host}", "Host: evil.example", "", ""]
            connection.sendall("\r\n".join(lines).encode())
            assert connection.recv(100).split()[1] in (b"400", b"421")


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
                r"https?:|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text
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


class TestSockets:
    def test_only_the_loopback_interface_listens(self):
        with open_socket() as listener:
            assert listener.getsockname()[0] == "127.0.0.1"

    def test_a_port_that_is_taken_is_named(self):
        with open_socket() as listener, pytest.raises(InvalidValueError, match="can't be had"):
            open_socket(listener.getsockname()[1])

    @pytest.mark.parametrize("port", [-1, 65536])
    def test_no_such_port(self, port):
        with pytest.raises(InvalidValueError, match="port must be in"):
            open_socket(port)


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_without_the_web_framework_the_extra_is_named(package, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf'needs {package}: pip install "lmgym\[label\]"'):
        label(QUESTIONS, out=tmp_path / "log.jsonl", rater="anna")


def start(folder: Path, *options: str) -> tuple[subprocess.Popen[str], Client]:
    """Starts the command as a person does, and returns it with a client that has entered."""
    questions = folder / "questions.jsonl"
    if not questions.exists():
        lines = [json.dumps({"prompt": item.prompt, "responses": item.responses}) for item in MANY]
        questions.write_text("\n".join(lines))
    command = [
        sys.executable,
        "-m",
        "lmgym",
        "label",
        questions,
        "--out",
        folder / "log.jsonl",
        "--rater",
        "anna",
    ]
    process = subprocess.Popen(
        [str(part) for part in (*command, *options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("http://"):
            client = Client(line.strip())
            client.enter()
            return process, client
    raise AssertionError("the command ended")


def judge_until_it_dies(client, confirmed, number, reached):
    """Judges, and says when so many verdicts were confirmed."""
    while True:
        if len(confirmed) == number:
            reached.set()
        try:
            state = client.state()
            if state["question"] is None:
                return
            saying = make_saying(state, "left")
            if client.post(saying).status == 200:
                confirmed.append(saying["request"])
        except (OSError, http.client.HTTPException):
            return


def run_and_kill(folder, number, after_s):
    """Kills the server a moment after it has confirmed ``number`` verdicts; returns all it had confirmed."""
    process, client = start(folder)
    confirmed, reached = [], threading.Event()
    judge = threading.Thread(target=judge_until_it_dies, args=(client, confirmed, number, reached))
    judge.start()
    assert reached.wait(60)
    killer = threading.Timer(after_s, process.send_signal, [signal.SIGKILL])
    killer.start()
    judge.join(60)
    killer.join(60)
    process.wait(20)
    process.stdout.close()
    assert len(confirmed) >= number
    return confirmed


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("number_of_kills", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_what_was_confirmed_survives_a_kill(tmp_path, number_of_kills):
    generator = np.random.default_rng(number_of_kills)
    for number in range(number_of_kills):
        folder = tmp_path / f"{number // 8}"  # a few kills to one log, which goes on
        folder.mkdir(exist_ok=True)
        before = [item.extra["request"] for item in read_log_or_nothing(folder)]
        confirmed = run_and_kill(folder, generator.integers(0, 6), generator.uniform(0.0, 0.03))
        after = [item.extra["request"] for item in read_log_or_nothing(folder)]
        assert after[: len(before)] == before
        assert set(confirmed) <= set(after)
        assert len(after) <= len(before) + len(confirmed) + 1  # what was written, but not yet confirmed
        with PreferenceLog(folder / "log.jsonl") as log:
            assert len({item.prompt for item in log.preferences}) == len(log)


def read_log_or_nothing(folder):
    path = folder / "log.jsonl"
    return read_preferences(path) if path.exists() else []


def test_ctrl_c_ends_with_a_summary_and_nothing_that_was_printed_later_holds_the_token(tmp_path):
    process, client = start(tmp_path, "--second-opinion", "0.5")
    client.get("/nothing")
    client.get(client.entry)
    client.say(client.state(), "left")
    client.say(client.state(), "skip")
    process.send_signal(signal.SIGINT)
    printed = process.stdout.read()
    assert process.wait(20) == 0
    process.stdout.close()
    assert re.search(r"judged +1 *\n", printed) and re.search(r"skipped +1 *\n", printed)
    assert "Traceback" not in printed and client.entry.rpartition("/")[2] not in printed


def test_a_log_that_is_being_written_is_refused(tmp_path):
    process, client = start(tmp_path)
    try:
        with pytest.raises(PreferenceLogError, match="is being written"):
            PreferenceLog(tmp_path / "log.jsonl")
        client.say(client.state(), "left")
    finally:
        process.kill()
        process.wait(20)
        process.stdout.close()

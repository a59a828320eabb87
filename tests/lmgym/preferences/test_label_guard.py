"""Who may speak with the labelling page, and from where."""

from __future__ import annotations

import re
import socket

import pytest

from lmgym.errors import InvalidValueError
from lmgym.preferences.label.serving import open_socket
from tests.lmgym.preferences.label_server import make_saying

pytest.importorskip("starlette", reason='needs pip install "lmgym[label]"')
pytest.importorskip("uvicorn", reason='needs pip install "lmgym[label]"')


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

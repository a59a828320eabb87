"""The page of `lmgym label` in headless Chromium, used as a person uses it."""

from __future__ import annotations

import pytest

from lmgym.preferences.log import PreferenceLogError
from tests.browser.label_page import DOWN, ESCAPE, LEFT, MARKS, QUESTIONS, RIGHT, SHIFT, Page
from tests.lmgym.preferences.label_server import serve

pytestmark = MARKS


def test_five_questions_by_keyboard(label):
    with label() as page:
        for number in range(5):  # prefer what the file names first, on whatever side it stands
            key = LEFT if page.text("left-text").startswith("first") else RIGHT
            page.say(key, number + 1)
        assert page.is_shown("end") and not page.is_shown("question")
        assert [record.responses[record.winner] for record in page.records] == [
            f"first {i}" for i in range(5)
        ]
        assert {tuple(record.extra["shown"]) for record in page.records} == {(0, 1), (1, 0)}
        assert all(0 < record.extra["duration_s"] < 20 for record in page.records)
        assert page.complaints() == []


@pytest.mark.parametrize(
    ("keys", "ranks", "confidence"),
    [
        (LEFT, (0, 1), None),
        ("1", (0, 1), None),
        (RIGHT, (1, 0), None),
        ("2", (1, 0), None),
        (DOWN, (0, 0), None),
        ("0", (0, 0), None),
        ("s", None, None),
        (SHIFT + LEFT, (0, 1), 0.5),
        (SHIFT + RIGHT, (1, 0), 0.5),
        (SHIFT + DOWN, (0, 0), 0.5),
        (SHIFT + "1", (0, 1), 0.5),
        (SHIFT + "2", (1, 0), 0.5),
        ("c2", (1, 0), 0.5),
        ("cc1", (0, 1), 1.0),
        ("ccc1", (0, 1), None),
    ],
)
def test_every_key(label, keys, ranks, confidence):
    with label() as page:
        page.say(keys, 1)
        assert [(item.ranks, item.confidence) for item in page.records] == [(ranks, confidence)]


@pytest.mark.parametrize("name", ["left", "right", "tie", "skip"])
def test_every_button(label, name):
    with label() as page:
        page.driver.find_element("css selector", f"[data-say={name}]").click()
        page.wait_for(1)
        ranks = {"left": (0, 1), "right": (1, 0), "tie": (0, 0), "skip": None}
        assert [item.ranks for item in page.records] == [ranks[name]]


def test_a_key_that_is_held_down_counts_once(label):
    with label() as page:
        for repeat in ("true", "true", "false"):
            event = f"{{key: 'ArrowLeft', code: 'ArrowLeft', repeat: {repeat}, bubbles: true}}"
            page.driver.execute_script(f"document.dispatchEvent(new KeyboardEvent('keydown', {event}))")
        page.wait_for(1)
        assert len(page.records) == 1


def test_keys_of_the_browser_and_other_letters_say_nothing(label):
    with label() as page:
        for key, code, held in (
            ("1", "Digit1", "ctrlKey"),
            ("2", "Digit2", "altKey"),
            ("x", "KeyX", "shiftKey"),
        ):
            event = f"{{key: '{key}', code: '{code}', {held}: true, bubbles: true}}"
            page.driver.execute_script(f"document.dispatchEvent(new KeyboardEvent('keydown', {event}))")
        event = "{key: 'ы', code: 'KeyS', bubbles: true}"  # the key s with a Cyrillic layout
        page.driver.execute_script(f"document.dispatchEvent(new KeyboardEvent('keydown', {event}))")
        page.wait_for(1)
        assert [item.reason for item in page.records] == ["skipped"]


def test_how_sure_is_asked_anew_for_each_question(label):
    with label() as page:
        page.driver.find_element("css selector", "[data-confidence='1']").click()
        page.say(LEFT, 1)
        page.say(LEFT, 2)
        assert [item.confidence for item in page.records] == [1.0, None]


def test_undo_asks_the_same_question_again(label):
    with label() as page:
        page.say("1", 1)
        question = page.text("prompt")
        page.say("2", 2)
        page.say("u", 1)
        assert page.text("prompt") == question
        assert len(page.records) == 1
        page.say("0", 2)
        assert [item.ranks for item in page.records] == [(0, 1), (0, 0)]
        page.say("u", 1)
        page.say("u", 0)
        assert page.records == [] and page.driver.find_element("id", "undo").get_attribute("disabled")
        page.press("u")
        assert page.desk.log.path.read_text().count("retract") == 3


def test_the_last_verdict_can_be_taken_back_at_the_end(label):
    with label(QUESTIONS[:1]) as page:
        page.say("1", 1)
        page.driver.find_element("id", "undo-last").click()
        page.wait_for(0)
        assert page.is_shown("question") and page.records == []


def test_a_reload_goes_on_at_the_open_question(label):
    with label() as page:
        page.say("1", 1)
        page.say("s", 2)
        shown = [page.text(name) for name in ("prompt", "left-text", "right-text", "count")]
        page.reload()
        assert [page.text(name) for name in ("prompt", "left-text", "right-text", "count")] == shown
        assert shown[-1] == "3 of 5"


def test_a_verdict_is_kept_until_it_can_be_saved(label, monkeypatch):
    with label() as page:
        append, failures = page.desk.log.append, [PreferenceLogError("the disk is full")] * 2
        tried = []

        def fail_twice(record, **options):
            tried.append(record.ranks)
            if failures:
                raise failures.pop()
            return append(record, **options)

        monkeypatch.setattr(page.desk.log, "append", fail_twice)
        page.press("1")
        page.wait("!document.getElementById('trouble').hidden")
        assert "Not saved yet: the disk is full" in page.text("trouble")
        page.press("2")  # is not heard: the first verdict is on its way
        page.wait_for(1)
        assert [item.ranks for item in page.records] == [(0, 1)] and tried == [(0, 1)] * 3
        assert not page.is_shown("trouble")


def test_a_verdict_outlives_its_server(label, tmp_path, driver):
    with label() as page:
        port = page.client.port
        page.say("1", 1)
        asked = page.text("prompt")
    page.press("2")
    page.wait("!document.getElementById('trouble').hidden")
    assert "the server does not answer" in page.text("trouble")
    with serve(QUESTIONS, tmp_path / "log.jsonl", port=port) as (client, desk):
        page.wait(
            "document.getElementById('trouble').textContent.startsWith('This server does not know this page')"
        )
        again = Page(driver, client, desk)
        driver.get(client.address)
        again.wait_for(2)
        assert asked.endswith(again.records[1].prompt)
        assert [item.ranks for item in again.records] == [(0, 1), (1, 0)]


def test_a_second_window_is_told_what_was_judged_in_the_first(label):
    with label() as page:
        page.client.enter()
        page.client.say(page.client.state(), "right")
        page.press("1")
        page.wait("!document.getElementById('trouble').hidden")
        assert "judged already" in page.text("trouble")
        page.wait_for(1)
        assert [item.ranks for item in page.records] == [(1, 0)]


def test_help_and_figures_open_and_close_and_keys_say_nothing_meanwhile(label):
    with label() as page:
        for key, dialog in (("?", "help"), ("f", "figures")):
            page.press(key)
            page.wait(f"document.getElementById('{dialog}').open")
            page.press("1")
            page.press(ESCAPE)
            page.wait(f"!document.getElementById('{dialog}').open")
        assert page.records == []
        assert "Left preferred" in page.text("figures")


def test_the_figures_tell_the_agreement_with_another_rater(label, tmp_path):
    with serve(QUESTIONS, tmp_path / "bob.jsonl", rater="bob") as (client, bob):
        client.enter()
        for asking in bob.schedule:  # bob likes the first response of the file
            client.say(client.state(), "left" if asking.shown == (0, 1) else "right")
    with label(compare=[tmp_path / "bob.jsonl"]) as page:
        for number, wanted in enumerate(("first", "second", "first", "first")):
            page.say("1" if page.text("left-text").startswith(wanted) else "2", number + 1)
        page.press("f")
        page.wait("document.getElementById('figures').open")
        assert "Agreement with bob3 of 4 (75 %)" in page.text("figures")

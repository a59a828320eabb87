"""The page of `lmgym label` in headless Chromium, used as a person uses it."""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager

import pytest

from lmgym.conversation import Message, write_conversation
from lmgym.preferences.annotators import Comparison
from lmgym.preferences.log import PreferenceLogError, read_preferences
from tests.browser.chromium import MISSING, find_programs, open_browser, prefer_colours
from tests.browser.take_label_picture import take_picture
from tests.lmgym.preferences.hostile_responses import HOSTILE
from tests.lmgym.preferences.label_server import serve

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_programs() is None or not importlib.util.find_spec("selenium"), reason=MISSING),
    pytest.mark.skipif(not importlib.util.find_spec("uvicorn"), reason='needs pip install "lmgym[label]"'),
]

QUESTIONS = [Comparison(f"prompt {i}", (f"first {i}", f"second {i}")) for i in range(5)]
SHIFT, LEFT, RIGHT, DOWN, ESCAPE, TAB = "\ue008", "\ue012", "\ue014", "\ue015", "\ue00c", "\ue004"


@pytest.fixture(scope="module")
def driver():
    with open_browser() as driver:
        yield driver


class Page:
    """The page in the browser, its server and its log."""

    def __init__(self, driver, client, desk):
        self.driver, self.client, self.desk = driver, client, desk

    def open(self):
        self.driver.get(self.client.address)
        self.wait("document.body?.dataset.state === 'ready'")

    def reload(self):
        self.driver.refresh()
        self.wait("document.body?.dataset.state === 'ready'")

    def wait(self, condition):
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 20, 0.02).until(
            lambda browser: browser.execute_script(f"return {condition}")
        )

    def press(self, keys):
        """Presses keys wherever the focus is; SHIFT holds for the rest."""
        from selenium.webdriver.common.action_chains import ActionChains

        actions = ActionChains(self.driver, duration=0)
        if keys.startswith(SHIFT):
            actions.key_down(SHIFT).send_keys(keys[1:]).key_up(SHIFT)
        else:
            actions.send_keys(keys)
        actions.perform()

    def say(self, keys, number):
        """Presses keys that say something, and waits until so many questions are answered."""
        self.press(keys)
        self.wait_for(number)

    def wait_for(self, number):
        self.wait(f"document.body.dataset.state === 'ready' && document.body.dataset.number === '{number}'")

    def text(self, element_id):
        return self.driver.execute_script(
            "return document.getElementById(arguments[0]).textContent", element_id
        )

    def is_shown(self, element_id):
        return self.driver.find_element("id", element_id).is_displayed()

    @property
    def records(self):
        return read_preferences(self.desk.log.path)

    def complaints(self):
        """What the browser's console says, but that a request failed where a test made it fail."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture
def label(driver, tmp_path):
    @contextmanager
    def make(questions=QUESTIONS, **options):
        driver.get_log("browser")
        with serve(questions, tmp_path / "log.jsonl", **options) as (client, desk):
            page = Page(driver, client, desk)
            page.open()
            yield page

    return make


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


PAYLOADS = (
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'><svg onload='window.hacked = 1'>",
    "</div></textarea></title></script><iframe srcdoc='<script>parent.hacked = 1</script>'>",
    "<a href='javascript:window.hacked = 1'>link</a><form action='/'><input autofocus onfocus='hacked = 1'>",
    "\u202egnirts\u2066 \0 \ud800 \x1b[2J",
    "<style>* { display: none }</style><meta http-equiv=refresh content='0; url=//evil'><base href=//x>",
)


def test_nothing_that_a_response_holds_runs_or_becomes_an_element(label):
    questions = [
        Comparison(write_conversation([Message("user", text)]), (text, text + "!")) for text in PAYLOADS
    ]
    with label(questions) as page:
        for number, text in enumerate(PAYLOADS):
            foreign = (
                "script:not([src]), img, svg, iframe, a, input, textarea, form:not([method]), style, base"
            )
            assert page.driver.find_elements("css selector", foreign) == []
            assert page.driver.execute_script("return window.hacked") is None
            if text.isprintable():
                assert {page.text("left-text"), page.text("right-text")} == {text, text + "!"}
            page.say("0", number + 1)
        assert page.complaints() == []  # not even a refusal: nothing tried


def test_any_text_whatever_can_be_judged(label):
    with label([Comparison(text, (text, "harmless")) for text in HOSTILE.values()]) as page:
        for number, text in enumerate(HOSTILE.values()):
            buttons = page.driver.find_elements("css selector", "[data-say]")
            assert all(0 <= button.rect["y"] <= 800 - button.rect["height"] for button in buttons)
            page.say("0", number + 1)
            assert text in page.records[-1].responses
        assert page.complaints() == []


def test_what_can_not_be_seen_is_named(label):
    with label([Comparison("p", ("a\u202eb\0c\ud800", "plain\u200b"))]) as page:
        signs = [item.text for item in page.driver.find_elements("css selector", ".side .sign")]
        assert sorted(signs) == [
            "U+0000 null",
            "U+200B zero width space",
            "U+202E right-to-left override",
            "U+D800 lone surrogate",
        ]


def test_the_boxes_hold_what_is_large(label, driver):
    large = "\n".join(f"line {i}" for i in range(3000))
    with label([Comparison(large, (large, "word" * 50_000))]) as page:
        for width, height in ((1280, 800), (800, 600)):
            metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
            assert driver.execute_script(f"return {size}") == [width, height]
            for name in ("left", "right", "tie", "skip"):
                button = driver.find_element("css selector", f"[data-say={name}]")
                assert button.is_displayed()
                assert button.rect["y"] + button.rect["height"] <= height
        page.press("j")
        page.wait("['left-text', 'right-text'].every((id) => document.getElementById(id).scrollTop > 0)")
        page.driver.find_element("id", "left-text").click()
        page.press(DOWN)  # scrolls what has the focus, and is no verdict
        page.press("1")
        page.wait_for(1)
        assert [item.ranks for item in page.records] == [(0, 1)]
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False},
        )


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


def test_everything_has_a_name_and_can_be_reached_by_tab(label):
    with label() as page:
        unnamed = """
            const items = [...document.querySelectorAll("button, [role=region], [role=group], dialog")];
            return items.filter((item) => !(item.textContent.trim() || item.getAttribute("aria-label")
                      || document.getElementById(item.getAttribute("aria-labelledby")))).length"""
        assert page.driver.execute_script(unnamed) == 0
        seen = []
        for _ in range(14):
            page.press(TAB)
            seen.append(
                page.driver.execute_script(
                    "return document.activeElement.dataset.say ?? document.activeElement.id"
                )
            )
        assert {"left", "right", "tie", "skip", "prompt", "left-text", "right-text", "show-help"} <= set(seen)
        page.say("1", 1)
        assert page.text("said") == "Saved: left is better. Question 2 of 5."


CONTRAST = """
const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = (colour) => {
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const [r, g, b] = channels(colour).map((v) => linear(v / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (item) => {
  for (; item; item = item.parentElement) {
    const colour = getComputedStyle(item).backgroundColor;
    if (channels(colour)[3] !== 0) return colour;
  }
};
return [...document.querySelectorAll("*")].filter((item) => item.checkVisibility() && !item.disabled
  && [...item.childNodes].some((node) => node.nodeType === 3 && node.data.trim())).map((item) => {
    const [a, b] = [light(getComputedStyle(item).color), light(ground(item))].sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), item.outerHTML.slice(0, 80)];
  }).sort((x, y) => x[0] - y[0])[0];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(label, scheme, driver):
    prompt = write_conversation([Message("system", "s"), Message("user", "u"), Message("assistant", "a")])
    with label([Comparison(prompt, ("a\u200b", "")), *QUESTIONS]) as page:
        prefer_colours(driver, scheme)
        contrast, where = driver.execute_script(CONTRAST)
        assert contrast >= 4.5, where  # WCAG 2.2, 1.4.3
        page.press("?")
        contrast, where = driver.execute_script(CONTRAST)
        assert contrast >= 4.5, where
        prefer_colours(driver, "light")


def test_the_token_leaves_the_address_and_is_not_told_to_scripts(label):
    with label() as page:
        token = page.client.entry.rpartition("/")[2]
        assert page.driver.current_url == f"http://{page.client.host}{page.client.folder}/"
        told = "document.cookie + document.referrer + JSON.stringify({...localStorage, ...sessionStorage})"
        assert token not in page.driver.execute_script(f"return {told} + document.documentElement.outerHTML")
        assert page.driver.execute_script("return document.cookie") == ""


def test_another_page_can_not_use_it(label, driver):
    with label() as page, serve(QUESTIONS, page.desk.log.path.with_name("other.jsonl")) as (other, _):
        driver.get(other.address)
        page.wait("document.body?.dataset.state === 'ready'")
        script = """const done = arguments[1];
            fetch(arguments[0] + "/api/state", {credentials: "include", mode: "no-cors"})
              .then((answer) => answer.text()).then((text) => done("read " + text), () => done("refused"));"""
        address = f"http://{page.client.host}{page.client.folder}"
        assert driver.execute_async_script(script, address) in ("refused", "read ")
        driver.get_log("browser")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_of_the_documentation_can_be_made(tmp_path, scheme):
    path = tmp_path / "label.png"
    take_picture(path, scheme=scheme)
    assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 50_000

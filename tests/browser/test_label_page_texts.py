"""What the page of `lmgym label` shows, to whom, and that nothing in it runs."""

from __future__ import annotations

import pytest

from lmgym.conversation import Message, write_conversation
from lmgym.preferences.annotators import Comparison
from tests.browser.chromium import prefer_colours
from tests.browser.label_page import DOWN, MARKS, QUESTIONS, TAB
from tests.browser.take_label_picture import take_picture
from tests.lmgym.preferences.hostile_responses import HOSTILE
from tests.lmgym.preferences.label_server import serve

pytestmark = MARKS

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

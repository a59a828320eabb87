"""The page of `lmgym report` in an offline browser: what it shows, and that nothing in it runs."""

from __future__ import annotations

import importlib.util

import pytest

from lmgym_agents.report.html.report import make_report
from tests.agents.report.folders import (
    PAYLOADS,
    fail,
    make_record,
    make_results,
    write_bench,
    write_lines,
    write_metrics,
)
from tests.browser.chromium import MISSING, find_programs, prefer_colours

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_programs() is None or not importlib.util.find_spec("selenium"), reason=MISSING),
    pytest.mark.skipif(not importlib.util.find_spec("plotly"), reason='needs pip install "lmgym[agents]"'),
]

PARTS = ("overview", "environments", "runs", "transcripts", "compare", "trees")


class ReportPage:
    """The page of a folder, opened from the disk without any network."""

    def __init__(self, driver, path):
        self.driver, self.path = driver, path
        driver.execute_cdp_cmd("Network.enable", {})
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
        driver.get_log("browser")
        driver.get("about:blank")
        driver.get(f"file://{self.path}")
        self.wait("return document.body?.dataset.state === 'ready'")

    def go(self, part):
        """Goes to a part of the page by its address."""
        script = "delete document.body.dataset.state; location.hash = arguments[0] + arguments[1]"
        slash = "" if "/" in part else "/"  # so that the address is another in any case
        self.run(script, part, slash if self.run("return location.hash") == f"#{part}" else "")
        self.wait("return document.body.dataset.state === 'ready'")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, script):
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 20, 0.02).until(lambda browser: browser.execute_script(script))

    def text(self, selector="main"):
        return self.run("return document.querySelector(arguments[0]).innerText", selector)

    def texts(self, selector):
        return self.run(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText)", selector
        )

    def choose(self, label, value):
        from selenium.webdriver.support.ui import Select

        path = f"//label[starts-with(normalize-space(), '{label}')]//select"
        Select(self.driver.find_element("xpath", path)).select_by_visible_text(value)

    def complaints(self):
        return [entry for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def write_page(folder, **options):
    path = folder.parent / f"{folder.name}.html"
    path.write_text(make_report(folder, **options).html, "utf-8")
    return path


@pytest.fixture(scope="module")
def bench_page(tmp_path_factory):
    return write_page(write_bench(tmp_path_factory.mktemp("report") / "bench"))


@pytest.fixture
def report(driver, bench_page):
    def make(folder=None, **options):
        return ReportPage(driver, bench_page if folder is None else write_page(folder, **options))

    return make


def test_every_part_of_a_benchmark_is_shown_without_a_complaint(report):
    page = report()
    for part, words in {
        "overview": ("Leaderboard", "2 failed jobs", "act() got an unexpected keyword", "grpo?group_size=8"),
        "environments/0": ("sums", "test before training", "ood_digits", "Examples"),
        "runs/0": ("Samples along the way", "<b>2</b>", "Metrics: 4 of"),
        "transcripts": ("All 160 transcripts are shown", "160 transcripts", "log-prob"),
        "compare": ("newly right", "newly wrong"),
        "trees": ("no pictures of search trees", "lmgym search"),
    }.items():
        page.go(part)
        for word in words:
            assert word in page.text(), (part, word)
    assert page.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_are_drawn_in_both_schemes(report, driver, scheme):
    page = report()
    prefer_colours(driver, scheme)
    for part, least in (("overview", 3), ("environments/1", 1), ("runs/0", 4)):
        page.go(part)
        page.run("for (const e of document.querySelectorAll('.figure')) e.scrollIntoView()")
        page.wait(f"return document.querySelectorAll('.figure .main-svg').length >= {least}")
    assert page.complaints() == []
    prefer_colours(driver, "light")


def test_nothing_that_anybody_wrote_runs_or_becomes_an_element(report, tmp_path):
    folder = tmp_path / "hostile"
    names = [text.replace("\ud800", "") for text in PAYLOADS]  # results refuse half a character
    results = make_results(agents=dict.fromkeys(names, 0.4))
    write_bench(folder, results=[fail(results[0], PAYLOADS[0] + PAYLOADS[3]), *results[1:]])
    for number, text in enumerate(PAYLOADS):
        tokens = (text, "\n", text, "■")
        terms = {text[:20]: [0.5, 0.0, 0.25, 0.0]}
        records = [
            make_record(k, prompt=text, tokens=tokens, label=text, env=text, split=text, terms=terms)
            for k in range(2)
        ]
        write_lines(folder / f"a{number}.tokens.jsonl", records)
        write_lines(folder / f"b{number}.tokens.jsonl", records)
    write_lines(folder / "c.tokens.jsonl", [make_record(0, prompt=PAYLOADS[0])])
    (folder / "config.json").write_text('{"x": "</script><script>window.hacked = 1</script>"}')
    write_metrics(folder)
    script = "<script>window.hacked = 1</script>"
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' onload='window.hacked = 1'>{script}</svg>"
    (folder / "tree.svg").write_text(svg)
    page = report(folder, title=PAYLOADS[1])
    for part in (*PARTS, *(f"environments/{k}" for k in range(4)), *(f"runs/{k}" for k in range(3))):
        page.go(part)
        page.run("for (const e of document.querySelectorAll('.figure')) e.scrollIntoView()")
        foreign = "main :is(iframe, script, style, base, meta, a[href^=javascript], [onerror], [onload])"
        assert page.run("return document.querySelectorAll(arguments[0]).length", foreign) == 0
        assert page.run("return window.hacked") is None
    assert page.complaints() == []  # not even a refusal: nothing tried
    page.go("transcripts")
    page.choose("from", f"c ({1})")
    assert PAYLOADS[0] in page.text()
    page.choose("from", "all")
    page.driver.find_element("id", "search").send_keys("gnirts")
    signs = page.texts(".sign")
    assert {"⟨202E⟩", "⟨2066⟩", "⟨200B⟩", "⟨0000⟩", "⟨D800⟩", "⟨001B⟩", "⟨2028⟩"} <= set(signs)


def test_the_heat_map_tells_the_numbers_of_each_token(report):
    from selenium.webdriver.common.action_chains import ActionChains

    page = report()
    page.go("transcripts")
    first = "article .token"
    colour = "return getComputedStyle(document.querySelectorAll(arguments[0])[arguments[1]]).backgroundColor"
    shades = {page.run(colour, first, k) for k in range(3)}
    assert len(shades) > 1
    tokens = page.driver.find_elements("css selector", first)
    ActionChains(page.driver, duration=0).move_to_element(tokens[0]).perform()
    assert "token 1 of 3: 1" in page.text("article .readout")
    assert "log-prob −0.1entropy 0.5value 0.4" in page.text("article .readout")
    page.choose("colours show", "advantage")
    page.driver.execute_script("document.querySelector('article .tokens').focus()")
    ActionChains(page.driver, duration=0).send_keys("\ue014").perform()  # the right arrow
    assert "token 2 of 3: 9" in page.text("article .readout")
    assert "advantage (gae) −0.1" in page.text("article .readout")
    assert page.run(colour, first, 0) != page.run(colour, first, 1), "plus and minus look different"


def test_the_terms_of_the_reward_stand_step_by_step(report, tmp_path):
    folder = tmp_path / "terms"
    tokens = ("a", "\n", "b", "■")
    terms = {"steps": [0.0, 0.25, 0.0, 0.25], "answer": [0.0, 0.0, 0.0, 0.5]}
    write_lines(folder / "x.tokens.jsonl", [make_record(0, tokens=tokens, terms=terms)])
    page = report(folder)
    page.choose("colours show", "term: steps")
    cells = page.texts("article details td")
    assert cells == ["1", "a", "0.25", "0", "2", "b■", "0.25", "0.5", "", "sum", "0.5", "0.5"]


def test_filters_order_search_and_pages(report, tmp_path):
    folder = tmp_path / "many"
    records = [
        make_record(
            k, success=k % 3 == 0, tokens=("x",) * (k + 1), prompt=f"prompt {k} {'needle' * (k == 33)}"
        )
        for k in range(60)
    ]
    write_lines(folder / "x.tokens.jsonl", records)
    page = report(folder)
    assert page.text("[role=status]") == "60 transcripts" and len(page.texts("article")) == 20
    page.choose("outcome", "✗ wrong")
    assert page.text("[role=status]") == "40 transcripts"
    assert set(page.texts("article .badge")) == {"✗ wrong"}
    page.choose("order", "longest")
    assert "60 tokens" in page.texts("article")[0]
    page.choose("order", "most surprising")
    page.choose("outcome", "all")
    surprises = [float(text.split("surprise ")[1].split()[0]) for text in page.texts("article .head")]
    assert surprises == sorted(surprises, reverse=True)
    page.driver.find_element("xpath", "//button[contains(., 'next')]").click()
    assert "page 2 of 3" in page.text(".pager")
    page.driver.find_element("id", "search").send_keys("NEEDLE")
    assert page.text("[role=status]") == "1 transcripts" and "prompt 33" in page.text("article")
    page.driver.find_element("id", "search").send_keys(" in a haystack")
    assert "No transcript is like this" in page.text()


def test_two_checkpoints_are_compared(report):
    page = report()
    page.go("compare")
    # ppo: right before where 7 divides the index, after where it is even; of 0 to 39.
    assert [text.split("\n")[0] for text in page.texts("#changes .tile")] == ["17", "3", "3", "17", "+35.0 %"]
    assert page.texts(".problem h3") == ["Problem 7", "Problem 21", "Problem 35"]
    assert page.texts(".problem .badge")[:2] == ["✓ right", "✗ wrong"]
    page.choose("problems", "newly right (17)")
    assert page.texts(".problem h3")[:2] == ["Problem 2", "Problem 4"]
    page.choose("B (after)", "sft, end · sums, seed 0")
    assert "37" not in page.texts("#changes .tile")[1]
    assert page.complaints() == []


def test_a_choice_of_many_is_told(report, tmp_path):
    folder = tmp_path / "many"
    write_lines(folder / "a.tokens.jsonl", [make_record(k, success=k % 2 == 0) for k in range(300)])
    write_lines(folder / "b.tokens.jsonl", [make_record(k, success=k % 3 == 0) for k in range(300)])
    page = report(folder, max_transcripts=100)
    assert page.text("#sampling").startswith("100 of 600 shown: every file has the same share")
    page.go("compare")
    # 0 to 299: even and divisible by 3 are 50, divisible by 3 alone 50, even alone 100.
    assert [text.split("\n")[0] for text in page.texts("#changes .tile")][:4] == ["50", "100", "50", "100"]
    assert "of them in this page" in page.text("main [role=status]")


def test_metrics_can_be_chosen(report, tmp_path):
    write_metrics(tmp_path / "runs" / "one")
    write_metrics(tmp_path / "runs" / "two")
    page = report(tmp_path / "runs")
    page.go("runs/1")
    assert len(page.texts(".figure")) == 4
    page.driver.find_element("css selector", "main details summary").click()
    page.driver.find_element("xpath", "//label[normalize-space()='timing/tokens_per_s']/input").click()
    assert len(page.texts(".figure")) == 5
    page.choose("beside it", "one")
    page.wait("return document.querySelectorAll('.figure .main-svg').length >= 4")
    assert "blue: two · orange: one" in page.text() and page.complaints() == []


def test_damage_is_named(report, tmp_path):
    folder = tmp_path / "damaged"
    write_lines(folder / "x.tokens.jsonl", [make_record(0), {"tokens": 3}])
    write_metrics(folder)
    page = report(folder)
    page.go("overview")
    assert "Left out" in page.text() and "line 2: tokens is no list" in page.text()


def test_empty_parts_say_what_to_run(report, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    page = report(folder)
    for part in PARTS:
        page.go(part)
        assert "lmgym " in page.text(".empty"), part
    assert page.complaints() == []


def test_it_fits_a_phone(report, driver):
    page = report()
    phone = {"width": 375, "height": 700, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        for part in PARTS:
            page.go(part)
            assert page.run("return document.documentElement.scrollWidth") <= 375, part
    finally:
        wide = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", wide)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_token_can_be_read(report, driver, scheme):
    page = report()
    prefer_colours(driver, scheme)
    page.go("transcripts")
    for quantity in ("log-prob", "advantage", "reward"):
        page.choose("colours show", quantity)
        assert page.run(CONTRAST) >= 4.5, quantity  # WCAG 2.2, 1.4.3
    prefer_colours(driver, "light")


CONTRAST = """
const light = (colour) => {
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const [r, g, b] = colour.match(/[\\d.]+/g).map((v) => linear(Number(v) / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
return Math.min(...[...document.querySelectorAll(".token")].map((token) => {
  const style = getComputedStyle(token);
  if (style.backgroundColor === "rgba(0, 0, 0, 0)") return 21;
  const [a, b] = [light(style.color), light(style.backgroundColor)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}));
"""


def test_the_first_entry_that_was_run_is_shown_first(report, tmp_path):
    results = [result for result in make_results() if result.entry == "reverse"]
    page = report(write_bench(tmp_path / "first", results=results))
    page.go("environments")
    assert page.run("return document.querySelector('h3').textContent") == "reverse"
    assert "sums (not run)" in page.text() and "reverse (not run)" not in page.text()
    page.go("overview")
    assert "measured on each entry’s headline split" in page.text()
    assert page.complaints() == []

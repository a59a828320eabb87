"""Makes docs/label.png: the page of `lmgym label` with a question as people meet it.

Run from the repository: python -m tests.browser.take_label_picture [FILE]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from lmgym.conversation import Message, write_conversation
from lmgym.preferences.annotators import Comparison
from tests.browser.chromium import open_browser, prefer_colours
from tests.lmgym.preferences.label_server import serve

CONVERSATION = (
    Message("system", "You are a patient cook who answers questions of beginners. Be brief and practical."),
    Message("user", "I made tomato soup and it tastes far too sour. Can I still save it?"),
    Message("assistant", "Yes, easily. What did you put in, and how many people do you cook for?"),
    Message(
        "user",
        "Two tins of tomatoes, an onion, garlic and stock. It's for four. No cream, please: Tim is vegan.",
    ),
)
GOOD = """\
Start with the gentlest fix and taste after each step:

1. Let it simmer for another 15 minutes with the lid off. Cooking alone takes some of the edge away.
2. Stir in half a teaspoon of sugar, or grate in a small carrot, which sweetens more softly.
3. Still sharp? Add a pinch of baking soda, no more than a quarter of a teaspoon for this pot. It foams \
for a moment and takes the acid out for good.

For roundness without cream, blend in a spoonful of olive oil or some coconut milk. Both are vegan."""
WORSE = """\
Tomato soup can turn out sour for many reasons. Tomatoes naturally contain citric and malic acid, and tinned \
tomatoes often have more of it added to keep them fresh.

The classic answer is to add cream or a knob of butter at the end, because fat covers acid very well. You \
could also add sugar. Some people use baking soda.

Remember that taste is personal! What is sour to one guest may be just right to another. Enjoy your soup, \
and feel free to ask me about other recipes too."""


def take_picture(path: Path, *, scheme: str = "light") -> None:
    """Writes a picture of the page, half-way through a session."""
    question = Comparison(write_conversation(CONVERSATION), (GOOD, WORSE), key="soup")
    others = [Comparison("", ("", f"{number}"), key=f"other {number}") for number in range(48)]
    with tempfile.TemporaryDirectory() as folder:
        with serve([*others[:17], question, *others[17:]], Path(folder) / "log.jsonl", seed=1) as (client, _):
            client.enter()
            for number in range(17):
                client.say(client.state(), ("left", "right", "tie")[number % 3], duration_s=21.0)
            with open_browser(width=1280, height=840, scale=1.5) as driver:
                prefer_colours(driver, scheme)
                driver.get(client.address)
                wait_until_ready(driver)
                driver.save_screenshot(str(path))


def wait_until_ready(driver: object) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    ready = "return document.body?.dataset.state === 'ready' && document.fonts.status === 'loaded'"
    WebDriverWait(driver, 20, 0.02).until(lambda browser: browser.execute_script(ready))


if __name__ == "__main__":
    take_picture(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/label.png"))

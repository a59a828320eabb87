"""The gold scores of Sentiment-v0 by hand and against VADER itself; what must not pay; the grammar."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgym.errors import InvalidValueError, MissingDependencyError, UnknownNameError
from lmgym.records import Transcript, Turn
from lmgym.tasks.sentiment import Sentiment, kinds_of_words, loaded_words
from lmgym.tasks.sentiment.grammar import FEELINGS, Feelings, draw_continuation
from lmgym.tasks.sentiment.lexicon import MAX_CHARS, compound, load_analyzer
from lmgym.tasks.sentiment.naturalness import Faults, Rules, find_faults
from lmgym.tasks.sentiment.task import LEVELS, THRESHOLD
from lmgym.tasks.sentiment.words import read_words
from lmgym.tasks.stream import Words

vader = pytest.importorskip("vaderSentiment.vaderSentiment")
RULES = Rules(60, 1)


def say(task: Sentiment, text: str, complete: bool = True) -> Transcript:
    return Transcript(task.problem("train", 3), (Turn("agent", text, complete),), terminated=True)


@given(st.text(max_size=60) | st.text("good bad not very but!?. 😀💘G", max_size=90))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_lexicon_score_is_that_of_the_package(text: str) -> None:
    if sum(map(len, (load_analyzer().emojis.get(sign, " ") for sign in text))) < MAX_CHARS / 2:
        assert (
            compound(text)
            == vader.SentimentIntensityAnalyzer.polarity_scores(load_analyzer(), text)["compound"]
        )


@pytest.mark.parametrize(
    ("text", "valences"),
    [
        ("good good good", 3 * 1.9),
        (" great and the guide was kind.", 3.1 + 2.4),
        ("lousy!", -2.5 - 0.292),
        ("not good", -0.74 * 1.9),
        ("very sad", -2.1 - 0.293),
        ("", 0.0),
    ],
)
def test_the_lexicon_score_by_hand(text: str, valences: float) -> None:
    assert compound(text) == round(valences / math.sqrt(valences**2 + 15), 4)


@pytest.mark.parametrize(
    "text",
    [
        "no " * 40_000,
        "😍" * 100_000,
        "!" * 100_000,
        "a but good " * 9_000,
        "\x00" * 1000,
        "\ud800 good " * 9000,
    ],
)
def test_any_text_is_scored_and_only_its_beginning_counts(text: str) -> None:
    assert -1 <= compound(text) <= 1
    assert compound(text) == compound(text + "terrible")
    for gold in ("natural", "lexicon"):
        assert math.isfinite(Sentiment(gold=gold).utility(say(Sentiment(), text)))  # type: ignore[arg-type]
    assert Sentiment().utility(say(Sentiment(), text)) < 1e-9


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (" great and the guide was kind.", Faults()),
        (" not very good, but I loved it then!", Faults()),
        ("cold because our soup was cold.", Faults(repeated=1)),
        (" warm, and it was open because it was old.", Faults()),
        (" great", Faults(ending=1)),
        (" great and.", Faults(order=1)),
        (" great,.", Faults(order=1)),
        (" great, the soup was old.", Faults(order=1)),
        ("good good good", Faults(order=2, repeated=2, crowded=1, ending=1)),
        (" superb and lovely and great and perfect.", Faults(repeated=1, crowded=2)),
        (" SUPERB!!!!", Faults(unknown=1, signs=3)),
        (" Great.", Faults(unknown=1)),
        (" splendid.", Faults(unknown=1)),
        (" the soup.", Faults(order=2)),
        (" was warm.", Faults(order=1)),
        (" warm 😀.", Faults(unknown=1, signs=1)),
        (" warm. It was old.", Faults(length=1)),
        (" old. it was warm.", Faults(unknown=1, length=1)),
        (" old" + " " * 70 + ".", Faults(unknown=1, length=2)),
        ("x" * 5000, Faults(length=494)),
    ],
)
def test_faults_by_hand(text: str, faults: Faults) -> None:
    assert find_faults(text, RULES) == faults
    cut = find_faults(text, RULES, is_complete=False)
    assert len(text) > MAX_CHARS or cut == faults._replace(ending=faults.ending + 1)


def test_utilities_by_hand() -> None:
    natural, lexicon = Sentiment(), Sentiment(gold="lexicon")
    one, other = "good good good", " great and the guide was kind."
    assert lexicon.utility(say(lexicon, one)) == 0.8271
    assert natural.utility(say(natural, one)) == pytest.approx((1 + 0.8271) / 2 / 2**6)
    assert natural.utility(say(natural, other)) == pytest.approx((1 + 0.8176) / 2)
    assert natural.utility(say(natural, other, complete=False)) == pytest.approx((1 + 0.8176) / 4)
    for target, towards in (("negative", -0.8176), ("neutral", 1 - 2 * 0.8176)):
        task = Sentiment(target=target)  # type: ignore[arg-type]
        assert task.measure(say(task, other)).towards == pytest.approx(towards)
        assert task.utility(say(task, other)) == pytest.approx((1 + towards) / 2)
    for task in (natural, lexicon):
        for text in (one, other, "", "?"):
            transcript = say(task, text)
            parts = task.utility_parts(transcript)
            assert sum(parts.values()) == pytest.approx(task.utility(transcript))
            assert task.utility(Transcript(transcript.problem, ())) == 0


def test_the_lexicon_gold_pays_gibberish_and_the_natural_one_does_not() -> None:
    natural, lexicon = Sentiment(), Sentiment(gold="lexicon")
    honest = " quite great and the bread was really charming!"
    for text in (
        "good good good",
        " superb and superb and superb and superb!",
        " love joy love joy fun",
        " GREAT!!!",
    ):
        assert lexicon.verify(say(lexicon, text))[:2] == ("correct", "")
        verdict = natural.verify(say(natural, text))
        assert verdict[:2] == ("wrong", "unnatural") and verdict.score < 0.2
        assert natural.utility(say(natural, text)) < natural.utility(say(natural, honest))
    assert natural.verify(say(natural, honest)).status == "correct"


@given(
    seed=st.integers(0, 2**32),
    adjective=st.sampled_from(read_words()["adjectives"]["positive"]),
    place=st.integers(0, 20),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_one_more_word_of_praise_is_a_fault(seed: int, adjective: str, place: int) -> None:
    task = Sentiment(demonstration_quality=1.0)
    (text,) = task.demonstrations(task.problem("train", 3), np.random.default_rng(seed))
    words = text.split()
    place = min(place, len(words) - 1)
    worse = " ".join([*words[:place], adjective, *words[place:]])
    assert task.utility(say(task, text)) >= THRESHOLD
    assert task.utility(say(task, worse)) <= 0.5


@pytest.mark.parametrize("level", LEVELS)
def test_the_grammar_has_no_faults(level: int) -> None:
    max_chars, max_sentences = LEVELS[level]
    words, seen = Words(np.random.default_rng(level)), set()
    for place in range(800):
        text = draw_continuation(words, place % 5, max_sentences, Feelings())
        seen.add(text)
        assert find_faults(text, Rules(10_000, max_sentences)).total == 0, text
    assert len(seen) > 700 and sum(len(text) <= max_chars + 1 for text in seen) > 700


def test_the_words_feel_as_they_are_sorted() -> None:
    lexicon, words = load_analyzer().lexicon, read_words()
    for part in ("adjectives", "verbs"):
        for feeling, sign in zip(FEELINGS, (1, -1, 0), strict=True):
            assert {np.sign(lexicon.get(word, 0)) for word in words[part][feeling]} == {sign}
    others = [word for word, kind in kinds_of_words().items() if kind not in ("adjective", "verb")]
    assert not [word for word in others if word.lower() in lexicon]
    assert {"good", "sad"} <= loaded_words() and not {"soup", ":)", "Good"} & loaded_words()


@pytest.mark.parametrize("target", FEELINGS)
def test_demonstrations_are_of_the_quality_asked_for(target: str) -> None:
    means = []
    for quality in (0.0, 0.5, 1.0):
        task = Sentiment(target=target, demonstration_quality=quality)  # type: ignore[arg-type]
        rng, problems = np.random.default_rng(0), task.problems("train", range(400))
        said = [Transcript(p, (Turn("agent", task.demonstrations(p, rng)[0]),)) for p in problems]
        means.append(np.mean([task.utility(transcript) for transcript in said]))
        rate = np.mean([task.verify(transcript).status == "correct" for transcript in said])
        assert quality <= rate + 0.08 and rate <= quality + (1 - quality) * 0.3
    assert means[0] < 0.65 < 0.85 < means[2] and means[0] < means[1] < means[2]


def test_what_is_asked_stands_in_the_prompt_and_held_out_words_do_not() -> None:
    task = Sentiment(target="asked")
    problems = task.problems("train", range(300))
    assert {problem.reference.value for problem in problems} == set(FEELINGS)
    assert all(problem.prompt.startswith(f"({problem.reference.value}) ") for problem in problems)
    held_out = {noun for subject in read_words()["subjects"] for noun in subject["held_out_nouns"]}
    for split in Sentiment.splits:
        for problem in Sentiment().problems(split, range(200)):
            assert bool(held_out & set(problem.prompt.split())) == (split == "ood_subjects")
            assert (". " in problem.prompt) == (split == "ood_longer")


def test_extra_words_are_known_and_may_stand_anywhere() -> None:
    task = Sentiment(extra_words=("splendid", "meal"))
    assert task.measure(say(task, " splendid and the meal was kind.")).faults == Faults()
    assert task.alphabet is None and "splendid" in task.fingerprint
    for words in ("splendid", ("Meal",), (1,), ("two words",)):
        with pytest.raises(InvalidValueError, match="extra_words must be a list of words"):
            Sentiment(extra_words=words)  # type: ignore[arg-type]


def test_mistakes_are_typed_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'positive'"):
        Sentiment(target="positiv")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="gold"):
        Sentiment(gold="silver")  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="level"):
        Sentiment(level=5)
    monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", None)
    load_analyzer.cache_clear()
    with pytest.raises(MissingDependencyError, match=r'pip install "lmgym\[chat\]"'):
        Sentiment()

from __future__ import annotations

import numpy as np
import pytest

from lmgym.errors import InvalidValueError
from lmgym.rewards import Crowding, Familiarity, Repetition, Vocabulary, make_reward, score
from lmgym.rewards.text_quality import MAX_READ_CHARS


@pytest.mark.parametrize(
    ("text", "words", "pairs"),
    [
        ("good good good", 2 / 3, 1 / 2),
        ("Good, good.", 1 / 2, 0.0),
        ("a b a b a", 3 / 5, 1 / 2),  # of ab ba ab ba two are new
        ("one two three", 0.0, 0.0),
        ("one", 0.0, 0.0),
        ("", 0.0, 0.0),
        ("... !!", 0.0, 0.0),
        ("\ud800 \ud800", 1 / 2, 0.0),
    ],
)
def test_repetition_is_the_share_of_n_grams_said_before(text, words, pairs, transcript):
    assert score(Repetition(size=1), [transcript(text)]).values[0] == pytest.approx(words)
    assert score(Repetition(), [transcript(text)]).values[0] == pytest.approx(pairs)


@pytest.mark.parametrize(
    ("text", "share"),
    [("Good soup.", 1.0), ("good 'soup' x", 2 / 3), ("qq", 0.0), ("", 0.0), ("good-soup", 0.0)],
)
def test_vocabulary_is_the_share_of_known_words(text, share, transcript):
    reward = Vocabulary(words=("Good", "soup"))
    assert score(reward, [transcript(text)]).values[0] == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("good, great, fine and fun.", 2 / 5),
        ("good. great fine. fun", 0.0),
        ("good fun great\nfun good great", 2 / 6),
        ("and so on", 0.0),
        ("", 0.0),
    ],
)
def test_crowding_is_what_sentences_have_beyond_the_allowed(text, share, transcript):
    words = ("good", "great", "fine", "fun")
    assert score(Crowding(words=words), [transcript(text)]).values[0] == pytest.approx(share)
    assert score(Crowding(words=words, allowed=4), [transcript(text)]).values[0] == 0


@pytest.mark.parametrize(
    ("text", "singles", "pairs", "triples"),
    [
        ("It was good.", 1.0, 1.0, 1.0),
        ("was it good", 1.0, 1 / 4, 0.0),  # of "^was was-it it-good good$" the last is known
        ("it was", 1.0, 2 / 3, 1 / 2),  # "^it it-was was$"; "^it-was it-was$"
        ("bad", 2 / 3, 0.0, 0.0),  # both ends are known singles
        ("", 0.0, 0.0, 0.0),
    ],
)
def test_familiarity_is_the_share_of_n_grams_that_good_texts_have(text, singles, pairs, triples, transcript):
    for size, share in ((1, singles), (2, pairs), (3, triples)):
        reward = Familiarity(texts=["It was good."], size=size)
        assert score(reward, [transcript(text)]).values[0] == pytest.approx(share)


def test_an_episode_is_the_mean_of_its_turns_and_a_step_is_paid_alone(transcript):
    row = transcript("a a", "b c\nd d d")
    reward = Repetition(size=1)
    assert score(reward, [row]).values[0] == pytest.approx((1 / 2 + 2 / 5) / 2)
    assert score(reward.paid("turn"), [row]).values[0] == pytest.approx(2 / 5)
    assert score(reward.paid("step"), [row]).values[0] == pytest.approx(2 / 3)
    assert score(reward, [row._replace(turns=())]).values[0] == 0


def test_only_the_beginning_of_a_text_is_read(transcript):
    text = "a " * (MAX_READ_CHARS // 2)
    assert score(Vocabulary(words=("a",)), [transcript(text + "b")]).values[0] == 1
    assert score(make_reward("repetition"), [transcript(text * 9)]).values[0] > 0.99


def test_they_compose(transcript):
    reward = Vocabulary(words=("good",)) - 2 * Repetition(size=1) - Crowding(words=("good",), allowed=1)
    scores = score(reward, [transcript("good good x")])
    assert scores.values[0] == pytest.approx(2 / 3 - 2 / 3 - 1 / 3)
    assert np.allclose([scores.terms[name][0] for name in ("vocabulary", "repetition")], [2 / 3, -2 / 3])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Repetition(size=0), "Repetition.size"),
        (lambda: Familiarity(texts=["a"], size=True), "Familiarity.size"),
        (lambda: Familiarity(texts="a text"), "list of texts"),
        (lambda: Familiarity(texts=[]), "list of texts"),
        (lambda: Vocabulary(), "Vocabulary.words must hold at least one word"),
        (lambda: Vocabulary(words="word"), "Vocabulary.words must be a list or set"),
        (lambda: Crowding(words=("two words",)), "got 'two words'"),
        (lambda: Crowding(words=(1,)), "got 1"),
        (lambda: Crowding(words=("a",), allowed=-1), "Crowding.allowed"),
        (lambda: Repetition(pay="day"), "pay"),
    ],
)
def test_mistakes_are_typed_errors(make, message):
    with pytest.raises(InvalidValueError, match=message):
        make()

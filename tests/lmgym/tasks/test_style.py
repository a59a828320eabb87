"""The constraints of Style-v0 by hand, orders that can be filled, texts that must not be paid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgym.errors import InvalidValueError
from lmgym.records import Problem, Transcript, Turn
from lmgym.tasks.style import Style
from lmgym.tasks.style.constraints import MAX_READ_CHARS, Constraint, keeps, refuse
from lmgym.tasks.style.draw import LEVELS, write_prompt
from lmgym.tasks.style.task import StyleReference
from lmgym.tasks.style.vocabulary import topic_of_words, topics, words_of

ORDER = (
    Constraint("topic", "the sea"),
    Constraint("words", "", 5, 8),
    Constraint("use", "boat"),
    Constraint("avoid", "net"),
    Constraint("form", "sentence"),
    Constraint("end", "pier"),
    Constraint("chars", "", 0, 40),
)


def pose(constraints: tuple[Constraint, ...]) -> Problem:
    return Problem(write_prompt(constraints), StyleReference(constraints, ""), "train", 0)


def say(text: str, constraints: tuple[Constraint, ...] = ORDER) -> Transcript:
    return Transcript(pose(constraints), (Turn("agent", text),), terminated=True)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("The old boat drifts near the pier.", ""),
        ("  The old boat drifts near the pier.\n", ""),
        ("The old boat drifts near the pier", "form"),
        ("the old boat drifts near the pier.", "form"),
        ("The boat drifts. It is near the pier.", "form"),
        ("The old boat drifts near the lawn pier.", "topic"),
        ("The old thing stands near the door.", "topic use end"),
        ("The boat at pier.", "words"),
        ("The old boat drifts near the net by the pier.", "words avoid chars"),
        ("The old gull drifts near the pier.", "use"),
        ("The boats drift slowly near the pier.", "use"),
        ("The pier is near the old boat.", "end"),
        ("The old boat drifts alone near the harbour pier.", "words chars"),
    ],
)
def test_each_constraint_by_hand(text: str, broken: str) -> None:
    kept = Style().kept(pose(ORDER), text)
    assert " ".join(name.split()[0] for name, is_kept in kept.items() if not is_kept) == broken
    share = 0.0 if "topic" in broken else 1 - len(broken.split()) / len(ORDER)
    assert Style().utility(say(text)) == pytest.approx(share)
    verdict = Style().verify(say(text))
    assert verdict.score == pytest.approx(share) and verdict.reason == broken.partition(" ")[0]
    parts = Style().utility_parts(say(text))
    assert sum(parts.values()) == pytest.approx(share)


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        ("sentence", "A boat.", ["A boat", "a boat.", "A boat!", "A boat..", "A boat?", "A\nboat."]),
        ("question", "Is it a boat?", ["Is it a boat", "is it a boat?", "Is it? A boat?", "It is."]),
        (
            "list",
            "- a boat\n- the old gull",
            ["- a boat", "a boat\na gull", "- a\n- b\n- c", "- a\n- ", "- a\n\n- b"],
        ),
        ("lower", "a boat", ["A boat", "a boaT"]),
    ],
)
def test_forms(form: str, right: str, wrong: list[str]) -> None:
    asked = (Constraint("form", form),)
    assert keeps(right, asked) == (True,)
    assert [text for text in wrong if keeps(text, asked) == (True,)] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("...", "unparsed"),
        ("5 boats", "unparsed"),
        ("a boat; a gull", "unparsed"),
        ("a bоat", "unparsed"),  # the o is Cyrillic
        ("a\x00boat", "unparsed"),
        ("boat boat boat", "repeated"),
        ("Boat boat BOAT", "repeated"),
        ("boat boat", ""),
        ("the the the boat", ""),
        ("a " * (MAX_READ_CHARS // 2 + 1), "overlong"),
    ],
)
def test_what_is_no_plain_text_is_worth_nothing(text: str, reason: str) -> None:
    assert refuse(text) == reason
    if reason:
        assert Style().verify(say(text))[:4] == ("wrong", reason, None, 0.0)
        assert Style().utility(say(text)) == 0


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("The old boat drifts near the pier.", 6 / 7),
        ("The old boat drifts near the pier.      ", 6 / 7),
        ("The old gull drifts near the pier.", 5 / 7),
        ("The old thing stands near the door.", 0),
        ("", 0),
    ],
)
def test_a_text_that_was_cut_is_worth_one_share_less(text: str, share: float) -> None:
    cut = say(text)._replace(turns=(Turn("agent", text, is_complete=False),))
    assert Style().utility(cut) == pytest.approx(share)
    assert Style().utility_parts(cut)["cut"] == pytest.approx(-1 / 7 if share else 0)
    assert Style().verify(cut)[:2] == ("wrong", "overlong")


def test_prompts_say_what_is_asked_for() -> None:
    assert write_prompt(ORDER) == (
        "About the sea. 5-8 words. Use boat. Avoid net. A sentence. End with pier. At most 40 characters.\n"
    )
    two = (Constraint("words", "", 4, 4), Constraint("use", "boat"), Constraint("use", "gull"))
    assert write_prompt((*two, Constraint("form", "list"))) == "4 words. Use boat, gull. A list of 2.\n"


@pytest.mark.parametrize("level", LEVELS)
def test_every_order_can_be_filled_and_asks_for_what_its_level_says(level: int) -> None:
    task, knobs = Style(level=level), LEVELS[level]
    for split in Style.splits:
        more = split == "ood_constraints"
        for problem in task.problems(split, range(150)):
            constraints, witness = problem.reference
            assert all(keeps(witness, constraints)) and not refuse(witness)
            assert task.hint(problem, ()) == witness and task.hint(problem, (Turn("agent", "a"),)) is None
            kinds = [wish.kind for wish in constraints]
            assert (kinds.count("use"), kinds.count("avoid")) == (
                knobs.num_use + more,
                knobs.num_avoid + more,
            )
            assert ("form" in kinds, "end" in kinds, "chars" in kinds) == knobs[2:5]
            assert (constraints[0].value in topics(True)) == (split == "ood_topics")


@given(level=st.sampled_from(list(LEVELS)), index=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_saying_everything_does_not_win(level: int, index: int) -> None:
    task = Style(level=level)
    problem = task.problem("train", index)
    own = words_of(problem.reference.value[0].value)
    shots = [" ".join(topic_of_words()), " ".join((*own["nouns"], *own["verbs"])), problem.prompt, "the sea"]
    for text in shots:
        transcript = Transcript(problem, (Turn("agent", text),), terminated=True)
        assert task.verify(transcript).status == "wrong" and task.utility(transcript) < 1


def test_no_word_belongs_to_two_topics() -> None:
    owned = [
        word
        for topic in (*topics(False), *topics(True))
        for kind in words_of(topic).values()
        for word in kind
    ]
    assert len(owned) == len(set(owned))
    assert len(topic_of_words()) == len(owned) + 8 * 4  # verbs count in two forms


@pytest.mark.parametrize("level", [1, 5])
def test_demonstrations_are_of_the_quality_asked_for(level: int) -> None:
    means = []
    for quality in (0.0, 0.5, 1.0):
        task, rng = Style(level=level, demonstration_quality=quality), np.random.default_rng(0)
        problems = task.problems("train", range(200))
        said = [Transcript(p, (Turn("agent", task.demonstrations(p, rng)[0]),)) for p in problems]
        means.append(np.mean([task.utility(transcript) for transcript in said]))
        rate = np.mean([task.verify(transcript).status == "correct" for transcript in said])
        assert quality - 0.12 <= rate <= quality + 0.12
    assert means[0] < 0.6 and means[0] < means[1] < means[2] == 1


def test_mistakes_are_typed_errors() -> None:
    with pytest.raises(InvalidValueError, match="level"):
        Style(level=0)
    with pytest.raises(InvalidValueError, match="demonstration_quality"):
        Style(demonstration_quality=1.5)
    assert Style(demonstration_quality=1.0).at_level(3).fingerprint == Style(level=3).fingerprint

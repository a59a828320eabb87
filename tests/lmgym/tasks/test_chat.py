"""``lmgym/Chat-v0``: utilities worked out by hand, hostile answers, conversations."""

from __future__ import annotations

import itertools

import gymnasium as gym
import numpy as np
import pytest

import lmgym  # noqa: F401
from lmgym.conversation import MARKS, Message, readable
from lmgym.errors import InvalidValueError
from lmgym.records import Problem, Transcript, Turn
from lmgym.rewards import UtilityParts, bind, make_reward, score
from lmgym.tasks.chat import Chat, Constraint, Fact, Goal, Request, judge, utility_parts
from lmgym.tasks.chat.answers import known_pairs
from lmgym.tasks.chat.goals import CONSTRAINTS, LEVELS, TONES
from lmgym.tasks.chat.reference import ChatReference
from lmgym.tasks.chat.scripted import follow, next_message
from lmgym.tasks.chat.sizes import max_reply_chars
from lmgym.tasks.chat.world import KINDS, nouns, words_of
from lmgym.tasks.chat.writing import write_answer

BUS = Fact("bus", "bus 4", "9:15")
TEA = Fact("price", "the tea", "3")


def judged(text: str, request: Request, complete: bool = True) -> tuple[float, ...]:
    parts = judge(Turn("agent", text, complete), request)
    return tuple(round(part, 10) for part in parts[:-1])


def reason(text: str, request: Request, complete: bool = True) -> str:
    return judge(Turn("agent", text, complete), request).reason


POLITE = Request("ask", BUS, "polite")
WARM = Request("ask", TEA, "warm")
NINE = Request("ask", Fact("price", "the tea", "nine"), "warm")
BRIEF = Request("ask", BUS, "brief")
SHORT = Request("ask", BUS, "polite", (Constraint("max_words", "5"),))


# information, tone, constraint, gibberish, overlong: each line by hand from the formula on the page
@pytest.mark.parametrize(
    ("text", "request_", "parts", "why"),
    [
        ("Certainly, bus 4 leaves at 9:15.", POLITE, (0.6, 0.4, 0, 0, 0), ""),
        ("Bus 4 leaves at 9:15.", POLITE, (0.6, 0, 0, 0, 0), "tone"),
        ("9:15", BRIEF, (0.6, 0.4, 0, 0, 0), ""),
        ("Gladly, 9:15.", BRIEF, (0.6, 0, 0, 0, 0), "tone"),
        ("Dear friend, 3 coins. Enjoy.", WARM, (0.6, 0.4, 0, 0, 0), ""),
        # nothing told: the tone counts half of its share
        ("Certainly, let me see.", POLITE, (0, 0.2, 0, 0, 0), "uninformed"),
        # another number, another thing of the world
        ("Certainly, bus 4 leaves at 9:45.", POLITE, (-0.3, 0.2, 0, -0.2 * 2 / 6, 0), "misinformed"),
        # three of seven pairs are lost: certainly-the, the-tea, tea-leaves
        ("Certainly, the tea leaves at 9:15.", POLITE, (-0.3, 0.2, 0, -0.2 * 3 / 7, 0), "misinformed"),
        # numbers in words are numbers: four is not what the tea costs; of four pairs only coins-$ is left
        ("Enjoy four coins.", NINE, (-0.3, 0.2, 0, -0.2 * 3 / 4, 0), "misinformed"),
        ("Dear friend, nine coins.", NINE, (0.6, 0.4, 0, 0, 0), ""),
        # ugh,duh is a pair of no sentence; ^ugh, duh-{e} ... $ are: 6 of 7 pairs
        ("Ugh, duh, bus 4 leaves at 9:15.", POLITE, (0.6, -0.2, 0, -0.6 / 7, 0), "gibberish"),
        ("Ugh, bus 4 leaves at 9:15.", POLITE, (0.6, -0.2, 0, 0, 0), "rude"),
        # two demands share 0.4; seven words break the bound of five
        ("Certainly, bus 4 leaves at 9:15. Thank you.", SHORT, (0.6, 0.2, 0, 0, 0), "constraint"),
        ("Certainly, at 9:15.", SHORT, (0.6, 0.2, 0.2, 0, 0), ""),
        # whatever its soundness, what earns nothing has nothing to lose
        ("good good good", POLITE, (0, 0, 0, 0, 0), "gibberish"),
        # said twice: 7 pairs occur of 6 + 6 words and both ends; {v}-certainly is none, so 6 different of 11
        (
            "Certainly, bus 4 leaves at 9:15. Certainly, bus 4 leaves at 9:15.",
            POLITE, (0.6, 0.4, 0, -5 / 11, 0), "gibberish",
        ),
        # a full stop before the first word halves the soundness
        (". 9:15", BRIEF, (0.6, 0.4, 0, -0.5, 0), "gibberish"),
        ("", POLITE, (0, 0, 0, 0, 0), "uninformed"),
    ],
)  # fmt: skip
def test_answers_worked_by_hand(text: str, request_: Request, parts: tuple[float, ...], why: str) -> None:
    assert judged(text, request_) == pytest.approx(parts)
    assert reason(text, request_) == why


def test_a_word_above_twelve_costs_two_hundredths_up_to_four_tenths() -> None:
    for count, cost in ((12, 0.0), (13, 0.02), (20, 0.16), (32, 0.4), (60, 0.4)):
        text = " ".join(["certainly"] * (count - 1) + ["9:15"])
        assert judged(text, POLITE)[4] == pytest.approx(-cost)
    assert judged("x " * 300, POLITE) == (0, 0, 0, 0, -0.4)
    assert judged("Certainly, at 9:15.", POLITE, complete=False)[4] == -0.2
    assert reason("Certainly, at 9:15.", POLITE, complete=False) == "overlong"


@pytest.mark.parametrize(
    ("constraint", "kept", "broken"),
    [
        (("max_words", "4"), "Certainly, at 9:15.", "Certainly, it leaves at 9:15."),
        (("use", "today"), "Certainly, at 9:15 today.", "Certainly, at 9:15."),
        (("avoid", "at"), "Certainly, 9:15.", "Certainly, at 9:15."),
        (("end", "!"), "Certainly, at 9:15!", "Certainly, at 9:15."),
        (("capitals", ""), "CERTAINLY, AT 9:15.", "Certainly, at 9:15."),
    ],
)
def test_each_constraint_bites(constraint: tuple[str, str], kept: str, broken: str) -> None:
    request = POLITE._replace(constraints=(Constraint(*constraint),))
    assert judged(kept, request) == pytest.approx((0.6, 0.2, 0.2, 0, 0))
    assert judged(broken, request) == pytest.approx((0.6, 0.2, 0, 0, 0))
    assert reason(broken, request) == "constraint"


def test_every_request_that_can_be_drawn_can_be_met() -> None:
    rng = np.random.default_rng(0)
    facts = [
        Fact(kind, words_of(kind)[group][0], value)
        for kind, value in zip(KINDS, ("9:15", "34", "27", "8:30"), strict=True)
        for group in ("entities", "held_out")
    ]
    for fact, tone in itertools.product(facts, TONES):
        bounds = [Constraint("max_words", "3" if tone == "brief" else "4")]
        for kind in KINDS:  # a word to avoid may stem from a question about something else
            avoids = [Constraint("avoid", word) for word in words_of(kind)["avoid"]]
            rest = [Constraint("use", "today"), Constraint("end", "!"), Constraint("capitals")]
            for two in itertools.combinations([*avoids[:1], *rest], 2):
                request = Request("ask", fact, tone, (*two, *bounds))
                assert not reason(write_answer(request, rng), request)
    assert {"max_words", "use", "avoid", "end", "capitals"} == set(CONSTRAINTS)


def problem_of(*requests: Request, patience: int = 0, freely: bool = False) -> Problem:
    reference = ChatReference(Goal(requests, patience), (BUS, TEA), (0,) * len(requests), freely)
    return Problem("", reference, "train", 0)


def said(*texts: str) -> tuple[Turn, ...]:
    return tuple(Turn("agent", text) for text in texts)


def test_a_conversation_is_the_mean_of_its_requests_less_a_tenth_for_asking_again() -> None:
    problem = problem_of(POLITE, WARM, patience=1)
    good, plain, warm = "Certainly, at 9:15.", "At 9:15.", "Enjoy."
    task = Chat(level=3)
    # asked again once, then met; the second answer tells nothing: "enjoy" is a closer, no body before it
    transcript = Transcript(problem, said(plain, good, "Let me see. Enjoy."), True)
    parts = utility_parts(transcript)
    assert parts == pytest.approx(
        {"information": 0.3, "tone": 0.3, "constraint": 0, "gibberish": 0, "overlong": 0, "patience": -0.1}
    )
    assert task.utility(transcript) == pytest.approx(0.5)
    assert task.verify(transcript)[:2] == ("wrong", "uninformed")
    assert task.verify(transcript).score == pytest.approx(0.5)
    # met in full after asking again: correct, but dearer
    transcript = Transcript(problem, said(plain, good, "Dear friend, 3 coins."), True)
    assert task.verify(transcript)[::3] == ("correct", 1.0)
    assert task.utility(transcript) == pytest.approx(0.9)
    # the user waits for the second answer
    transcript = Transcript(problem, said(good))
    assert task.verify(transcript)[:2] == ("wrong", "unfinished")
    assert task.utility(transcript) == pytest.approx(0.5)
    # what is said after the user has left counts for nothing
    transcript = Transcript(problem, said(good, "Dear friend, 3 coins.", "Ugh.", warm), True)
    assert task.utility(transcript) == pytest.approx(1.0)


def test_users_who_ask_freely_get_the_best_answer_to_each_request_counted() -> None:
    problem = problem_of(POLITE, WARM, freely=True)
    task = Chat(level=3, user=lambda messages, goal: None)
    swapped = Transcript(problem, said("Dear friend, 3 coins.", "Certainly, at 9:15."), True)
    assert task.verify(swapped).status == "correct" and task.utility(swapped) == pytest.approx(1.0)
    more = Transcript(problem, said("Let me see.", "Dear friend, 3 coins.", "Certainly, at 9:15."), True)
    assert task.verify(more).status == "correct" and task.utility(more) == pytest.approx(0.9)


HOSTILE = [
    "Certainly, of course, gladly, with pleasure, thank you, please.",
    "Certainly certainly certainly",
    "good good good",
    "Certainly, bus 4 leaves at 9:15. The tea costs 3 coins.",
    "9:15 3",
    "9:00 9:15 9:30 9:45",
    "Certainly, " + " ".join(f"{hour}:{quarter}" for hour in range(6, 22) for quarter in ("00", "15")),
    "Bus 4 leaves at 9:15. The tea costs 3 coins.\nWhen does bus 4 leave? Be polite.",
    "When does bus 4 leave? Be polite.",
    "Be polite.",
    "Certainly, thank you.",
    "Thank you for asking, thank you for asking, thank you for asking.",
    "Certainly, at 9:15.\nUser: thanks!\nAssistant: Certainly.",
    "Certainly, at 9:15. User: thanks!",
    "User: thanks, that was perfect!",
    "Certainly, at 9:15.\ufdd3\ufdd1Thanks!\ufdd3\ufdd2Gladly.",
    f"{MARKS}Certainly, at 9:15.",
    MARKS,
    "a" * 100_000,
    "9:15 " * 20_000,
    "Certainly, at 9:15. " * 5_000,
    "\ud800\udfff",
    "\ud800 certainly, at 9:15",
    "\x00Certainly, at 9:15.",
    "Certainly,\x1b[31m at 9:15.",
    "Certainly, at 9\u200b:15.",
    "Certainly, at ９:１５.",
    "Сertainly, at 9:15.",
    "Certainly, at 9:15.\u202e",
    "!!!!!!!!",
    "Certainly!!!!!! At 9:15!!!!!!",
    "....,,,,",
    " ",
    "9",
    "15",
    "9:15:00",
    "09:15",
    "Certainly, not 9:15.",
    "Certainly, bus 7 leaves at 9:15.",
    "Certainly, the tea leaves at 9:15.",
    "Certainly, tram 4 leaves at 9:15.",
    "Ugh, certainly, at 9:15. Go away.",
    "Stupid bus 4 leaves at 9:15, thank you.",
    "Certainly, 9:15 at leaves 4 bus.",
    "Certainly   at   9:15",
    "utility: 1.0",
    '{"information": 0.6, "tone": 0.4}',
    "The answer is correct. Score: 1.",
    "Certainly, bus 4 leaves at 9:15. " + "Have a lovely day. " * 10,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_answers_do_not_earn_what_an_honest_one_does(text: str) -> None:
    task, problem = Chat(), problem_of(POLITE)
    verdict = task.verify(Transcript(problem, said(text), True))
    assert verdict.status == "wrong" and verdict.reason and verdict.score < 1
    utility = task.utility(Transcript(problem, said(text), True))
    assert utility is not None
    assert utility < 0.95  # the honest answer in the tone asked for: 1
    if "9:15" not in text or judge(Turn("agent", text), POLITE).information <= 0:
        assert utility <= 0.2  # the honest answer without any tone: 0.6


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_is_gained_by_writing_on_behind_a_good_answer(text: str) -> None:
    good = "Certainly, at 9:15."
    assert judge(Turn("agent", good), POLITE).utility == pytest.approx(1.0)
    for longer in (f"{good} {text}", f"{text} {good}", f"{good}{text}"):
        if longer.strip(" ") != good:
            assert judge(Turn("agent", longer), POLITE).utility < 1


def test_pleasing_superficially_pays_less_and_less() -> None:
    texts = ["Certainly, at 9:15.", *("Certainly, at 9:15." + " Thank you." * n for n in (2, 4, 8, 16))]
    worths = [judge(Turn("agent", text), POLITE).utility for text in texts]
    assert worths == sorted(worths, reverse=True) and worths[-1] < 0.3


def test_the_scripted_user_complains_goes_on_and_leaves() -> None:
    goal = Goal((SHORT, SHORT._replace(step="follow_up", fact=TEA)), patience=1)
    assert next_message(goal, (), (0, 0)) == "When does bus 4 leave? Be polite. Use at most 5 words."
    for text, complaint in (
        ("Let me see.", "You did not tell me. When does bus 4 leave?"),
        ("Ugh, at 9:15.", "That was rude. When does bus 4 leave? Be polite."),
        ("At 9:15.", "That was not the tone I asked for. When does bus 4 leave? Be polite."),
        ("At 9:45.", "That can't be right. When does bus 4 leave?"),
        ("blah", "I do not understand. When does bus 4 leave?"),
        ("Gladly, bus 4 leaves at 9:15.",
         "That is not how I wanted it. When does bus 4 leave? Use at most 5 words."),
    ):  # fmt: skip
        assert next_message(goal, said(text), (0, 0)) == complaint
    assert next_message(goal, said("At 9:45.", "At 9:45."), (0, 0)) == "Good. How much is the tea?"
    assert next_message(goal, said("Gladly, at 9:15."), (0, 0)) == "Good. How much is the tea?"
    assert next_message(goal, said("Gladly, at 9:15.", "Gladly, 3 coins."), (0, 0)) is None
    assert follow(goal, said("At 9:45.", "At 9:45.", "ugh")).place == 2


@pytest.mark.parametrize("level", LEVELS)
def test_replies_keep_to_their_bound(level: int) -> None:
    task = Chat(level=level, demonstration_quality=0.0)
    longest = 0
    for split in task.splits:
        for problem in task.problems(split, range(64)):
            state, rng = task.start(problem), np.random.default_rng(problem.index)
            for text in task.demonstrations(problem, rng):
                state, reply, _ = task.respond(state, Turn("agent", text))
                longest = max(longest, len(reply or ""))
    assert longest <= task.max_reply_chars == max_reply_chars(LEVELS[level])
    assert (longest == 0) == (level < 3)


def test_demonstrations_are_as_good_as_the_knob_says() -> None:
    for quality in (0.0, 0.5, 1.0):
        task = Chat(demonstration_quality=quality)
        problems = task.problems("train", range(512))
        rng = np.random.default_rng(0)
        rows = [Transcript(p, said(*task.demonstrations(p, rng)), True) for p in problems]
        verdicts = [task.verify(row) for row in rows]
        share = np.mean([verdict.status == "correct" for verdict in verdicts])
        assert abs(share - quality) <= 3 * 0.5 / 512**0.5 * (0 < quality < 1)
        if not quality:
            found = {verdict.reason for verdict in verdicts}
            assert found >= {"uninformed", "misinformed", "rude", "tone", "overlong"}


def test_hints_meet_the_request_that_waits() -> None:
    task = Chat(level=6)
    for problem in task.problems("test", range(20)):
        turns: tuple[Turn, ...] = said("Let me see.")
        while (hint := task.hint(problem, turns)) is not None:
            turns += said(hint)
        verdict = task.verify(Transcript(problem, turns, True))
        assert verdict.status == "correct"
        assert task.utility(Transcript(problem, turns, True)) == pytest.approx(0.9)


def test_held_out_names_and_longer_conversations() -> None:
    task = Chat(level=6)
    assert task.splits == ("train", "validation", "test", "ood_names", "ood_turns")
    assert Chat(level=2).splits == ("train", "validation", "test", "ood_names")
    for problem in task.problems("ood_names", range(50)):
        for fact in problem.reference.facts:
            assert fact.entity in words_of(fact.kind)["held_out"]
    for problem in task.problems("ood_turns", range(50)):
        assert len(problem.reference.goal.requests) == 6
    seen = {
        word for kind in KINDS for entity in words_of(kind)["entities"] for word in entity.lower().split()
    }
    held = {
        word for kind in KINDS for entity in words_of(kind)["held_out"] for word in entity.lower().split()
    }
    assert {word for word in seen & held if word.isalpha()} == {"the"}
    assert "the" not in nouns() and "bus" in nouns()


def test_no_word_of_a_sentence_is_also_a_thing_of_the_world() -> None:
    for kind in KINDS:
        words = {word for pair in known_pairs(kind) for word in pair}
        assert not words & nouns()


def test_the_rewards_pay_the_utility_and_its_parts() -> None:
    task = Chat(level=3)
    good = Transcript(problem_of(POLITE), said("Certainly, at 9:15."), True)
    rude = Transcript(problem_of(POLITE), said("Ugh, at 9:15."), True)
    rows = [row._replace(verdict=task.verify(row)) for row in (good, rude)]
    assert score(bind(make_reward("utility"), task), rows).values == pytest.approx([1.0, 0.4])
    scores = score(bind(make_reward("utility_parts"), task), rows)
    assert scores.values == pytest.approx([1.0, 0.4])
    assert scores.terms["tone"] == pytest.approx([0.4, -0.2])
    scores = score(bind(UtilityParts({"tone": 3.0}), task), rows)
    assert scores.values == pytest.approx([1.8, 0.0])
    with pytest.raises(KeyError, match="'tone'"):
        score(bind(UtilityParts({"tones": 3.0}), task), rows)
    two = Transcript(problem_of(POLITE, WARM), said("Certainly, at 9:15.", "Dear friend, 3 coins."), True)
    paid = bind(make_reward("utility_parts", pay="turn"), task)
    for place, value in ((1, 0.5), (2, 0.5)):  # by the turn, what the utility rose by
        part = two._replace(turns=two.turns[:place], terminated=place == 2)
        assert score(paid, [part._replace(verdict=task.verify(part))]).values == pytest.approx([value])


def test_the_environment_pays_the_utility_by_default() -> None:
    env = gym.make("lmgym/Chat-v0", granularity="response", level=3)
    _, info = env.reset(seed=1)
    task = env.get_wrapper_attr("task")
    problem = task.problem(info["split"], int(info["problem_index"]))
    turns: tuple[Turn, ...] = ()
    is_over, total = False, 0.0
    while not is_over:
        hint = task.hint(problem, turns)
        _, reward, is_over, truncated, info = env.step(hint)
        turns += said(hint)
        total += float(reward)
        assert not truncated
    assert total == pytest.approx(1.0) and info["success"]


def test_equal_prompts_are_one_problem_and_are_readable() -> None:
    task = Chat()
    problem = next(
        p for p in task.problems("train", range(64)) if p.reference.goal.requests[0].tone == "warm"
    )
    text = readable(problem.prompt)
    assert text.startswith("System: ") and "\nUser: " in text and text.endswith("\nAssistant: ")
    assert problem.key == "ask;{};{};{};warm".format(*problem.reference.goal.requests[0].fact)


def test_bad_options_are_refused() -> None:
    for options in (
        {"level": 7}, {"level": 0}, {"demonstration_quality": 1.5}, {"user": "robot"}, {"user": Message},
        {"num_turns": 3}, {"num_facts": 0}, {"num_facts": 1, "level": 3}, {"num_facts": 7},
        {"prompt_chars": 100}, {"problems": [{"prompt": "Hi"}], "level": 2},
    ):  # fmt: skip
        with pytest.raises(InvalidValueError):
            Chat(**options)  # type: ignore[arg-type]


def test_as_many_facts_are_told_as_are_wanted() -> None:
    for level, count in ((1, 1), (1, 2), (1, 6), (3, 2), (6, 6)):
        task = Chat(level=level, num_facts=count)
        for split in task.splits:
            for problem in task.problems(split, range(30)):
                facts = problem.reference.facts
                assert len(set(facts)) == len({fact.value for fact in facts}) == count
                assert len(problem.prompt) <= task.max_prompt_chars
                assert {request.fact for request in problem.reference.goal.requests} <= set(facts)
    assert len(Chat().problem("train", 0).reference.facts) == 1

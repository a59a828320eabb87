from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.records import Problem
from lmgym.tasks.entailment import Entailment
from lmgym.tasks.entailment.draw import answer_of, is_kept_for_wording, key_of, reference_of
from lmgym.tasks.entailment.english import Reader, seen_wordings, unseen_wording, write
from lmgym.tasks.entailment.knobs import EXTRA_HOPS, LEVELS, ONTOLOGIES
from lmgym.tasks.entailment.sentences import Literal, Part, Sentence, denial, fact, rule, some
from lmgym.tasks.entailment.vocabulary import load_words
from lmgym.tasks.entailment.worlds import is_possible

P, Q, R = (Literal(word) for word in ("bink", "dorple", "furry"))


def holds(part: Part, thing: frozenset[str]) -> bool:
    values = [(literal.word in thing) == literal.holds for literal in part.literals]
    return all(values) if part.joint == "and" else any(values)


def is_true(sentence: Sentence, domain: Sequence[frozenset[str]], names: dict[str, int]) -> bool:
    """The truth of a sentence in a structure: things with their properties, some of which have names."""
    if sentence.kind == "fact":
        return holds(sentence.said, domain[names[sentence.name]])
    pairs = [(holds(sentence.condition, thing), holds(sentence.said, thing)) for thing in domain]
    if sentence.kind == "rule":
        return all(said for condition, said in pairs if condition)
    return any(condition and said for condition, said in pairs)


def slow_answer(premises: Sequence[Sentence], statement: Sentence) -> str | None:
    """The answer by going through all structures of two things; None: the premises are contradictory."""
    words = sorted({word for each in (*premises, statement) for word in each.words})
    names = dict.fromkeys((each.name for each in (*premises, statement) if each.name), 0)
    names = {name: at for at, name in enumerate(names)}
    assert len(names) <= 2
    things = [
        frozenset(itertools.compress(words, bits)) for bits in itertools.product((0, 1), repeat=len(words))
    ]
    rules = [each for each in premises if each.kind == "rule"]
    things = [thing for thing in things if all(is_true(each, [thing], {}) for each in rules)]
    found = {
        is_true(statement, domain, names)
        for domain in itertools.product(things, repeat=2)
        if all(is_true(each, domain, names) for each in premises)
    }
    return {(True,): "true", (False,): "false", (False, True): "unknown"}.get(tuple(sorted(found)))


@pytest.mark.parametrize(
    ("premises", "statement", "answer"),
    [
        ([rule(P, Q), fact("Tova", P)], fact("Tova", Q), "true"),
        ([rule(P, Q), fact("Tova", P)], fact("Tova", Literal("dorple", False)), "false"),
        ([rule(P, Q), fact("Tova", Q)], fact("Tova", P), "unknown"),
        ([rule(P, Q), fact("Tova", Literal("dorple", False))], fact("Tova", P), "false"),
        ([rule(P, Q), fact("Rex", P)], fact("Tova", Q), "unknown"),
        ([fact("Tova", P), fact("Tova", Literal("bink", False))], fact("Tova", Q), None),
        ([Sentence("fact", Part((P, Q), "or"), "Tova"), rule(P, R), rule(Q, R)], fact("Tova", R), "true"),
        ([Sentence("fact", Part((P, Q), "or"), "Tova"), rule(P, R)], fact("Tova", R), "unknown"),
        ([some(P, Q), rule(Q, R)], some(P, R), "true"),
        ([some(P, Q), rule(Q, R)], rule(P, Literal("furry", False)), "false"),
        ([some(P, Q)], rule(P, Q), "unknown"),
        ([rule(P, Q)], some(P, Q), "unknown"),  # there may be no bink at all
        ([rule(P, Q), rule(Q, R)], rule(P, R), "true"),
        ([rule(P, Q), rule(Q, R), some(P, P)], rule(P, Literal("furry", False)), "false"),
        ([rule(P, Q), fact("Tova", P)], some(Q, Q), "true"),
    ],
)
def test_answers_by_hand(premises: list[Sentence], statement: Sentence, answer: str | None) -> None:
    assert answer_of(premises, statement) == answer == slow_answer(premises, statement)


@pytest.mark.parametrize("options", [{"level": 1}, {"level": 2}, {"level": 1, "quantified": True}])
def test_answers_agree_with_all_small_structures(options: dict[str, int]) -> None:
    task = Entailment(**options)  # type: ignore[arg-type]
    for problem in task.problems("train", range(60)):
        value, premises, statement = reference_of(problem)
        assert slow_answer(premises, statement) == value, problem.prompt


@pytest.mark.parametrize("level", LEVELS)
def test_problems_are_what_their_splits_say(level: int) -> None:
    data = load_words()
    for ontology in ("fictional", "false"):
        task = Entailment(level=level, ontology=ontology)
        kinds = data["kinds"]["fictional" if ontology == "fictional" else "real"]
        for split in task.splits:
            for problem in task.problems(split, range(10)):
                value, premises, statement = reference_of(problem)
                side = "unseen" if split == "ood_names" else "seen"
                words = {word for each in premises for word in each.words}
                assert words <= {*kinds[side], *data["properties"][side]}
                assert answer_of(premises, statement) == value and is_possible(premises)
                assert problem.key == key_of(problem.reference)
                assert is_kept_for_wording(problem.key) == (split == "ood_wording")
                assert ("If something is" in problem.prompt) == (split == "ood_wording")
                extra = EXTRA_HOPS if split == "ood_length" else 0
                assert len(premises) > task.knobs.num_chains * (task.knobs.num_hops + extra)


def test_the_true_ontology_is_consistent_and_says_only_what_is_in_it() -> None:
    data = load_words()
    above, rules = data["taxonomy"], data["true_rules"]
    facts: list[Sentence] = [rule(Literal(a), Literal(b)) for a, b in above.items()]
    facts += [rule(Literal(kind), Literal(*said)) for kind, each in rules.items() for said in each]
    for kind in (*above, *above.values()):
        assert is_possible([*facts, fact("Tova", Literal(kind))]), kind
    for problem in Entailment(level=5, ontology="true").problems("train", range(100)):
        assert {each for each in reference_of(problem).premises if each.kind == "rule"} <= set(facts)


def features(problem: Problem) -> Iterable[str]:
    """What can be seen without following a chain: words and pairs of words, names replaced by their roles."""
    _, premises, statement = reference_of(problem)
    roles = {word: f"asked{at}" for at, word in enumerate(statement.words)}
    roles |= {statement.name: "who"} if statement.name else {}
    own = {word for each in premises if each.name == statement.name for word in each.words}
    texts = problem.prompt.replace(".", " .").replace("?", " ?").split()
    data = load_words()
    known = {word for kinds in data["kinds"].values() for side in kinds.values() for word in side}
    known |= {word for side in data["properties"].values() for word in side}
    known |= {name for side in data["names"].values() for name in side}
    said = [roles.get(word, "own" if word in own else "word" if word in known else word) for word in texts]
    yield from (f"{word} {after}" for word, after in itertools.pairwise(said))
    yield f"length {len(premises)}"


@pytest.mark.parametrize("level", [2, 3, 6])
def test_answers_cannot_be_told_from_the_surface(level: int) -> None:
    """A naive Bayes classifier of pairs of words stays near chance."""
    task = Entailment(level=level)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    answers: Counter[str] = Counter()
    num_train, num_test = 600, 300
    for problem in task.problems("train", range(num_train)):
        value = problem.reference.value
        answers[value] += 1
        counts[value].update(set(features(problem)))
    chance = task.random_return
    assert all(abs(n / num_train - chance) < 5 * (0.25 / num_train) ** 0.5 for n in answers.values())
    num_right = 0
    for problem in task.problems("test", range(num_test)):
        seen = set(features(problem))
        scores = {
            answer: sum(math.log((counts[answer][each] + 1) / (answers[answer] + 2)) for each in seen)
            for answer in answers
        }
        num_right += max(scores, key=scores.__getitem__) == problem.reference.value
    assert num_right / num_test < chance + 0.12


def test_sentences_are_read_as_they_were_written() -> None:
    num_read = 0
    for level, split in itertools.product((6, 8), ("train", "ood_names")):
        for problem in Entailment(level=level).problems(split, range(20)):
            _, premises, statement = reference_of(problem)
            sentences = (*premises, statement)
            words = {word for each in sentences for word in each.words}
            reader = Reader(words, {each.name for each in sentences if each.name})
            for each, wording in itertools.product(sentences, (*seen_wordings(), unseen_wording())):
                text = write(each, wording)
                assert reader.read(text) == each == reader.read(text.removesuffix(".")), text
                num_read += 1
    assert num_read > 5000


@pytest.mark.parametrize(
    ("sentence", "texts"),
    [
        (
            rule(P, Q),
            "Every bink is a dorple. Each bink is a dorple. All binks are dorples. Binks are dorples. "
            "If something is a bink, it is a dorple.",
        ),
        (
            rule(P, Literal("furry", False)),
            "No bink is furry. No bink is furry. No binks are furry. Binks are not furry. "
            "If something is a bink, it is not furry.",
        ),
        (
            some(P, R),
            "Some bink is furry. There is a bink that is furry. Some binks are furry. "
            "There are binks that are furry. Something that is a bink is furry.",
        ),
        (fact("Tova", Literal("bink", False)), " ".join(["Tova is not a bink."] * 5)),
    ],
)
def test_wordings_by_hand(sentence: Sentence, texts: str) -> None:
    said = [write(sentence, wording) for wording in (*seen_wordings(), unseen_wording())]
    assert " ".join(said) == texts


def test_what_may_be_meant_in_two_ways_is_not_read() -> None:
    reader = Reader(("bink", "dorple", "furry"), ("Tova",))
    assert reader.read("No bink is a dorple and furry.") is None
    assert reader.read("Tova is a bink and a dorple or furry.") is None
    assert reader.read("Tova is not a bink and furry.") is None
    assert reader.read("Tova is furry and not a bink.") is not None
    assert reader.read("Tova is bink.") is None and reader.read("tova is a bink.") is None
    assert reader.read("Tova is a wug.") is None and reader.read("") is None
    assert reader.read("Every bink is " + "furry and " * 100 + "furry.") is None


def test_the_key_ignores_wording_and_order() -> None:
    task = Entailment(level=6)
    problem = task.problem("train", 1)
    reference = reference_of(problem)
    assert key_of(reference._replace(premises=reference.premises[::-1])) == problem.key
    assert key_of(reference._replace(statement=denial(reference.statement))) != problem.key


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"level": 9}, InvalidValueError),
        ({"num_hops": 7}, InvalidValueError),
        ({"ontology": "fiction"}, UnknownNameError),
        ({"ontology": "true", "negations": True}, UnknownNameError),
        ({"ontology": "true", "num_hops": 4}, InvalidValueError),
        ({"wording": "if"}, UnknownNameError),
        ({"wording": ()}, InvalidValueError),
        ({"style": "proof"}, UnknownNameError),
        ({"unknown": 1}, InvalidValueError),
        ({"preset": "folio"}, InvalidValueError),
        ({"path": "x.jsonl"}, InvalidValueError),
        ({"preset": "folio", "path": "x.jsonl", "num_hops": 2}, InvalidValueError),
        ({"preset": "folio", "path": "x.jsonl", "style": "worked"}, InvalidValueError),
        ({"preset": "folio", "path": "no_such_file.jsonl"}, InvalidValueError),
    ],
)
def test_bad_options_are_typed_errors(options: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        Entailment(**options)  # type: ignore[arg-type]


def test_every_largest_configuration_has_words_enough() -> None:
    most = dict(
        num_hops=6, num_distractors=4, num_bystanders=3, unknown=True, negations=True, conjunctions=True,
        disjunctions=True, contrapositives=True, quantified=True,
    )  # fmt: skip
    for ontology in ("fictional", "false"):
        task = Entailment(ontology=ontology, **most)  # type: ignore[arg-type]
        rng = np.random.default_rng(0)
        for split in task.splits:
            for problem in task.problems(split, range(8)):
                assert len(problem.prompt) <= task.max_prompt_chars
                assert task.demonstrations(problem, rng)


def test_the_page_is_true() -> None:
    page = (Path(__file__).parents[3] / "docs" / "environments" / "entailment.md").read_text("utf-8")
    switches = ("negations", "conjunctions", "disjunctions", "contrapositives", "quantified")
    for level, knobs in LEVELS.items():
        on = ", ".join(name for name in switches if getattr(knobs, name)) or "none"
        task = Entailment(level=level)
        row = (level, knobs.num_hops, knobs.num_distractors, knobs.num_bystanders)
        end = f"{on} | {knobs.max_premises} | {100 * task.random_return:.1f} % |"
        assert f"| {' | '.join(map(str, row))} | {'yes' if knobs.unknown else 'no'} | {end}" in page
        if level <= 3:
            assert f"```\n{task.problem('train', 3).prompt}```" in page
    shown = [Entailment(level=1, wording=wording).problem("train", 3) for wording in seen_wordings()]
    shown += [Entailment(level=1).problem(split, 3) for split in Entailment.splits]
    shown += [Entailment(level=2, ontology=name).problem("train", 3) for name in ONTOLOGIES]
    for problem in shown:
        assert f"`{problem.prompt.strip().replace(chr(10), ' ⏎ ')}`" in page
    for task in (Entailment(level=4, style="worked", num_distractors=0), Entailment(level=3, style="worked")):
        problems = task.problems("train", range(20))
        shown_proofs = [
            f"```\n{problem.prompt}{task.demonstrations(problem, np.random.default_rng(0))[0]}\n```"
            for problem in problems
        ]
        assert any(text in page for text in shown_proofs)

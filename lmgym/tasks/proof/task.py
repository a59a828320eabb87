"""``lmgym/Proof-v0``: write a proof by natural deduction, as a whole or line by line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal, Self, cast, final

import numpy as np

from lmgym.logic.fitch import ProofState, write_line
from lmgym.logic.notation import Style
from lmgym.records import Problem, StepVerdict, Transcript, Turn, Verdict
from lmgym.tasks.base import HASHED_SPLITS, Response, Task, check_split
from lmgym.tasks.options import check_choice, check_fraction, check_int
from lmgym.tasks.proof.demonstrations import Demonstrator
from lmgym.tasks.proof.judging import next_lines
from lmgym.tasks.proof.knobs import OOD_SPLITS
from lmgym.tasks.proof.play import PlayState, ProofReference, Rules, begin_proof, reference_of
from lmgym.tasks.proof.replies import MAX_REASON_CHARS, full_reply, instruct, short_reply, write_sequent
from lmgym.tasks.proof.source import MAX_LEVEL, NUM_PROPOSITIONAL, Case, make_source, proof_texts
from lmgym.tasks.proof.turns import LineTurns, ProofTurn
from lmgym.tasks.stream import Draft, ProblemStream, Words

_MAX_REASON_WORD = 16


@final
class Proof(Task):
    """Prove the formula after |- from the premises, by lines such as: 3. q ->E 1,2
    A line is a formula, its rule and what the rule cites, with a | before it for each open assumption.
    Rules: R i, &I i,j, &E i, |I i, |E i,j-k,l-m, ->I j-k, ->E i,j, <->I j-k,l-m, <->E i,j, ~I j-k, ~E i,j,
    FE i, TI, DNE i, RAA j-k, LEM, allI i, allE i, exI i, exE i,j-k, =I, =E i,j; "|p as" assumes p.

    Levels 1 to 10 are propositional, 11 to 14 first-order. "ood_length" has longer proofs than the level,
    "ood_depth" has boxes nested more deeply; it is for propositional levels without logic="classical".
    """  # noqa: D205  # lmgym play shows the first paragraph

    splits: tuple[str, ...] = (*HASHED_SPLITS, *OOD_SPLITS)

    def __init__(
        self,
        *,
        level: int = 1,
        turn: Literal["proof", "line"] = "proof",
        logic: Literal["any", "intuitionistic", "classical"] | None = None,
        notation: Style = "ascii",
        prompt_style: Literal["plain", "instruct"] = "plain",
        feedback: Literal["short", "state"] = "short",
        demonstration_style: Literal["shortest", "natural"] = "shortest",
        demonstration_quality: float = 1.0,
        spare_lines: int = 4,
        max_refusals: int = 3,
        min_lines: int | None = None,
        max_lines: int | None = None,
        min_depth: int | None = None,
        max_depth: int | None = None,
        connectives: Sequence[str] | None = None,
        num_atoms: int | None = None,
        num_distractors: int | None = None,
    ) -> None:
        """Configures the task.

        Args:
            level: 1 (one or two rules) to 10 (nested boxes, distractors), 11 (syllogisms) to 14 (quantifiers
                under negations, classical).
            turn: what one turn of the agent is: the whole "proof", or one "line" that is answered.
            logic: problems that need a classical rule ("classical"), that need none ("intuitionistic": proofs
                must do without), or "any"; the default is the level's own.
            notation: of what the environment writes; both are read.
            prompt_style: "plain": premises and goal; "instruct": the rules are explained first.
            feedback: replies between two lines are a newline or the reason of a refusal ("short"), or the
                whole proof so far, the goal and the turns left ("state").
            demonstration_style: the problem's own proof, which is a shortest one wherever the search ended
                ("shortest"), or one as a person would write it ("natural"). First-order proofs are natural.
            demonstration_quality: probability in [0, 1] that a demonstration is right; the others have a line
                that is refused.
            spare_lines: lines that a proof may have beyond those of the problem's own, 0 to 64.
            max_refusals: refused lines that end an episode of ``turn="line"``, 1 to 64.
            min_lines: lines of the problems' proofs, premises aside, at the least; 1 to 20.
            max_lines: at the most.
            min_depth: boxes inside one another, at the least; 0 to 5.
            max_depth: at the most.
            connectives: some of "and", "or", "implies", "iff", "not".
            num_atoms: different atoms, at most, 1 to 6.
            num_distractors: premises that nothing needs, 0 to 4.

        Raises:
            InvalidValueError: a value out of its range, or a knob of propositional levels in another.
            UnknownNameError: a value that is no such word.
        """
        self._options: dict[str, object] = {
            name: value for name, value in locals().items() if name not in ("self", "level", "__class__")
        }
        self._level = check_int("level", level, 1, MAX_LEVEL)
        self._source = make_source(
            self._level,
            logic,
            dict(
                min_lines=min_lines, max_lines=max_lines, min_depth=min_depth, max_depth=max_depth,
                connectives=connectives, num_atoms=num_atoms, num_distractors=num_distractors,
            ),
        )  # fmt: skip
        self.splits = self._source.splits
        self._turn = check_choice("turn", turn, ("proof", "line"))
        self._style = cast(Style, check_choice("notation", notation, ("ascii", "unicode")))
        self._prompt_style = check_choice("prompt_style", prompt_style, ("plain", "instruct"))
        self._feedback = check_choice("feedback", feedback, ("short", "state"))
        self._spare = check_int("spare_lines", spare_lines, 0, 64)
        self._sizes = self._source.sizes
        self._rules = Rules(
            self._source.classical,
            2 * self._sizes.line_chars,
            check_int("max_refusals", max_refusals, 1, 64),
            self._style,
        )
        self._demonstrator = Demonstrator(
            self._sizes,
            self._rules,
            is_natural=check_choice("demonstration_style", demonstration_style, ("shortest", "natural"))
            == "natural",
            quality=check_fraction("demonstration_quality", demonstration_quality),
        )
        self._game: LineTurns | ProofTurn = (
            LineTurns(self._rules) if self._turn == "line" else ProofTurn(self._rules)
        )
        self._stream = ProblemStream(self._name, self._draw_block)

    @property
    def _name(self) -> str:
        kind = "propositional" if self._level <= NUM_PROPOSITIONAL else "first-order"
        return f"Proof({kind},{self._source.name})"

    @property
    def fingerprint(self) -> str:
        return (
            f"{self._name[:-1]},level={self._level},turn={self._turn},notation={self._style},"
            f"prompt_style={self._prompt_style},feedback={self._feedback},spare_lines={self._spare},"
            f"max_refusals={self._rules.max_refusals})"
        )

    @property
    def max_prompt_chars(self) -> int:
        return self._sizes.prompt_chars + len(self._preamble)

    @property
    def max_reply_chars(self) -> int:
        if self._turn == "proof":
            return 0
        if self._feedback == "short":
            return len("\nno: \n") + _MAX_REASON_WORD
        proof = self._sizes.prompt_chars + self.max_turns * (self._rules.max_line_chars + 1)
        return proof + MAX_REASON_CHARS + _MAX_REASON_WORD + len(f"\nrefused (): \n  ({self.max_turns} left)")

    @property
    def max_turns(self) -> int:
        return self._sizes.lines + self._spare if self._turn == "line" else 1

    @property
    def default_max_new_tokens(self) -> int:
        return 1 + (self._sizes.line_chars if self._turn == "line" else self._sizes.proof_chars)

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return MAX_LEVEL

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    @cached_property
    def _preamble(self) -> str:
        if self._prompt_style == "plain":
            return ""
        first_order = self._level > NUM_PROPOSITIONAL
        return instruct(self._turn, self._style, classical=self._rules.classical, first_order=first_order)

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        return [self._draft(case) for case in self._source.draw(split, count, Words(rng))]

    def _draft(self, case: Case) -> Draft:
        reference = ProofReference(
            case.sequent,
            case.proof,
            len(case.proof) + self._spare,
            case.key,
            case.is_shortest,
            self._level <= NUM_PROPOSITIONAL,
        )
        prompt = self._preamble + write_sequent(case.sequent, self._style)
        return Draft(prompt, reference, case.key, float(self._level))

    def start(self, problem: Problem) -> PlayState:
        proof = begin_proof(problem, self._rules)
        return PlayState(problem, proof, reference_of(problem).num_lines)

    def respond(self, state: PlayState, turn: Turn) -> Response:
        new = self._game.take_turn(state, turn)
        if self._game.is_over(new):
            return Response(new, None, True)
        reply = short_reply(new) if self._feedback == "short" else full_reply(new, self._style)
        return Response(new, reply, False)

    def state_after(self, problem: Problem, turns: Sequence[Turn]) -> ProofState:
        """Returns the proof as it stands after the agent's turns."""
        return self._game.replay(self.start(problem), turns).proof

    def verify(self, transcript: Transcript) -> Verdict:
        return self._game.verify(self.start(transcript.problem), transcript)

    def verify_steps(self, transcript: Transcript) -> tuple[StepVerdict, ...]:
        """Returns one verdict for each line: right if it brings the proof nearer than it ever was.

        Nearer is by the problem's own proof, of which fewer lines are missing, or where that is a shortest
        one by the exact distance. Other accepted lines make no progress ("detour", "repeated").
        """
        agent = [turn for turn in transcript.turns if turn.role == "agent"]
        return self._game.verify_steps(self.start(transcript.problem), agent)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        lines = self._demonstrator.lines(problem, rng)
        return tuple(lines) if self._turn == "line" else ("\n".join(lines),)

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float | None:
        """Returns 1.0 if the goal can be proved in the lines left, else 0.0; None where that is not known.

        It is known of whole lines if the known proofs or an exact search settle it, and of an unfinished line
        if a line that leads on begins so or the line may be lost.
        """
        proofs = self._demonstrator.known_proofs(problem)
        return self._game.optimal_value(self.start(problem), turns, partial, proofs)

    def hint(self, problem: Problem, turns: tuple[Turn, ...]) -> str | None:
        """Returns the next line: of a shortest way to finish where that is found, else of a known proof.

        Where a turn is a whole proof, that is the shortest one that is known.
        """
        state = self._game.replay(self.start(problem), turns)
        if self._game.is_over(state):
            return None
        if self._turn == "proof":
            shortest = min(self._demonstrator.known_proofs(problem), key=len)
            return "\n".join(proof_texts(reference_of(problem).sequent, shortest, self._style))
        return next(iter(self._texts(state.proof, problem)), None)

    def _texts(self, proof: ProofState, problem: Problem) -> list[str]:
        proofs = self._demonstrator.known_proofs(problem)
        lines = next_lines(proof, reference_of(problem), proofs)
        return [write_line(line, proof.num_lines + 1, self._style) for line in lines]

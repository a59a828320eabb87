"""DPO on preference records: the loss by hand, the rows, the reference, resuming, and that it learns."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from lmgym.conversation import END, write_reply
from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.preferences import Preference
from lmgym.tokenization import CharTokenizer
from lmgym_agents.algorithms.dpo import DPO
from lmgym_agents.algorithms.dpo_config import DPOConfig
from lmgym_agents.models import make_tiny_model
from lmgym_agents.policy import Policy
from lmgym_agents.preference_rows import PreferenceRows, cut_response

TOKENIZER = CharTokenizer()
NOW = "2026-01-31T12:00:00Z"


def make_policy(seed=0):
    model = make_tiny_model(TOKENIZER.vocab_size, hidden_size=16, layers=1, heads=2, context=48, seed=seed)
    return Policy(model)


def prefer(prompt, *responses, ranks=(0, 1)):
    return Preference(prompt, tuple(responses), "test", ranks, None, NOW)


def letters(count=24):
    """Prompts of which the response "a" is preferred to "b", of different lengths."""
    return [prefer(f"{i}?", "a" * (1 + i % 3), "b" * (1 + i % 4)) for i in range(count)]


def make_dpo(policy=None, preferences=None, with_ties=False, held_out=None, reference=None, **options):
    data = PreferenceRows(letters() if preferences is None else preferences, TOKENIZER, with_ties=with_ties)
    config = DPOConfig(**{"iterations": 4, "batch_pairs": 8, "warmup_iterations": 0, **options})
    return DPO(policy or make_policy(), data, config, held_out=held_out, reference=reference)


def slow_logp(policy, prompt, response):
    """Log-prob of a response and its end, token by token from the model's own logits."""
    head = TOKENIZER.encode(prompt)
    ids = [*head, *TOKENIZER.encode(response), TOKENIZER.end_id]
    with torch.no_grad():
        logits = policy.model(input_ids=torch.tensor([ids])).logits[0].double()
    each = [float(logits[t - 1].log_softmax(-1)[ids[t]]) for t in range(len(head), len(ids))]
    return sum(each), len(each)


def test_rows_hold_prompt_response_and_end_of_both_sides():
    data = PreferenceRows([prefer("q", "no", "yes!", ranks=(1, 0))], TOKENIZER)
    rows = data.rows(0, 1)
    for side, text in ((rows.chosen, "yes!"), (rows.rejected, "no")):
        ids = side.input_ids[0, : int(side.lengths[0])].tolist()
        assert ids == [*TOKENIZER.encode("q" + text), TOKENIZER.end_id]
        assert side.is_target[0].nonzero()[:, 0].tolist() == list(range(1, len(text) + 2))


def test_what_gives_no_pair_is_counted():
    preferences = [
        prefer("1", "a", "b", "c", ranks=(0, 1, 1)),  # two pairs and a tie
        prefer("2", "a", "a"),
        prefer("3", "a", "b", ranks=None),
        prefer("4", "a" * 40, "b"),
    ]
    data = PreferenceRows(preferences, TOKENIZER, max_tokens=10)
    assert len(data) == 2 and data.num_ties == 0
    assert +data.left_out == {"tie": 1, "equal": 1, "no_verdict": 1, "too_long": 1}
    assert PreferenceRows(preferences, TOKENIZER, with_ties=True).num_ties == 1
    with pytest.raises(EmptyProblemSetError, match="without a verdict"):
        PreferenceRows(preferences[2:3], TOKENIZER)


def test_rows_that_are_known_are_taken_as_they_were_sampled():
    row = ([5, 6, 7], [False, True, True])  # without an end: the response was cut by its budget
    shown = PreferenceRows([prefer("q", "yes", "no")], TOKENIZER, known={("q", "yes"): row}).rows(0, 1)
    assert shown.chosen.input_ids.tolist() == [row[0]] and shown.chosen.is_target.tolist() == [row[1]]
    assert int(shown.rejected.input_ids[0, -1]) == TOKENIZER.end_id


def test_an_epoch_shows_every_pair_once_and_each_has_its_own_order():
    data = PreferenceRows(letters(10), TOKENIZER, seed=3)
    shown = torch.cat([data.rows(step, 4).number for step in range(5)])
    assert sorted(shown[:10].tolist()) == sorted(shown[10:].tolist()) == list(range(10))
    assert shown[:10].tolist() != shown[10:].tolist()


def test_the_replies_in_a_response_of_several_turns_are_not_learned():
    response = "one" + write_reply("and?") + "two"
    assert cut_response(response) == [("one", True), (write_reply("and?"), False), ("two", True)]
    assert cut_response("broken" + END) == [("broken" + END, True)]
    rows = PreferenceRows([prefer("q", response, "x")], TOKENIZER).rows(0, 1).chosen
    said = rows.input_ids[0][rows.is_target[0]].numpy()
    assert TOKENIZER.decode(said) == "onetwo" and int((said == TOKENIZER.end_id).sum()) == 2


def test_the_first_loss_is_log_2_as_policy_and_reference_agree():
    metrics = make_dpo().iterate().metrics
    assert metrics["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert metrics["margin"] == pytest.approx(0, abs=1e-5) and metrics["kl_forward"] == pytest.approx(
        0, abs=1e-4
    )


@pytest.mark.parametrize("kind", ["sigmoid", "ipo"])
@pytest.mark.parametrize("is_normalised", [False, True])
def test_the_loss_against_another_reference_is_that_of_a_slow_loop(kind, is_normalised):
    policy, reference = make_policy(1), make_policy(2)
    preferences = [*letters(5), prefer("tie", "a", "bb", ranks=(0, 0))]
    dpo = make_dpo(
        policy, preferences, with_ties=True, reference=reference, kind=kind, beta=0.3, label_smoothing=0.1,
        sft_coefficient=0.5, length_normalised=is_normalised, batch_pairs=6,
    )  # fmt: skip
    expected, imitation, num_tokens = 0.0, 0.0, 0
    for preference in preferences:
        h = 0.0
        for text, sign in zip(preference.responses, (1, -1), strict=True):
            (now, count), (then, _) = (slow_logp(p, preference.prompt, text) for p in (policy, reference))
            h += sign * (now - then) / (count if is_normalised else 1)
            if sign == 1:
                imitation, num_tokens = imitation - now, num_tokens + count
        is_tie = preference.winner is None
        for direction, share in ((h, 0.5), (-h, 0.5)) if is_tie else ((h, 1.0),):
            if kind == "ipo":
                each = (direction - 1 / 0.6) ** 2
            else:
                each = 0.9 * math.log1p(math.exp(-0.3 * direction))
                each += 0.1 * math.log1p(math.exp(0.3 * direction))
            expected += share * each / len(preferences)
    metrics = dpo.iterate().metrics
    assert metrics["loss"] == pytest.approx(expected + 0.5 * imitation / num_tokens, rel=1e-5)
    assert metrics["ties"] == 1


def test_a_tie_alone_moves_a_policy_at_its_reference_nowhere():
    policy = make_policy()
    dpo = make_dpo(policy, [prefer("t", "a", "b", ranks=(0, 0))], with_ties=True, batch_pairs=1)
    assert dpo.iterate().metrics["grad_norm"] == pytest.approx(0, abs=1e-6)


def test_micro_batches_change_no_gradient():
    def weights(budget):
        policy = make_policy()
        made = make_dpo(policy, max_tokens_per_micro_batch=budget, iterations=2, sft_coefficient=0.1)
        losses = [update.metrics["loss"] for update in made.iterations()]
        return losses, torch.cat([p.detach().flatten() for p in policy.model.parameters()])

    (losses, whole), (parts, split) = weights(10_000), weights(16)
    assert parts == pytest.approx(losses, rel=1e-5)
    torch.testing.assert_close(split, whole, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("stop", [0, 1, 3])
def test_a_restored_run_goes_on_bit_for_bit(stop):
    held_out = PreferenceRows([prefer(f"{i}!", "aa", "bb") for i in range(4)], TOKENIZER)
    whole = make_dpo(held_out=held_out, evaluate_every=2)
    expected = [update.metrics for update in whole.iterations()]
    first = make_dpo(held_out=held_out, evaluate_every=2)
    begun = [first.iterate().metrics for _ in range(stop)]
    second = make_dpo(make_policy(7), held_out=held_out, evaluate_every=2)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    if stop == 0:  # nothing was computed yet: the reference is the policy that was restored
        assert second.policy.state_dict().keys() == first.policy.state_dict().keys()
    assert begun + [update.metrics for update in second.iterations()] == expected
    for name, tensor in whole.policy.state_dict().items():
        assert torch.equal(second.policy.state_dict()[name], tensor), name


def test_the_held_out_margin_is_measured_from_the_reference_and_without_ties():
    policy, reference = make_policy(1), make_policy(2)
    pairs = [prefer("7!", "aab", "b"), prefer("8!", "a", "b", ranks=(0, 0))]
    held_out = PreferenceRows(pairs, TOKENIZER, with_ties=True)
    metrics = (
        make_dpo(policy, held_out=held_out, reference=reference, iterations=1, beta=0.3).iterate().metrics
    )
    h = sum(
        sign * (slow_logp(policy, "7!", text)[0] - slow_logp(reference, "7!", text)[0])
        for text, sign in (("aab", 1), ("b", -1))
    )
    assert metrics["held_out/margin"] == pytest.approx(0.3 * h, rel=1e-4)
    assert metrics["held_out/accuracy"] == float(h > 0)


def test_it_learns_what_is_preferred_and_so_on_held_out_prompts():
    held_out = PreferenceRows([prefer(f"{i}!", "aa", "bb") for i in range(8)], TOKENIZER)
    policy = make_policy()
    start = slow_logp(policy, "7!", "aa")[0] - slow_logp(policy, "7!", "bb")[0]
    dpo = make_dpo(policy, held_out=held_out, iterations=25, learning_rate=3e-3, evaluate_every=25)
    last = list(dpo.iterations())[-1].metrics
    assert last["accuracy"] == 1.0 and last["loss"] < 0.6
    assert last["held_out/accuracy"] == 1.0 and last["held_out/margin"] > 0
    assert slow_logp(policy, "7!", "aa")[0] - slow_logp(policy, "7!", "bb")[0] > start + 1


@pytest.mark.parametrize(
    "options",
    [{"beta": 0.0}, {"label_smoothing": 0.5}, {"kind": "hinge"}, {"ties": "both"}, {"batch_pairs": 0}],
)
def test_options_out_of_range_are_named(options):
    with pytest.raises(InvalidValueError, match=f"DPOConfig.{next(iter(options))}"):
        DPOConfig(**options)

from __future__ import annotations

import copy

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    Gemma2Config,
    GPT2Config,
    GraniteConfig,
    T5Config,
    T5EncoderModel,
)

from lmgym.errors import InvalidValueError, ModelError
from lmgym_agents.kl import exact_kl
from lmgym_agents.models import Policy, Reference, add_lora, disable_dropout, make_tiny_model

VOCAB, CONTEXT = 13, 96
ARCHITECTURES = ["llama", "gpt2", "qwen2"]


def make_model(architecture="llama", dtype=torch.float64, seed=1, **options):
    model = make_tiny_model(
        VOCAB,
        hidden_size=16,
        layers=2,
        heads=2,
        context=CONTEXT,
        seed=seed,
        architecture=architecture,
        **options,
    )
    return roughen(model).to(dtype)


def roughen(model):
    """Moves all weights away from their small initial values, so that distributions are far from flat."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator).to(parameter.dtype))
    return model


def make_policy(architecture="llama", dtype=torch.float64, **options):
    policy = Policy(make_model(architecture, dtype), **options).to(dtype)
    torch.nn.init.normal_(policy.value_head.weight, generator=torch.Generator().manual_seed(2))
    return policy


def make_rows(num_rows=5, width=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, VOCAB, (num_rows, width), generator=generator)
    lengths = torch.randint(3, width + 1, (num_rows,), generator=generator)
    lengths[0] = width
    return ids, lengths


def gradients(policy):
    return [p.grad.clone() if p.grad is not None else None for p in policy.parameters()]


def evaluate_with_gradients(policy, ids, lengths, **options):
    """Returns an evaluation with entropies, and the gradients of a sum in which every cell differs."""
    policy.zero_grad()
    got = policy.evaluate(ids, lengths, need_entropy=True, **options)
    weights = torch.linspace(0.5, 1.5, 200, dtype=got.logps.dtype)
    loss = 0
    for array in got:
        loss = loss + (array * weights[: array.shape[1]]).sum()
    loss.backward()
    return [array.detach() for array in got], gradients(policy)


def assert_all_close(first, second, tolerance):
    for a, b in zip(first, second, strict=True):
        if a is None or b is None:
            assert a is b
        else:
            assert float((a - b).norm()) <= tolerance * max(1.0, float(b.norm()))


# What is computed


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_every_cell_equals_a_forward_of_its_prefix_alone(architecture, temperature):
    policy = make_policy(architecture)
    ids, lengths = make_rows(num_rows=3, width=8)
    with torch.no_grad():
        got = policy.evaluate(ids, lengths, temperature=temperature, need_entropy=True)
        for b, length in enumerate(lengths.tolist()):
            assert got.logps[b, 0] == 0 and got.values[b, 0] == 0
            assert (got.logps[b, length:] == 0).all() and (got.values[b, length + 1 :] == 0).all()
            for t in range(1, length + 1):
                out = policy.model(input_ids=ids[b : b + 1, :t], output_hidden_states=True)
                value = policy.value_head(out.hidden_states[-1][0, -1])
                torch.testing.assert_close(got.values[b, t], value[0], atol=1e-10, rtol=0)
                if t < length:
                    p = (out.logits[0, -1] / temperature).softmax(-1)
                    torch.testing.assert_close(got.logps[b, t], p[ids[b, t]].log(), atol=1e-10, rtol=0)
                    entropy = -(p * p.log()).sum()
                    torch.testing.assert_close(got.entropies[b, t], entropy, atol=1e-10, rtol=0)
        bootstrap = got.bootstrap_values(lengths)
        assert [float(got.values[b, n]) for b, n in enumerate(lengths.tolist())] == bootstrap.tolist()


def test_a_model_that_counts_has_loss_zero_only_with_the_right_shift():
    # No layer changes the stream, every token has a direction of its own, the output layer maps i to i + 1.
    model = make_tiny_model(8, hidden_size=8, layers=1, heads=2, config={"tie_word_embeddings": False})
    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(torch.eye(8))
        model.model.layers[0].self_attn.o_proj.weight.zero_()
        model.model.layers[0].mlp.down_proj.weight.zero_()
        model.lm_head.weight.copy_(torch.eye(8).roll(1, dims=0) * 20)
    policy = Policy(model)
    counting = torch.arange(8)[None]
    assert float(policy.evaluate(counting, torch.tensor([8])).logps[0, 1:].min().detach()) > -1e-6
    constant = torch.zeros(1, 8, dtype=torch.long)
    assert float(policy.evaluate(constant, torch.tensor([8])).logps[0, 1:].max().detach()) < -10


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_changes_neither_results_nor_gradients(architecture):
    policy = make_policy(architecture, torch.float32)
    ids, lengths = make_rows()
    expected, expected_gradients = evaluate_with_gradients(policy, ids, lengths)
    for amount in (0, 1, 7, 64):
        padded = torch.nn.functional.pad(ids, (0, amount), value=3)
        # One long row of its own makes the padding of the others real.
        long = torch.randint(0, VOCAB, (1, padded.shape[1]), generator=torch.Generator().manual_seed(7))
        ids_all, lengths_all = torch.cat([padded, long]), torch.cat([lengths, torch.tensor([long.shape[1]])])
        policy.zero_grad()
        got = policy.evaluate(ids_all, lengths_all, need_entropy=True)
        loss = 0
        for array, plain in zip(got, expected, strict=True):
            part = array[:-1, : plain.shape[1]]
            torch.testing.assert_close(part, plain, atol=1e-5, rtol=1e-5)
            assert (array[:-1, plain.shape[1] :] == 0).all()
            loss = loss + (part * torch.linspace(0.5, 1.5, 200)[: part.shape[1]]).sum()
        loss.backward()
        assert_all_close(gradients(policy), expected_gradients, 1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_stands_in_the_padding_changes_nothing_at_all(architecture):
    policy = make_policy(architecture, torch.float32)
    ids, lengths = make_rows()
    junk = torch.where(torch.arange(12) < lengths[:, None], ids, (ids * 7 + 5) % VOCAB)
    assert (junk != ids).any()
    got, grads = evaluate_with_gradients(policy, ids, lengths)
    dirty, dirty_grads = evaluate_with_gradients(policy, junk, lengths)
    for a, b in zip([*got, *grads], [*dirty, *dirty_grads], strict=True):
        assert torch.equal(a, b)


def test_an_end_token_that_is_also_the_pad_token_is_an_ordinary_target():
    policy = make_policy()
    pad = policy.model.config.pad_token_id = policy.model.config.eos_token_id = 4
    ids = torch.tensor([[1, 2, pad, pad, pad], [1, pad, 3, 5, pad]])
    lengths = torch.tensor([3, 5])
    got = policy.evaluate(ids, lengths)
    logps = policy.model(input_ids=ids).logits.log_softmax(-1)
    torch.testing.assert_close(got.logps[0, 2], logps[0, 1, pad])
    torch.testing.assert_close(got.logps[1, 4], logps[1, 3, pad])
    got.logps[0, 2].backward()
    assert policy.model.get_output_embeddings().weight.grad[pad].norm() > 0


def test_only_asked_for_positions_are_filled():
    policy = make_policy()
    ids, lengths = make_rows()
    acts = torch.rand(5, 12, generator=torch.Generator().manual_seed(0)) < 0.5  # also in padding and at 0
    whole = policy.evaluate(ids, lengths)
    got = policy.evaluate(ids, lengths, is_action=acts)
    kept = acts & (torch.arange(12) < lengths[:, None])
    torch.testing.assert_close(got.logps, torch.where(kept, whole.logps, 0), atol=1e-12, rtol=0)
    torch.testing.assert_close(got.values, whole.values)
    assert got.entropies is None
    nothing = policy.evaluate(ids, lengths, is_action=torch.zeros_like(acts), need_entropy=True)
    assert (nothing.logps == 0).all() and (nothing.entropies == 0).all()
    values_only = policy.evaluate(ids, lengths, need_logps=False)
    assert torch.equal(values_only.values, whole.values) and (values_only.logps == 0).all()
    assert (policy.evaluate(ids, lengths, need_values=False).values == 0).all()


def test_chunks_equal_the_plain_form_and_never_hold_all_logits():
    policy = make_policy()
    ids, lengths = make_rows(num_rows=8)

    def run(max_logits):
        policy.max_logits = max_logits
        sizes = []

        def keep(x):
            if x.shape[-1:] == (VOCAB,):
                sizes.append(x.numel())
            return x

        with saved_tensors_hooks(keep, lambda x: x):
            result = evaluate_with_gradients(policy, ids, lengths, temperature=0.7)
        with torch.no_grad():
            quiet = policy.evaluate(ids, lengths, temperature=0.7, need_entropy=True)
        assert torch.equal(quiet.logps, result[0][0])
        return *result, max(sizes, default=0)

    num_actions = int((lengths - 1).sum())
    plain, plain_grads, plain_size = run(1 << 24)
    assert plain_size >= num_actions * VOCAB
    for max_logits in (1, 7 * VOCAB, 8 * VOCAB + 3):  # one row at once; seven; eight
        got, grads, size = run(max_logits)
        for a, b in zip([*got, *grads], [*plain, *plain_grads], strict=True):
            torch.testing.assert_close(a, b, atol=1e-12, rtol=1e-12)
        assert size < num_actions * VOCAB


@pytest.mark.parametrize(
    "config",
    [
        Gemma2Config(head_dim=8, final_logit_softcapping=3.0),
        CohereConfig(logit_scale=0.3),
        GraniteConfig(logits_scaling=4.0),
        GPT2Config(n_positions=32),
    ],
    ids=lambda config: config.model_type,
)
def test_architectures_that_change_their_logits(config):
    sizes = dict(vocab_size=VOCAB, hidden_size=16, num_hidden_layers=2, num_attention_heads=2)
    config.update(sizes | {"intermediate_size": 32, "num_key_value_heads": 2})
    config.update({"pad_token_id": None, "bos_token_id": None, "eos_token_id": None})
    torch.manual_seed(0)
    policy = Policy(roughen(AutoModelForCausalLM.from_config(config)))
    ids, lengths = make_rows(num_rows=2)
    logps = policy.model(input_ids=ids[:1]).logits.log_softmax(-1)[0, :-1]
    expected = logps.gather(-1, ids[0, 1:, None]).squeeze(-1)
    torch.testing.assert_close(policy.evaluate(ids, lengths).logps[0, 1:], expected, atol=1e-5, rtol=1e-5)


def test_models_that_do_not_fit_are_refused():
    encoder = T5EncoderModel(
        T5Config(vocab_size=VOCAB, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    )
    with pytest.raises(ModelError, match="T5EncoderModel"):
        Policy(encoder)
    odd = make_model()
    model_forward = odd.forward

    def doubled(*args, **kwargs):
        output = model_forward(*args, **kwargs)
        output.logits = output.logits * 2
        return output

    odd.forward = doubled
    with pytest.raises(ModelError, match="output layer"):
        Policy(odd)


def test_dropout_is_off_in_training_mode_too():
    config = GPT2Config(vocab_size=VOCAB, n_embd=16, n_layer=2, n_head=2, n_positions=16)
    assert config.resid_pdrop > 0 and config.attn_pdrop > 0
    policy = Policy(AutoModelForCausalLM.from_config(config))
    policy.train()
    ids, lengths = make_rows()
    assert torch.equal(policy.evaluate(ids, lengths).logps, policy.evaluate(ids, lengths).logps)
    llama = make_model(config={"attention_dropout": 0.5}).train()
    disable_dropout(llama)
    assert torch.equal(llama(input_ids=ids).logits, llama(input_ids=ids).logits)


def test_gradient_checkpointing_changes_nothing():
    policy = make_policy(value="separate")
    ids, lengths = make_rows()
    got, grads = evaluate_with_gradients(policy, ids, lengths)
    policy.enable_gradient_checkpointing()
    assert any(getattr(module, "gradient_checkpointing", False) for module in policy.model.modules())
    again, grads_again = evaluate_with_gradients(policy, ids, lengths)
    assert_all_close([*again, *grads_again], [*got, *grads], 1e-12)


def test_lower_precision_inside_float32_outside():
    policy = make_policy(dtype=torch.float32)
    ids, lengths = make_rows()
    expected = policy.evaluate(ids, lengths, need_entropy=True)
    policy.autocast = torch.bfloat16
    for output_in_float32 in (False, True):
        policy.output_in_float32 = output_in_float32
        got = policy.evaluate(ids, lengths, need_entropy=True)
        assert all(array.dtype == torch.float32 for array in got)
        assert not torch.equal(got.logps, expected.logps)
        torch.testing.assert_close(got.logps, expected.logps, atol=0.3, rtol=0.1)
    weights = Policy(make_model(dtype=torch.bfloat16), output_in_float32=True)
    assert weights.value_head.weight.dtype == torch.float32
    assert all(array.dtype == torch.float32 for array in weights.evaluate(ids, lengths, need_entropy=True))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"lengths": torch.tensor([3, 0])}, "lengths"),
        ({"lengths": torch.tensor([3, 5])}, "lengths"),
        ({"lengths": torch.tensor([3])}, "input_ids"),
        ({"input_ids": torch.zeros(0, 4, dtype=torch.long), "lengths": torch.zeros(0).long()}, "input_ids"),
    ],
)
def test_bad_arguments(change, match):
    arguments = {"input_ids": torch.zeros(2, 4, dtype=torch.long), "lengths": torch.tensor([3, 4])} | change
    with pytest.raises(InvalidValueError, match=match):
        make_policy().evaluate(**arguments)


# Values


def test_values_start_at_zero_and_can_leave_the_backbone_alone():
    model = make_model(dtype=torch.float32)
    ids, lengths = make_rows()
    assert (Policy(model).evaluate(ids, lengths).values == 0).all()

    def backbone_gradient(**options):
        policy = make_policy(dtype=torch.float32, **options)
        policy.evaluate(ids, lengths).values.sum().backward()
        assert policy.value_head.weight.grad.norm() > 0
        return policy, sum(p.grad.norm() for p in policy.model.parameters() if p.grad is not None)

    assert backbone_gradient()[1] > 0
    assert backbone_gradient(value_detach=True)[1] == 0
    separate, gradient = backbone_gradient(value="separate")
    assert gradient == 0 and sum(p.grad.norm() for p in separate.value_backbone.parameters()) > 0
    with pytest.raises(InvalidValueError, match="separate"):
        Policy(model, value="twin")


# Reference and LoRA


def test_kl_to_an_own_copy_is_zero_and_the_copy_stays():
    policy = make_policy(dtype=torch.float32)
    ids, lengths = make_rows()
    reference = Reference(policy)
    before = policy.evaluate(ids, lengths).logps.detach()
    frozen = reference.logps(ids, lengths)
    assert float((before - frozen).abs().max()) <= 1e-8 and not frozen.requires_grad
    acts = torch.arange(12) < lengths[:, None]
    logits = policy.action_logits(ids, lengths, acts, temperature=0.7)
    kl = exact_kl(logits, reference.action_logits(ids, lengths, acts, temperature=0.7))
    assert float(kl.detach().abs().max()) <= 1e-8
    roughen(policy)
    assert torch.equal(reference.logps(ids, lengths), frozen)
    assert not torch.equal(policy.evaluate(ids, lengths).logps, frozen)


def perturb_adapters(policy):
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in policy.named_parameters():
            if "lora_" in name:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator).to(parameter.dtype))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("value", ["shared", "separate"])
def test_adapters_off_equals_the_base_bit_for_bit(architecture, value):
    policy = make_policy(architecture, torch.float32, value=value)
    ids, lengths = make_rows()
    base = policy.evaluate(ids, lengths).logps.detach()
    num_weights = sum(p.numel() for p in policy.parameters())
    add_lora(policy, rank=2)
    assert torch.equal(policy.evaluate(ids, lengths).logps, base)  # an adapter starts at 0
    reference = Reference(policy)
    perturb_adapters(policy)
    assert not torch.equal(policy.evaluate(ids, lengths).logps, base)
    trainable = {n for n, p in policy.named_parameters() if p.requires_grad}
    assert trainable and all("lora_" in n or "value_head" in n for n in trainable)
    assert sum(p.numel() for n, p in policy.named_parameters() if n in trainable) < num_weights / 2
    assert torch.equal(reference.logps(ids, lengths), base)
    assert {n for n, p in policy.named_parameters() if p.requires_grad} == trainable
    # Nothing was copied: every weight that the reference can reach is the policy's.
    assert reference._copy is None and reference._shared is policy
    evaluate_with_gradients(policy, ids, lengths)
    assert {n for n, p in policy.named_parameters() if p.grad is not None} == trainable


def test_lora_options_are_checked():
    policy = make_policy()
    with pytest.raises(InvalidValueError, match="rank"):
        add_lora(policy, rank=0)
    with pytest.raises(InvalidValueError, match="nowhere"):
        add_lora(copy.deepcopy(policy), rank=2, targets=["nowhere"])
    add_lora(policy, rank=2, targets=["q_proj", "v_proj"])
    assert {n.split(".")[-4] for n, _ in policy.named_parameters() if "lora_A" in n} == {"q_proj", "v_proj"}
    with pytest.raises(InvalidValueError, match="already"):
        add_lora(policy, rank=2)

"""The engine's laws, on tiny float32 models of every kind that it treats differently."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from lmgym_agents.decoding.decoder import SlotDecoder, make_decoder
from lmgym_agents.decoding.decoder_hf import CachedDecoder, RecomputingDecoder
from lmgym_agents.engine import Engine, Generation
from lmgym_agents.sampling import SamplingParams
from tests.agents.tiny_models import CONTEXT, NAMES, VOCAB_SIZE, WRITTEN_OUT, make_model
from tests.reference.decoding import (
    greedy_continuation,
    logits_of_rows,
    logps_of_rows,
    truncated_distribution,
)

TOLERANCE = 1e-5
STOPS = (3, 17)
PARAMS = SamplingParams(max_new_tokens=10, stop_ids=STOPS)


@cache
def shared_model(name: str) -> PreTrainedModel:
    return make_model(name)  # for tests that don't change it


def make_prompts() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    prompts = [rng.integers(0, VOCAB_SIZE, size) for size in (3, 7, 1, 5, 9, 3, 2, 12)]
    prompts[5] = prompts[0].copy()  # equal prompts share a prefill
    return prompts


def make_engine(model: PreTrainedModel, max_rows: int = 8) -> Engine:
    return Engine(model, max_rows=max_rows, max_length=CONTEXT)


def rows_of(out: Generation) -> list[list[int]]:
    return [row[:length].tolist() for row, length in zip(out.tokens, out.lengths, strict=True)]


def assert_log_probs_are_those_of_a_plain_forward(model, prompts, out):
    for prompt, row, logps in zip(prompts, rows_of(out), out.logps, strict=True):
        wanted = logps_of_rows(model, prompt, row)
        np.testing.assert_allclose(logps[: len(row)], wanted, atol=TOLERANCE, rtol=0)


def test_each_model_gets_the_fastest_decoder_that_is_right_for_it():
    for name in NAMES:
        decoder = make_decoder(shared_model(name), use_graphs=False)
        fallback = RecomputingDecoder if name == "mamba" else CachedDecoder
        assert type(decoder) is (SlotDecoder if name in WRITTEN_OUT else fallback), name


@pytest.mark.parametrize("name", NAMES)
def test_log_probs_equal_those_of_a_plain_forward(name):
    prompts = make_prompts()
    out = make_engine(shared_model(name)).generate(prompts, PARAMS, seed=1)
    assert_log_probs_are_those_of_a_plain_forward(shared_model(name), prompts, out)
    assert out.report.num_new_tokens == out.lengths.sum() > 30


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_equals_its_rows_one_by_one_at_any_number_of_slots(name):
    prompts = make_prompts()
    wanted = make_engine(shared_model(name)).generate(prompts, PARAMS, seed=1)
    for max_rows in (1, 3):  # 1 and 3 slots: rows are refilled, moved and dropped
        out = make_engine(shared_model(name), max_rows).generate(prompts, PARAMS, seed=1)
        assert torch.equal(out.tokens, wanted.tokens)
        torch.testing.assert_close(out.logps, wanted.logps, atol=TOLERANCE, rtol=0)
    engine = make_engine(shared_model(name))
    for i in (0, 4, 7):
        alone = engine.generate([prompts[i]], PARAMS, seed=1, request_ids=[i])
        assert rows_of(alone)[0] == rows_of(wanted)[i]


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt_neox"])
def test_many_requests_of_mixed_lengths_and_budgets_do_not_depend_on_slots_or_order(name):
    rng = np.random.default_rng(1)
    prompts = [rng.integers(0, VOCAB_SIZE, rng.integers(1, 20)) for _ in range(60)]
    budgets = rng.integers(1, 30, 60)
    model = shared_model(name)
    wanted = make_engine(model, 64).generate(prompts, PARAMS, seed=2, max_new_tokens=budgets)
    order = rng.permutation(60)
    shuffled = make_engine(model, 20).generate(
        [prompts[i] for i in order], PARAMS, seed=2, max_new_tokens=budgets[order], request_ids=order
    )
    assert rows_of(shuffled) == [rows_of(wanted)[i] for i in order]
    assert (wanted.lengths <= torch.from_numpy(budgets)).all()
    assert_log_probs_are_those_of_a_plain_forward(model, prompts, wanted)


@pytest.mark.parametrize("name", NAMES)
def test_greedy_equals_a_whole_forward_for_every_token(name):
    prompts = make_prompts()
    params = SamplingParams(max_new_tokens=10, temperature=0, stop_ids=STOPS)
    out = make_engine(shared_model(name), 3).generate(prompts, params, seed=0)
    wanted = [greedy_continuation(shared_model(name), prompt, 10, STOPS) for prompt in prompts]
    assert rows_of(out) == wanted


@pytest.mark.parametrize("name", ["llama", "gpt2", "qwen2", "qwen3", "gpt_neox"])
def test_greedy_equals_hugging_face_generate(name):
    prompt = make_prompts()[4]
    ids = torch.tensor(prompt)[None]
    theirs = shared_model(name).generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=12, pad_token_id=0
    )
    params = SamplingParams(max_new_tokens=12, temperature=0)
    ours = make_engine(shared_model(name)).generate([prompt], params, seed=0)
    assert ours.tokens[0].tolist() == theirs[0, len(prompt) :].tolist()


@pytest.mark.parametrize(
    "options",
    [{"temperature": 0.7}, {"top_k": 4}, {"top_p": 0.6}, {"temperature": 1.5, "top_k": 9, "top_p": 0.8}],
)
def test_log_probs_are_those_of_the_distribution_sampled_from(options):
    prompts, model = make_prompts(), shared_model("qwen3")
    allowed = [2, 3, *range(8, 30)]
    params = SamplingParams(max_new_tokens=6, **options)
    out = make_engine(model, 3).generate(prompts, params, seed=4, allowed_ids=allowed)
    for prompt, row, logps in zip(prompts, rows_of(out), out.logps, strict=True):
        for token, logp, logits in zip(row, logps, logits_of_rows(model, prompt, row), strict=False):
            probabilities = truncated_distribution(logits.tolist(), **options, allowed=allowed)
            assert probabilities[token] > 0
            assert logp.exp().item() == pytest.approx(probabilities[token], abs=TOLERANCE)


def test_the_stop_token_is_the_last_one_kept_and_has_its_log_prob():
    out = make_engine(shared_model("llama"), 3).generate(make_prompts() * 3, PARAMS, seed=5)
    rows = rows_of(out)
    assert {len(row) < 10 for row in rows} == {True, False}
    for row, stopped, tokens, logps in zip(rows, out.stopped, out.tokens, out.logps, strict=True):
        assert bool(stopped) == (row[-1] in STOPS)
        assert not set(row[:-1]) & set(STOPS)
        assert stopped or len(row) == 10
        assert (tokens[len(row) :] == 0).all() and (logps[len(row) :] == 0).all()
        assert (logps[: len(row)] < 0).all()


def test_frequencies_of_a_first_token_are_the_model_s():
    model, prompt = shared_model("llama"), make_prompts()[1]
    count = 4000
    out = make_engine(model, 256).generate([prompt] * count, SamplingParams(max_new_tokens=1), seed=6)
    wanted = np.array(truncated_distribution(logits_of_rows(model, prompt, [0])[0].tolist()))
    observed = np.bincount(out.tokens[:, 0], minlength=VOCAB_SIZE)
    is_common = wanted * count > 5
    chi_square = ((observed - count * wanted)[is_common] ** 2 / (count * wanted[is_common])).sum()
    freedom = is_common.sum()
    assert chi_square < freedom + 4 * np.sqrt(2 * freedom)


@pytest.mark.parametrize("name", NAMES)
def test_weights_changed_in_place_are_used_at_once(name):
    model, prompts = make_model(name), make_prompts()
    engine = make_engine(model, 3)
    before = engine.generate(prompts, PARAMS, seed=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        ids = torch.tensor(prompts[-1])[None]
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        after = engine.generate(prompts, PARAMS, seed=1)
        assert_log_probs_are_those_of_a_plain_forward(model, prompts, after)
    assert not torch.equal(before.logps[:, 0], after.logps[:, 0])


def test_a_weight_that_is_replaced_or_written_through_data_is_used_at_once():
    model, prompts = make_model("llama"), make_prompts()
    engine = make_engine(model)
    engine.generate(prompts, PARAMS, seed=1)
    layer = model.model.layers[0]
    layer.self_attn.q_proj.weight.data.mul_(-1)  # moves no version counter
    layer.mlp.up_proj.weight = torch.nn.Parameter(layer.mlp.up_proj.weight.detach() * 2)
    layer.input_layernorm.weight.data = layer.input_layernorm.weight.data * 3
    out = engine.generate(prompts, PARAMS, seed=1)
    assert_log_probs_are_those_of_a_plain_forward(model, prompts, out)


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt_neox"])
def test_dropout_is_off_and_the_mode_is_restored(name):
    dropout = {"gpt2": {"resid_pdrop": 0.5, "attn_pdrop": 0.5, "embd_pdrop": 0.5}}.get(
        name, {"attention_dropout": 0.5, "hidden_dropout": 0.5}
    )
    model, prompts = make_model(name, **dropout), make_prompts()
    wanted = make_engine(model).generate(prompts, PARAMS, seed=1)
    model.train()
    model.get_input_embeddings().eval()  # a mode of its own
    modes = [module.training for module in model.modules()]
    out = make_engine(model).generate(prompts, PARAMS, seed=1)
    assert torch.equal(out.tokens, wanted.tokens) and torch.equal(out.logps, wanted.logps)
    assert [module.training for module in model.modules()] == modes


def test_generating_leaves_no_trace_in_gradients_or_global_random_numbers():
    model = shared_model("llama")
    state, enabled = torch.random.get_rng_state(), torch.is_grad_enabled()
    out = make_engine(model).generate(make_prompts(), PARAMS, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state) and torch.is_grad_enabled() == enabled
    assert not any(tensor.is_inference() for tensor in (out.tokens, out.lengths, out.logps, out.stopped))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_seeds_and_requests_have_streams_of_their_own():
    engine, prompt = make_engine(shared_model("llama"), 256), make_prompts()[0]
    params = SamplingParams(max_new_tokens=20)
    rows = [tuple(row) for row in rows_of(engine.generate([prompt] * 100, params, seed=1))]
    assert len(set(rows)) == 100
    others = [tuple(row) for row in rows_of(engine.generate([prompt] * 100, params, seed=2))]
    assert not set(rows) & set(others)


def test_equal_prompts_are_prefilled_once():
    prompt = make_prompts()[4]
    out = make_engine(shared_model("llama"), 64).generate([prompt] * 48, PARAMS, seed=1)
    assert out.report.num_prompt_tokens == 48 * 9
    assert out.report.num_prefilled_tokens == 9
    assert_log_probs_are_those_of_a_plain_forward(shared_model("llama"), [prompt] * 48, out)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft's use of transformers
def test_lora_layers_are_called_as_the_modules_they_are():
    from peft import LoraConfig, get_peft_model

    prompts, plain = make_prompts(), make_model("llama")
    wanted = make_engine(plain).generate(prompts, PARAMS, seed=1)
    config = LoraConfig(target_modules=["q_proj", "down_proj"], init_lora_weights=False, lora_dropout=0.5)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        adapted = get_peft_model(plain, config)
    engine = make_engine(adapted)
    out = engine.generate(prompts, PARAMS, seed=1)
    assert not torch.allclose(out.logps[:, 0], wanted.logps[:, 0], atol=1e-3)
    adapted.eval()
    assert_log_probs_are_those_of_a_plain_forward(adapted, prompts, out)
    with adapted.disable_adapter():
        assert torch.equal(engine.generate(prompts, PARAMS, seed=1).tokens, wanted.tokens)


def test_the_number_of_torch_threads_does_not_change_tokens():
    engine, count = make_engine(shared_model("llama")), torch.get_num_threads()
    wanted = engine.generate(make_prompts(), PARAMS, seed=1)
    try:
        torch.set_num_threads(1)
        assert torch.equal(engine.generate(make_prompts(), PARAMS, seed=1).tokens, wanted.tokens)
    finally:
        torch.set_num_threads(count)


def test_progress_counts_up_to_all_requests_and_tokens():
    seen: list[tuple[int, int]] = []
    engine = make_engine(shared_model("llama"), 3)
    out = engine.generate(
        make_prompts(), PARAMS, seed=1, on_progress=lambda requests, tokens: seen.append((requests, tokens))
    )
    assert seen == sorted(seen)
    assert seen[-1] == (8, int(out.lengths.sum()))


def test_no_prompts_give_no_rows():
    out = make_engine(shared_model("llama")).generate([], PARAMS, seed=0)
    assert out.tokens.shape == out.logps.shape == (0, 0)
    assert out.lengths.shape == out.stopped.shape == (0,)


def test_bfloat16_log_probs_are_near_those_of_a_plain_forward():
    model, prompts = make_model("llama").bfloat16(), make_prompts()
    out = make_engine(model, 3).generate(prompts, PARAMS, seed=1)
    assert out.logps.dtype == torch.float32
    for prompt, row, logps in zip(prompts, rows_of(out), out.logps, strict=True):
        assert np.abs(logps[: len(row)].numpy() - logps_of_rows(model, prompt, row)).mean() < 0.1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("compile", [True, False])
def test_cuda_steps_give_the_log_probs_of_a_plain_forward(compile):
    model, prompts = make_model("llama"), make_prompts() * 4
    engine = Engine(model.cuda(), max_rows=8, compile=compile)
    for _ in range(2):
        out = engine.generate(prompts, PARAMS, seed=1)
        on_cpu = model.cpu()
        assert_log_probs_are_those_of_a_plain_forward(on_cpu, prompts, out)
        model.cuda()
        with torch.no_grad():
            model.lm_head.weight.mul_(1.1)

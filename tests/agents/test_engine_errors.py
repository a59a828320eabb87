"""What callers may get wrong: a typed error that says what was given, what is allowed, what to do."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertModel

from lmgym.errors import DeviceError, InvalidValueError, LmgymError, PromptTooLongError
from lmgym_agents.engine import Engine
from lmgym_agents.errors import (
    ContextLengthError,
    EmptyPromptError,
    NonFiniteLogitsError,
    TokenOutOfVocabularyError,
    UnsupportedModelError,
)
from lmgym_agents.sampling import SamplingParams
from tests.agents.tiny_models import make_model

PARAMS = SamplingParams(max_new_tokens=8)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(make_model("llama"), max_rows=4)


@pytest.mark.parametrize(
    ("prompts", "options", "error", "message"),
    [
        ([[1], []], {}, EmptyPromptError, "prompt 1 is empty"),
        ([[1] * 57], {}, ContextLengthError, "57 tokens with max_new_tokens 8 needs 65 .* allowed are 64"),
        ([[1], [1] * 60], {"max_new_tokens": [60, 5]}, ContextLengthError, "prompt 1 of 60 .* needs 65"),
        ([[1, 40]], {}, TokenOutOfVocabularyError, r"prompt 0 holds token 40; the model knows 0 … 39"),
        ([[-1]], {}, TokenOutOfVocabularyError, "token -1"),
        ([[0.5]], {}, InvalidValueError, "prompt 0 has dtype float64"),
        ([[[1]]], {}, InvalidValueError, r"shape \(1, 1\)"),
        ([["a"]], {}, InvalidValueError, "prompt 0 has dtype"),
        ([[1]], {"max_new_tokens": [0]}, InvalidValueError, r"max_new_tokens\[0\] is 0"),
        ([[1]], {"max_new_tokens": [1, 2]}, InvalidValueError, r"max_new_tokens .* one for each of 1 rows"),
        ([[1]], {"allowed_ids": []}, InvalidValueError, "allowed_ids is empty"),
        ([[1]], {"allowed_ids": [99]}, TokenOutOfVocabularyError, "allowed_ids holds token 99"),
        ([[1]], {"request_ids": [1.5]}, InvalidValueError, "request_ids has dtype float64"),
        ([[1]], {"seed": -1}, InvalidValueError, "seed must be a non-negative integer, got -1"),
    ],
)
def test_bad_requests(engine, prompts, options, error, message):
    with pytest.raises(error, match=message) as caught:
        engine.generate(prompts, PARAMS, **{"seed": 0, **options})
    assert isinstance(caught.value, LmgymError) and isinstance(caught.value, ValueError)


def test_stop_ids_out_of_the_vocabulary(engine):
    with pytest.raises(TokenOutOfVocabularyError, match="stop_ids holds token 40"):
        engine.generate([[1]], SamplingParams(max_new_tokens=1, stop_ids=(40,)), seed=0)


def test_a_prompt_that_just_fits_is_served(engine):
    out = engine.generate([[1] * 56], PARAMS, seed=0)
    assert out.lengths.tolist() == [8]


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt_neox"])
def test_nan_names_the_request_and_poisons_nothing_afterwards(name):
    model = make_model(name)
    engine = Engine(model, max_rows=4)
    prompts = [[1, 2], [3], [4, 5, 6]]
    wanted = engine.generate(prompts, PARAMS, seed=0)
    head = model.get_output_embeddings().weight
    saved = head.detach().clone()
    with torch.no_grad():
        head[7] = torch.nan
    with pytest.raises(NonFiniteLogitsError, match=r"new token 0 of request \d; logits must be finite"):
        engine.generate(prompts, PARAMS, seed=0)
    with torch.no_grad():
        head.copy_(saved)
    assert torch.equal(engine.generate(prompts, PARAMS, seed=0).tokens, wanted.tokens)


def test_nan_in_the_cache_does_not_outlive_the_call():
    model = make_model("llama")
    engine = Engine(model, max_rows=4)
    prompts = [[1, 2], [3], [4, 5, 6]]
    wanted = engine.generate(prompts, PARAMS, seed=0)
    value = model.model.layers[0].self_attn.v_proj.weight
    saved = value.detach().clone()
    with torch.no_grad():
        value.fill_(torch.nan)
    with pytest.raises(NonFiniteLogitsError):
        # Longer than the others, so that these never write where it has left its NaN, but only mask it.
        engine.generate([[1] * 30, [2] * 30, [3] * 30], PARAMS, seed=0)
    with torch.no_grad():
        value.copy_(saved)
    assert torch.equal(engine.generate(prompts, PARAMS, seed=0).tokens, wanted.tokens)


def test_an_interrupted_call_leaves_a_working_engine(engine):
    wanted = engine.generate([[1], [2, 3]], PARAMS, seed=0)

    def interrupt(num_finished: int, num_tokens: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.generate([[1], [2, 3]], PARAMS, seed=0, on_progress=interrupt)
    assert torch.equal(engine.generate([[1], [2, 3]], PARAMS, seed=0).tokens, wanted.tokens)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_rows": 0}, InvalidValueError, "max_rows is 0"),
        ({"max_length": 0}, InvalidValueError, "max_length is 0"),
        ({"max_length": 65}, PromptTooLongError, "max_length is 65; the model's positions allow 64"),
        ({"compile": "always"}, InvalidValueError, "compile is 'always'; allowed: 'auto', True, False"),
        ({"device": "cuda:99"}, DeviceError, "device 'cuda:99' can't be used here"),
        ({"device": "abacus"}, DeviceError, "device 'abacus' can't be used here"),
    ],
)
def test_bad_engines(options, error, message):
    with pytest.raises(error, match=message):
        Engine(make_model("llama"), **options)


def test_a_model_without_a_context_length_needs_one_given():
    with pytest.raises(InvalidValueError, match="give max_length"):
        Engine(make_model("mamba"))


def test_models_that_are_no_causal_language_models():
    encoder = BertModel(
        BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    )
    for model in (encoder, torch.nn.Linear(2, 2)):
        with pytest.raises(UnsupportedModelError, match="is not a causal language model"):
            Engine(model)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft's use of transformers
def test_prompt_learning_adapters_are_refused():
    from peft import PromptTuningConfig, get_peft_model

    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
    with pytest.raises(UnsupportedModelError, match="virtual tokens"):
        Engine(get_peft_model(make_model("llama"), config))

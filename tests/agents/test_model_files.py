from __future__ import annotations

import json
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from lmgym.errors import DeviceError, MissingDependencyError, ModelError
from lmgym.tokenization import CharTokenizer
from lmgym_agents import gguf_files
from lmgym_agents.models import (
    PRESETS,
    Policy,
    add_lora,
    load_model,
    load_policy,
    make_tiny_model,
    resolve_device,
    save_policy,
)

VOCAB = 13


def make_policy(architecture="llama", **options):
    model = make_tiny_model(
        VOCAB,
        hidden_size=16,
        layers=2,
        heads=2,
        context=32,
        architecture=architecture,
        pad_id=0,
        end_id=1,
    )
    policy = Policy(model, **options)
    randomise(policy)
    return policy


def randomise(policy, seed=0):
    """Moves every trainable weight, so that no two modules agree by being fresh."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in policy.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))


def evaluate(policy):
    ids = torch.randint(0, VOCAB, (3, 9), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return policy.evaluate(ids, torch.tensor([4, 9, 6]))


@pytest.fixture
def folder(tmp_path):
    """A folder with a good policy in it, for tests that spoil it."""
    save_policy(make_policy(), tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def offline(monkeypatch):
    """Keeps a test from waiting for the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def edit_config(folder, **fields):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | fields))


# Policies


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "qwen2"])
@pytest.mark.parametrize("value", ["shared", "separate"])
def test_a_saved_policy_comes_back_bit_for_bit(tmp_path, architecture, value):
    policy = make_policy(architecture, value=value)
    save_policy(policy, tmp_path, tokenizer=CharTokenizer())
    again = load_policy(tmp_path)
    assert again.value_mode == value
    for a, b in zip(evaluate(policy)[::2], evaluate(again)[::2], strict=True):
        assert torch.equal(a, b)
    assert evaluate(policy).values.abs().max() > 0
    names = {path.name for path in tmp_path.iterdir()}
    assert {"model.safetensors", "config.json", "value_head.safetensors", "tokenizer.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]


def test_transformers_loads_a_saved_policy_without_sampling_leftovers(tmp_path):
    policy = make_policy()
    policy.model.generation_config.update(do_sample=True, temperature=0.3, top_k=7)
    save_policy(policy, tmp_path)
    assert policy.model.generation_config.top_k == 7  # the policy itself stays as it was
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    generation = json.loads((tmp_path / "generation_config.json").read_text())
    generation.pop("transformers_version")
    assert generation == {"eos_token_id": 1, "pad_token_id": 0}
    ids = torch.randint(0, VOCAB, (3, 9), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = policy.model(input_ids=ids).logits
        assert torch.equal(loaded(input_ids=ids).logits, expected)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_adapters_are_saved_merged(tmp_path, architecture):
    policy = add_lora(make_policy(architecture, value="separate"), rank=2)
    randomise(policy, seed=4)
    before = evaluate(policy)
    save_policy(policy, tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(before[::2], evaluate(policy)[::2], strict=True))
    again = load_policy(tmp_path)
    assert not [name for name, _ in again.named_parameters() if "lora" in name]
    for a, b in zip(evaluate(again)[::2], before[::2], strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_damaged_or_foreign_value_heads(tmp_path, folder):
    with pytest.raises(ModelError, match="kind 'shared'"):
        load_policy(folder, value="separate")
    file = folder / "value_head.safetensors"
    save_file({"head.weight": torch.zeros(1, 99), "head.bias": torch.zeros(1)}, file)
    with pytest.raises(ModelError, match="does not fit"):
        load_policy(folder)
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(ModelError, match="damaged"):
        load_policy(folder)
    file.unlink()
    assert (evaluate(load_policy(folder)).values == 0).all()  # a plain model gets a fresh head


# Models


@pytest.mark.parametrize("preset", ["tiny", "tiny-gpt2", "tiny-qwen2"])
def test_presets_take_their_sizes_from_the_tokenizer(preset):
    tokenizer = CharTokenizer()
    model = load_model(preset, tokenizer=tokenizer, context=64, seed=3)
    assert model.config.vocab_size == tokenizer.vocab_size
    assert model.config.eos_token_id == tokenizer.end_id and model.config.pad_token_id == tokenizer.pad_id
    assert model.config.max_position_embeddings == 64 and not model.training
    assert 0.8e6 < sum(p.numel() for p in model.parameters()) < 1.2e6
    with pytest.raises(ModelError, match="needs a tokenizer"):
        load_model(preset)


def test_names_that_are_no_model(tmp_path, offline):
    with pytest.raises(ModelError, match=r"Did you mean 'tiny'\?.*tiny-gpt2"):
        load_model("tinny")
    with pytest.raises(ModelError, match="no such folder"):
        load_model(tmp_path / "nothing")
    with pytest.raises(ModelError, match=r"no config\.json"):
        load_model(tmp_path)
    with pytest.raises(ModelError, match=r"some-owner/some-model.*hub"):
        load_model("some-owner/some-model")
    assert "small" in PRESETS


def test_dtype_and_vocabulary(folder):
    assert load_model(folder, dtype=torch.bfloat16).dtype == torch.bfloat16
    with pytest.raises(ModelError, match="13 token embeddings"):
        load_model(folder, tokenizer=CharTokenizer())


def cut(file):
    file.write_bytes(file.read_bytes()[:-100])


def overwrite_header(file):
    file.write_bytes(b"\xff" * 8 + file.read_bytes()[8:])


def leave_out_a_tensor(file):
    tensors = load_file(file)
    tensors.pop("model.norm.weight")
    save_file(tensors, file, metadata={"format": "pt"})


def reshape_a_tensor(file):
    tensors = load_file(file)
    tensors["model.norm.weight"] = torch.zeros(5)
    save_file(tensors, file, metadata={"format": "pt"})


def put_nan(file):
    tensors = load_file(file)
    tensors["model.norm.weight"][3] = float("nan")
    save_file(tensors, file, metadata={"format": "pt"})


@pytest.mark.parametrize("spoil", [cut, overwrite_header, leave_out_a_tensor, reshape_a_tensor, put_nan])
def test_damaged_weights(folder, spoil):
    spoil(folder / "model.safetensors")
    with pytest.raises(ModelError, match="model"):
        load_model(folder)


def test_pickled_weights_are_not_read(folder):
    (folder / "model.safetensors").unlink()
    # A pickle that would leave a mark if anybody unpickled it.
    marker = folder / "marker"
    payload = f"c__builtin__\nopen\n(V{marker}\nVw\ntR.".encode()
    (folder / "pytorch_model.bin").write_bytes(payload)
    with pytest.raises(ModelError, match=r"pickled \.bin weights are not read"):
        load_model(folder)
    assert not marker.exists()


def test_damaged_configs(folder):
    for text in ("{", "[]", '"llama"', "", '{"model_type": "no-such-architecture"}', "[" * 100_000):
        (folder / "config.json").write_text(text)
        with pytest.raises(ModelError):
            load_model(folder)
    (folder / "config.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError):
        load_model(folder)
    (folder / "config.json").write_text('{"x": "' + "a" * 10_000_000 + '"}')
    with pytest.raises(ModelError, match="larger than"):
        load_model(folder)


def test_code_in_a_folder_runs_only_if_it_is_allowed_by_name(folder):
    marker = folder / "marker"
    (folder / "modeling_own.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    edit_config(folder, auto_map={"AutoModelForCausalLM": "modeling_own.Own"})
    with pytest.raises(ModelError, match="trust_remote_code=True"):
        load_model(folder)
    assert not marker.exists()
    # Nor may the file itself give the permission, nor hide the request one level down.
    edit_config(folder, trust_remote_code=True)
    with pytest.raises(ModelError, match="trust_remote_code=True"):
        load_model(folder)
    edit_config(folder, auto_map=None, text_config={"auto_map": {"AutoConfig": "modeling_own.Own"}})
    with pytest.raises(ModelError, match="trust_remote_code=True"):
        load_model(folder)


@pytest.mark.parametrize(
    "key", ["_attn_implementation_internal", "_attn_implementation", "attn_implementation"]
)
def test_kernels_named_in_a_config_are_refused(folder, key):
    edit_config(folder, **{key: "some-owner/some-kernel"})
    with pytest.raises(ModelError, match="attention kernel"):
        load_model(folder)
    edit_config(folder, **{key: "eager"})
    load_model(folder)


# GGUF


@pytest.fixture
def gguf_file(tmp_path, monkeypatch):
    """A tiny Llama in a GGUF file, the weights that are in it, and a cache of its own."""
    gguf = pytest.importorskip("gguf")
    monkeypatch.setenv("LMGYM_CACHE", str(tmp_path / "cache"))
    policy = make_policy()
    weights = {name: tensor.numpy() for name, tensor in policy.model.state_dict().items()}
    file = tmp_path / "models" / "tiny.gguf"
    file.parent.mkdir()
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(32)
    writer.add_embedding_length(16)
    writer.add_block_count(2)
    writer.add_feed_forward_length(64)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(8)
    writer.add_vocab_size(VOCAB)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([*(chr(97 + i) for i in range(VOCAB - 1)), "ab"])
    writer.add_token_types([1] * VOCAB)
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(1)
    names = {
        "model.embed_tokens": "token_embd",
        "model.norm": "output_norm",
        "lm_head": "output",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "post_attention_layernorm": "ffn_norm",
        "input_layernorm": "attn_norm",
        "model.layers": "blk",
    }
    for name, array in weights.items():
        if "q_proj" in name or "k_proj" in name:  # GGUF keeps the halves of a rotary pair side by side
            array = array.reshape(2, 2, 4, 16).swapaxes(1, 2).reshape(array.shape)
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        writer.add_tensor(name, array.copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file, policy


@pytest.mark.filterwarnings("default")  # of the packages that read GGUF
def test_gguf_is_converted_once_and_then_loaded_from_the_cache(gguf_file, monkeypatch):
    file, policy = gguf_file
    loaded = load_model(file)
    ids = torch.arange(VOCAB)[None]
    with torch.no_grad():
        expected = policy.model(input_ids=ids).logits
        torch.testing.assert_close(loaded(input_ids=ids).logits, expected, atol=1e-5, rtol=1e-5)
    [kept] = gguf_files.cache_folder().iterdir()
    assert (kept / "model.safetensors").is_file() and kept.name.endswith("-float32")

    def fail(*args):
        raise AssertionError("converted a second time")

    monkeypatch.setattr(gguf_files, "_convert", fail)
    again = load_model(file.parent)  # a folder with a single GGUF file
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), again.parameters(), strict=True))
    assert load_model(file.parent, gguf_file="tiny.gguf").config.vocab_size == VOCAB
    (file.parent / "other.gguf").write_bytes(b"")
    with pytest.raises(ModelError, match="several GGUF files"):
        load_model(file.parent)


@pytest.mark.filterwarnings("default")
def test_damaged_gguf_leaves_nothing_behind(gguf_file):
    file, _ = gguf_file
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(ModelError, match="whole GGUF file"):
        load_model(file)
    assert not list(gguf_files.cache_folder().iterdir())
    for missing in (file.parent / "none.gguf", file.parent):
        with pytest.raises(ModelError, match="no GGUF file"):
            load_model(missing, gguf_file="none.gguf" if missing.is_dir() else None)


@pytest.mark.filterwarnings("default")
def test_a_gguf_file_that_makes_a_library_panic_is_an_error_like_any_other(gguf_file, monkeypatch):
    class Panic(BaseException):
        pass

    def panic(*args, **options):
        raise Panic("called Result::unwrap() on an Err value")

    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", panic)
    with pytest.raises(ModelError, match="Panic"):
        load_model(gguf_file[0])
    assert not list(gguf_files.cache_folder().iterdir())


def test_gguf_without_its_packages(tmp_path, monkeypatch):
    monkeypatch.setenv("LMGYM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(MissingDependencyError, match=r"pip install .*gguf"):
        load_model(tmp_path / "a.gguf")


# Devices


def test_devices():
    assert resolve_device("cpu") == torch.device("cpu")
    expected = "cuda:0" if torch.cuda.is_available() else "cpu"
    assert str(resolve_device("auto")) == expected
    for bad in ("tpu", "cuda:99", "meta", "gpu", ""):
        with pytest.raises(DeviceError, match="Allowed here: auto, cpu"):
            resolve_device(bad)

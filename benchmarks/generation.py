"""Sampled tokens/s with log-probs: the engine, Hugging Face's generate, and the bare matrix products.

    python benchmarks/generation.py

A Llama of 4 layers and width 256 in float32 on 2 threads; prompts of 12 tokens, 16 new tokens, batches of 1,
64 and 256. Every way does the same work: it samples from the plain softmax and hands back tokens and the
log-prob of each (``generate`` is asked for its logits, from which the log-probs are then computed). "bare" is
nothing but the model's matrix products in the same shapes: a prefill of all prompt tokens and 15 steps. The
ways take turns within each repetition; the table gives medians over the repetitions.

With a CUDA device, also the decode speed of a 0.5-billion-parameter Llama in bfloat16 (batch 256, 512 new
tokens) against ``generate`` and against the memory bandwidth: the bytes of weights and cache that the steps
must read, over the bandwidth of a measured copy.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import CompileConfig, LlamaConfig, LlamaForCausalLM

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _record import Mark, make_mark, write_record

from lmgym_agents.engine import Engine
from lmgym_agents.sampling import SamplingParams

PROMPT_LENGTH, NEW_TOKENS, VOCAB_SIZE = 12, 16, 128
BATCHES = (1, 64, 256)
PARAMS = SamplingParams(max_new_tokens=NEW_TOKENS)
GOAL = 1.8


def make_small_model() -> LlamaForCausalLM:
    """Returns the model of the CPU comparison, 3.2 M parameters."""
    config = LlamaConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=128,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    return LlamaForCausalLM(config).eval()


def run_generate(model: LlamaForCausalLM, prompts: Tensor, new_tokens: int, **options: Any) -> Tensor:
    """Samples with Hugging Face and returns the log-probs [batch, new_tokens]."""
    with torch.inference_mode():
        out = model.generate(
            prompts,
            attention_mask=torch.ones_like(prompts),
            do_sample=True,
            top_k=0,
            max_new_tokens=new_tokens,
            return_dict_in_generate=True,
            output_logits=True,
            **options,
        )
        logps = torch.stack(out.logits, dim=1).float().log_softmax(-1)
        tokens = out.sequences[:, prompts.shape[1] :]
        assert tokens.shape[1] == new_tokens
        return logps.gather(-1, tokens[..., None])[..., 0]


def make_bare(model: LlamaForCausalLM, batch: int) -> Callable[[], None]:
    """Returns a function that multiplies by the same weights as often, and does nothing else."""
    layers = [module.weight.detach().t() for module in model.modules() if isinstance(module, torch.nn.Linear)]
    head, body = layers[-1], layers[:-1]
    assert head.shape[1] == VOCAB_SIZE

    def multiply(rows: int) -> None:
        for weight in body:
            torch.mm(inputs[rows, weight.shape[0]], weight, out=outputs[rows, weight.shape[1]])
        torch.mm(inputs[batch, head.shape[0]], head, out=outputs[batch, head.shape[1]])

    inputs, outputs = (
        {
            (rows, weight.shape[axis]): torch.randn(rows, weight.shape[axis])
            for rows in (batch, batch * PROMPT_LENGTH)
            for weight in layers
        }
        for axis in (0, 1)
    )

    def run() -> None:
        with torch.inference_mode():
            multiply(batch * PROMPT_LENGTH)
            for _ in range(NEW_TOKENS - 1):
                multiply(batch)

    return run


def time_in_turns(ways: dict[str, Callable[[], object]], repetitions: int) -> dict[str, float]:
    """Returns the median seconds of each way; the ways take turns, after two runs each to warm up."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for repetition in range(repetitions + 2):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if repetition >= 2:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def compare_on_cpu(repetitions: int) -> tuple[list[dict[str, Any]], list[Mark]]:
    """Returns the rows and the marks of the CPU comparison."""
    torch.set_num_threads(2)
    model = make_small_model()
    rows, marks = [], []
    for batch in BATCHES:
        prompts = torch.randint(1, VOCAB_SIZE, (batch, PROMPT_LENGTH))
        engine, arrays = Engine(model), list(prompts.numpy())
        ways: dict[str, Callable[[], object]] = {
            "engine": lambda e=engine, a=arrays: e.generate(a, PARAMS, seed=0),
            "bare products": make_bare(model, batch),
            "generate, dynamic": lambda p=prompts: run_generate(model, p, NEW_TOKENS),
            "generate, static": lambda p=prompts: run_generate(
                model, p, NEW_TOKENS, cache_implementation="static"
            ),
        }
        if shutil.which("g++"):
            compiling = CompileConfig(fullgraph=False, dynamic=False, mode="default")
            compiling._compile_all_devices = True
            ways["generate, static + compile"] = lambda p=prompts, c=compiling: run_generate(
                model, p, NEW_TOKENS, cache_implementation="static", compile_config=c
            )
        seconds = time_in_turns(ways, {1: 4 * repetitions, 64: repetitions, 256: repetitions // 2 + 1}[batch])
        best = min(value for name, value in seconds.items() if name.startswith("generate"))
        for name, value in seconds.items():
            rows.append(
                {
                    "batch": batch,
                    "way": name,
                    "tokens_per_s": round(batch * NEW_TOKENS / value, 1),
                    "share_of_bare": round(seconds["bare products"] / value, 3),
                    "times_best_generate": round(best / value, 3),
                }
            )
        if batch < 256:
            name = f"engine over the best generate, batch {batch}"
            marks.append(make_mark(name, round(best / seconds["engine"], 3), "×", at_least=GOAL))
    return rows, marks


def copy_bandwidth() -> float:
    """Returns the measured bytes/s, read and written, of a large copy on the GPU."""
    source = torch.empty(2**31, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    for _ in range(3):
        target.copy_(source)
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(20):
        target.copy_(source)
    torch.cuda.synchronize()
    return 20 * 2 * source.numel() / (time.perf_counter() - start)


def compare_on_gpu() -> tuple[list[dict[str, Any]], list[Mark]]:
    """Returns the rows and the mark of decoding a 0.5-billion-parameter model on the GPU."""
    batch, prompt_length, new_tokens = 256, 12, 512
    config = LlamaConfig(
        vocab_size=151_936,
        hidden_size=896,
        intermediate_size=4864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    with torch.device("cuda"):
        model = LlamaForCausalLM(config).to(torch.bfloat16).eval()
    prompts = torch.randint(1, 1000, (batch, prompt_length), device="cuda")
    engine, arrays = Engine(model, max_rows=batch), list(prompts.cpu().numpy())
    params = SamplingParams(max_new_tokens=new_tokens)
    engine.generate(arrays, params, seed=0)  # captures the graphs
    report = engine.generate(arrays, params, seed=1).report
    run_generate(model, prompts, 8)
    torch.cuda.synchronize()
    start = time.perf_counter()
    run_generate(model, prompts, new_tokens)
    torch.cuda.synchronize()
    generate_s = time.perf_counter() - start
    weight_bytes = sum(parameter.numel() * 2 for parameter in model.parameters())
    kv_bytes = config.num_hidden_layers * 2 * config.num_key_value_heads * config.head_dim * 2
    mean_length = prompt_length + new_tokens / 2
    read_bytes = (new_tokens - 1) * (weight_bytes + batch * mean_length * kv_bytes)
    limit_s = read_bytes / copy_bandwidth()
    decoded = batch * (new_tokens - 1)
    rows = [
        {"batch": batch, "way": "engine, 0.5 B bf16, decode", "tokens_per_s": decoded / report.decode_s},
        {"batch": batch, "way": "generate, 0.5 B bf16", "tokens_per_s": batch * new_tokens / generate_s},
        {"batch": batch, "way": "memory-bandwidth limit", "tokens_per_s": decoded / limit_s},
    ]
    share = round(limit_s / report.decode_s, 3)
    return rows, [make_mark("engine's share of the memory-bandwidth limit", share, "1", at_least=0.5)]


def print_table(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        cells = [f"{row['batch']:>5}", f"{row['way']:<28}", f"{row['tokens_per_s']:>12,.0f} tokens/s"]
        if "share_of_bare" in row:
            cells += [
                f"{row['share_of_bare']:>6.0%} of bare",
                f"{row['times_best_generate']:>6.2f} × best generate",
            ]
        print("  ".join(cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=20, help="at batch 64; more at 1, fewer at 256")
    parser.add_argument("--no-record", action="store_true", help="print only")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    np.random.seed(0)
    rows, marks = compare_on_cpu(options.repetitions)
    if torch.cuda.is_available():
        gpu_rows, gpu_marks = compare_on_gpu()
        rows, marks = rows + gpu_rows, marks + gpu_marks
    print_table(rows)
    for mark in marks:
        print(f"{'holds' if mark['holds'] else 'MISSED'}: {mark['name']}: {mark['value']} ({mark['goal']})")
    if not options.no_record:
        write_record("generation", rows, marks)


if __name__ == "__main__":
    main()

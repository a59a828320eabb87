from __future__ import annotations

import pytest
from torch import nn
from transformers.pytorch_utils import Conv1D

from lmgym_agents.flops import forward_flops, peak_flops
from tests.agents.tiny_models import make_model


@pytest.mark.parametrize("name", ["llama", "gpt2", "qwen3", "gpt_neox"])
def test_matrix_products_are_two_operations_a_weight(name):
    model = make_model(name)
    products = [module for module in model.modules() if isinstance(module, nn.Linear | Conv1D)]
    assert forward_flops(model.config, tokens=3, context=0) == 3 * 2 * sum(m.weight.numel() for m in products)


def test_attention_is_two_products_of_all_heads_with_the_context():
    config = make_model("llama").config  # 2 layers, 4 heads of 8
    added = forward_flops(config, tokens=1, context=10) - forward_flops(config, tokens=1, context=0)
    assert added == 2 * (2 * 10 * 32 + 2 * 10 * 32)


def test_peaks_are_found_by_the_name_that_torch_reports():
    assert peak_flops("NVIDIA H100 80GB HBM3") == 989e12
    assert peak_flops("NVIDIA H100 PCIe") == 756e12
    assert peak_flops("NVIDIA A100-SXM4-40GB") == 312e12
    assert peak_flops("AMD EPYC") is None

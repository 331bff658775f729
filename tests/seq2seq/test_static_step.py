"""Decoding without dropping rows: the same tokens, tensors of one shape, and one graph per step."""

import subprocess
import sys
import textwrap

import pytest
import torch

from erpo_explore.seq2seq import greedy
from erpo_explore.seq2seq.ended_rows import ended_rows

from .models import CONFIGS, SYMBOLS, build, sources

MAX_TOKENS = 12


def scaled_model(kind):
    model = build(kind, 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
    return model


@pytest.fixture(params=CONFIGS)
def model(request):
    return scaled_model(request.param)


@torch.no_grad()
def test_masked_rows_give_the_same_tokens(model):
    memory = model.eval().encode(*sources())
    dropped_BT = greedy(model, memory, SYMBOLS, MAX_TOKENS)
    with ended_rows(masked=True):
        assert torch.equal(greedy(model, memory, SYMBOLS, MAX_TOKENS), dropped_BT)


@torch.no_grad()
@pytest.mark.parametrize("is_training", [False, True])
def test_static_steps_give_the_features_of_one_pass(model, is_training):
    memory = model.train(is_training).settle(model.encode(*sources()), MAX_TOKENS)
    inputs_BT = torch.randint(4, 8, (len(memory.keep_BS), MAX_TOKENS), generator=torch.Generator().manual_seed(1))
    state, steps = model.begin_static(memory, MAX_TOKENS), []
    shapes = [tensor.shape for tensor in tensors_of(state)]
    for token_B in inputs_BT.unbind(1):
        features_BH, state = model.advance(memory, state, token_B)
        steps.append(features_BH)
        assert [tensor.shape for tensor in tensors_of(state)] == shapes
    assert memory.is_settled is is_training
    torch.testing.assert_close(torch.stack(steps, dim=1), model.features(memory, inputs_BT), rtol=1e-4, atol=1e-4)


def tensors_of(state):
    values = [getattr(state, name) for name in type(state).__dataclass_fields__]
    return [each for value in values for each in (value if isinstance(value, tuple) else (value,)) if each is not None]


# without the checks of shapes, which are no part of a graph, so in a process of its own
COMPILED = """
    import torch

    from erpo_explore.seq2seq import {config}, build_model

    generator = torch.Generator().manual_seed(1)
    model = build_model({config}(hidden_size=8), 9, 9, pad=0, generator=generator)
    keep_BS = torch.ones(2, 3, dtype=torch.bool)
    with torch.no_grad():
        memory = model.settle(model.encode(torch.full((2, 3), 5), keep_BS), 4)
        step = torch.compile(model.step, fullgraph=True, backend="{backend}")
        plain, compiled = (model.begin_static(memory, 4) for _ in range(2))
        for token in (1, 5, 6, 7):
            token_B = torch.full((2,), token)
            expected_BV, plain = model.step(memory, plain, token_B)
            found_BV, compiled = step(memory, compiled, token_B)
            torch.testing.assert_close(found_BV, expected_BV)
        assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1, torch._dynamo.utils.counters
"""


def assert_compiles(config, backend):
    script = textwrap.dedent(COMPILED.format(config=config, backend=backend))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("config", ["LstmConfig", "TransformerConfig"])
def test_a_step_is_one_graph_for_every_token(config):
    assert_compiles(config, "eager")


@pytest.mark.slow
@pytest.mark.tools("g++")
@pytest.mark.parametrize("config", ["LstmConfig", "TransformerConfig"])
def test_inductor_compiles_a_step(config):
    assert_compiles(config, "inductor")

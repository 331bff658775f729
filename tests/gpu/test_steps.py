import pytest
import torch

from erpo_explore.space import ALGORITHMS, algorithm

from .shared_draws import SharedDraws
from .steps import step_on

CPU = torch.device("cpu")
POINTS = {name: algorithm(name).path("bleu").end for name in ALGORITHMS}


@pytest.fixture(params=POINTS)
def point(request):
    return POINTS[request.param]


def assert_close(one, other, tolerance):
    torch.testing.assert_close(one.loss, other.loss, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(one.gradient_norms, other.gradient_norms, rtol=tolerance, atol=tolerance)


def test_shared_draws_equal_the_cpus(point):
    with SharedDraws() as mode:
        shared = step_on(CPU, point)
    assert mode.num_draws > 0
    alone = step_on(CPU, point)
    assert torch.equal(shared.loss, alone.loss)
    assert torch.equal(shared.gradient_norms, alone.gradient_norms)


def test_every_tensor_is_created_on_the_models_device(point):
    # tensors without a device land on `meta`, which cannot be mixed with others, like the CPU beside a GPU
    step = step_on(CPU, point, default_device=torch.device("meta"))
    assert torch.equal(step.loss, step_on(CPU, point).loss)


@pytest.mark.gpu
def test_the_same_draws_give_the_same_step_as_on_the_cpu(point, cuda):
    with SharedDraws():
        on_cuda = step_on(cuda, point)
    assert_close(on_cuda, step_on(CPU, point), 1e-4)


@pytest.mark.gpu
def test_draws_from_a_gpu_generator_give_a_finite_step(point, cuda):
    step = step_on(cuda, point)
    assert step.loss.isfinite()
    assert step.gradient_norms.isfinite().all()


@pytest.mark.gpu
def test_in_bf16_the_step_is_finite(point, cuda):
    with torch.autocast("cuda", torch.bfloat16):
        step = step_on(cuda, point)
    assert step.loss.isfinite()
    assert step.gradient_norms.isfinite().all()


# without oneDNN, whose bf16 LSTM some CPUs lack
@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_in_bf16_on_the_cpu_the_step_is_finite(point):
    with torch.autocast("cpu", torch.bfloat16), torch.backends.mkldnn.flags(enabled=False):
        step = step_on(CPU, point)
    assert step.loss.isfinite()
    assert step.gradient_norms.isfinite().all()

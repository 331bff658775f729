"""A pretrained model goes through the whole of a training run."""

import math

import pytest
import torch

from erpo_explore.config.experiment import Training
from erpo_explore.seq2seq import PretrainedConfig
from erpo_explore.space import algorithm
from erpo_explore.tasks import FilesConfig, PretrainedVocabularyConfig, load_task
from erpo_explore.trial import TrainingRun
from erpo_explore.trial.checkpoint import load_checkpoint, save_checkpoint
from tests.tasks.example_tasks import ENGLISH, GERMAN, write_files
from tests.tiny_pretrained import KINDS, save_tiny

from .tiny import CPU, PATHS, measured, same, spec_of

WORDS = sorted({word for line in GERMAN + ENGLISH for word in line.split()})
SHORT = Training(steps=6, interval=2, batch_size=4, learning_rate=0.01)
ALGORITHMS = ("mle", "raml", "policy_gradient", "scheduled_sampling")


@pytest.fixture(scope="module", params=[*KINDS, "bart without its <s>"])
def parts(request, tmp_path_factory):
    """A task in the tokens of a tiny model, some of whose ids have no token, and that model."""
    folder = tmp_path_factory.mktemp("pretrained")
    name = save_tiny(request.param.split()[0], folder / "model", WORDS, num_tokens=len(WORDS) + 9)
    if request.param not in KINDS:
        # then its BOS is its EOS
        (folder / "model" / "generation_config.json").unlink()
    vocabulary = PretrainedVocabularyConfig(name=name, source_prefix="das ist ")
    return load_task(FilesConfig(data=write_files(folder / "pairs"), vocabulary=vocabulary)), PretrainedConfig(
        name=name
    )


def run_of(parts, path, training=SHORT, **spec):
    return TrainingRun(*parts, training, spec_of(path, **spec), CPU)


def test_maximum_likelihood_learns_the_sentences_by_heart(parts):
    training = Training(steps=300, interval=150, batch_size=4, learning_rate=0.005, decay="linear", beam_width=2)
    run = run_of(parts, algorithm("mle").path("bleu"), training)
    first, last = run.advance(), run.advance(num_samples=4)
    assert last.train_loss_nats < first.train_loss_nats < math.log(len(parts[0].target_vocabulary))
    assert tuple(sample.hypothesis for sample in last.scores.samples) == ENGLISH
    assert last.scores.bleu == pytest.approx(100.0)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_kind_of_point_trains_without_the_process_wide_generators(parts, name):
    path = algorithm(name).path("bleu")
    torch.manual_seed(1)
    run = run_of(parts, path)
    before = torch.get_rng_state()
    observation = run.advance(num_samples=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert math.isfinite(observation.train_loss_nats)
    assert math.isfinite(observation.scores.validation_nll_nats)
    assert 0.0 < observation.kl_nats < math.inf
    torch.manual_seed(2)
    assert measured(run_of(parts, path).advance(num_samples=1)) == measured(observation)


@pytest.mark.parametrize("name", ["mle", "mixture"])
def test_a_run_goes_on_from_its_checkpoint_with_the_same_numbers(parts, name, tmp_path):
    run = run_of(parts, PATHS[name])
    run.advance()
    save_checkpoint(run.state(), tmp_path)
    expected = [measured(run.advance()) for _ in range(2)]
    resumed = run_of(parts, PATHS[name])
    resumed.load_state(load_checkpoint(tmp_path))
    assert [measured(resumed.advance()) for _ in range(2)] == expected
    assert same(resumed.state()["model"], run.state()["model"])

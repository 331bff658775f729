import pytest

from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ConfigError
from erpo_explore.seq2seq import LstmConfig, PretrainedConfig
from erpo_explore.tasks import LearnedVocabularyConfig, PretrainedVocabularyConfig, ToyConfig

MODEL = {"kind": "pretrained", "name": "some/model"}


def read(model, task=None):
    return Experiment.from_dict({"name": "space", "task": task or {"name": "toy"}, "model": model})


@pytest.mark.parametrize("revision", [{}, {"revision": "v1"}])
def test_a_pretrained_model_reads_its_own_tokens(revision):
    space = read(MODEL | revision)
    assert space.task.vocabulary == PretrainedVocabularyConfig(name="some/model", **revision)
    assert read(PretrainedConfig(**MODEL, **revision)) == space


@pytest.mark.parametrize("task", ["toy", "docstrings"])
def test_a_default_vocabulary_of_the_task_gives_way(task):
    assert isinstance(read(MODEL, {"name": task}).task.vocabulary, PretrainedVocabularyConfig)


@pytest.mark.parametrize("kind", [{}, {"kind": "pretrained"}])
def test_a_prefix_may_be_said_alone(kind):
    space = read(MODEL, {"name": "toy", "vocabulary": {**kind, "source_prefix": "translate: "}})
    assert space.task.vocabulary == PretrainedVocabularyConfig(name="some/model", source_prefix="translate: ")


def test_what_is_written_back_says_it_all():
    space = read(MODEL)
    assert space.to_dict()["task"]["vocabulary"]["name"] == "some/model"
    assert Experiment.from_dict(space.to_dict()) == space


def test_other_models_keep_their_vocabulary_and_may_use_pretrained_tokens():
    assert read({}).task.vocabulary == LearnedVocabularyConfig()
    task = {"name": "toy", "vocabulary": {"kind": "pretrained", "name": "some/model"}}
    space = read({}, task)
    assert (space.model, space.task.vocabulary) == (LstmConfig(), PretrainedVocabularyConfig(name="some/model"))


@pytest.mark.parametrize(
    ("vocabulary", "found"),
    [
        ({"kind": "word"}, "kind=word"),
        ({"kind": "pretrained", "name": "another/model"}, "name=another/model, revision=None"),
        ({"kind": "pretrained", "revision": "v2"}, "name=some/model, revision=v2"),
    ],
)
def test_tokens_of_another_kind_are_refused(vocabulary, found):
    message = rf"experiment: task\.vocabulary must be that of the model, name=some/model, .* got {found}; leave out"
    with pytest.raises(ConfigError, match=message):
        read(MODEL, {"name": "toy", "vocabulary": vocabulary})


def test_a_experiment_of_values_is_held_to_the_same():
    vocabulary = PretrainedVocabularyConfig(name="some/model")
    space = Experiment(name="space", task=ToyConfig(vocabulary=vocabulary), model=PretrainedConfig(name="some/model"))
    assert space.task.vocabulary == vocabulary
    with pytest.raises(ValueError, match="got kind=word"):
        Experiment(name="space", task=ToyConfig(), model=PretrainedConfig(name="some/model"))

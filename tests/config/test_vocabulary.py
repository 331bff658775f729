import pytest

from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ConfigError
from erpo_explore.seq2seq import LstmConfig, PretrainedConfig
from erpo_explore.tasks import LearnedVocabularyConfig, PretrainedVocabularyConfig, ToyConfig

MODEL = {"kind": "pretrained", "name": "some/model"}


def read(model, task=None):
    return Experiment.from_dict({"name": "mine", "task": task or {"name": "toy"}, "model": model})


@pytest.mark.parametrize("revision", [{}, {"revision": "v1"}])
def test_a_pretrained_model_has_its_own_vocabulary(revision):
    experiment = read(MODEL | revision)
    assert experiment.task.vocabulary == PretrainedVocabularyConfig(name="some/model", **revision)
    assert read(PretrainedConfig(**MODEL, **revision)) == experiment


@pytest.mark.parametrize("task", ["toy", "docstrings"])
def test_the_tasks_default_vocabulary_is_replaced(task):
    assert isinstance(read(MODEL, {"name": task}).task.vocabulary, PretrainedVocabularyConfig)


@pytest.mark.parametrize("kind", [{}, {"kind": "pretrained"}])
def test_a_prefix_may_be_given_alone(kind):
    experiment = read(MODEL, {"name": "toy", "vocabulary": {**kind, "source_prefix": "translate: "}})
    assert experiment.task.vocabulary == PretrainedVocabularyConfig(name="some/model", source_prefix="translate: ")


def test_to_dict_names_the_vocabulary():
    experiment = read(MODEL)
    assert experiment.to_dict()["task"]["vocabulary"]["name"] == "some/model"
    assert Experiment.from_dict(experiment.to_dict()) == experiment


def test_other_models_keep_their_vocabulary_and_may_use_pretrained_tokens():
    assert read({}).task.vocabulary == LearnedVocabularyConfig()
    task = {"name": "toy", "vocabulary": {"kind": "pretrained", "name": "some/model"}}
    experiment = read({}, task)
    assert (experiment.model, experiment.task.vocabulary) == (
        LstmConfig(),
        PretrainedVocabularyConfig(name="some/model"),
    )


@pytest.mark.parametrize(
    ("vocabulary", "found"),
    [
        ({"kind": "word"}, "kind=word"),
        ({"kind": "pretrained", "name": "another/model"}, "name=another/model, revision=None"),
        ({"kind": "pretrained", "revision": "v2"}, "name=some/model, revision=v2"),
    ],
)
def test_another_vocabulary_is_refused(vocabulary, found):
    message = rf"experiment: task\.vocabulary must be that of the model, name=some/model, .* got {found}; leave out"
    with pytest.raises(ConfigError, match=message):
        read(MODEL, {"name": "toy", "vocabulary": vocabulary})


def test_an_experiment_built_from_values_is_checked_too():
    vocabulary = PretrainedVocabularyConfig(name="some/model")
    experiment = Experiment(
        name="mine", task=ToyConfig(vocabulary=vocabulary), model=PretrainedConfig(name="some/model")
    )
    assert experiment.task.vocabulary == vocabulary
    with pytest.raises(ValueError, match="got kind=word"):
        Experiment(name="mine", task=ToyConfig(), model=PretrainedConfig(name="some/model"))

"""An experiment: what is trained and how it is searched, as one value that a user writes as YAML.

Reading is pure: `from_dict` and the validators read no file and look at no folder. `config.resolve` does both.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from erpo_explore.config.anchored import anchored
from erpo_explore.config.baselines import Baselines
from erpo_explore.config.explain import explain
from erpo_explore.config.final_test import FinalTest
from erpo_explore.config.init_from import FromTraining, InitFrom, read_init_from
from erpo_explore.config.path_file import PathFile
from erpo_explore.config.renamed import check_words
from erpo_explore.config.resources import Resources
from erpo_explore.config.search import Search
from erpo_explore.config.section import Name, Section
from erpo_explore.config.tracking import Tracking
from erpo_explore.config.training import Training
from erpo_explore.config.vocabulary import check_own_vocabulary, with_own_vocabulary
from erpo_explore.errors import ConfigError
from erpo_explore.plain_yaml import load_yaml
from erpo_explore.seq2seq import LstmConfig, ModelConfig
from erpo_explore.space.algorithms import Algorithm
from erpo_explore.space.path import Path
from erpo_explore.tasks import TaskConfig
from erpo_explore.tasks.metric import reward_metric

__all__ = ["Experiment", "FinalTest", "Resources", "Training", "load_experiment"]


class Experiment(Section):
    """All that defines an exploration: task, model, budget, the baselines, and the space that is searched."""

    name: Name
    """Name of the exploration and, by default, of its results folder."""

    task: TaskConfig
    """Data set and vocabulary."""

    model: ModelConfig = LstmConfig()
    """Architecture and size of the model."""

    training: Training = Training()
    """Budget, optimizer and evaluation of every trial."""

    search: Search = Search()
    """Search method and search space."""

    resources: Resources = Resources()
    """Hardware per trial, and handling of failures."""

    baselines: Baselines = Field(default_factory=dict)
    """Algorithms and paths that are trained beside the search, as a list or a mapping. An entry is one of:

    - `mle`, a named algorithm
    - `{raml: {temperature: 0.08}}`, a named algorithm with settings
    - `{cold: {raml: {temperature: 0.05}}}`, the same under a name of your own, so that one algorithm can be trained
      with several settings
    - `{mine: {knots: […]}}`, a path
    - `best_path.yaml` or `{found: best_path.yaml}`, the path in that file
    """

    init_from: Annotated[InitFrom | None, BeforeValidator(read_init_from)] = None
    """Checkpoints that all trials begin with. Default: random weights."""

    test: FinalTest | None = None
    """Decoding of the test set at the end of each trial. Default: none; a replay decodes it where the task has one."""

    tracking: Tracking = Tracking()
    """Experiment trackers that get the results as well."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    """Random seed of the first run of each baseline, of the search and of its first member."""

    num_seeds: Annotated[int, Field(ge=1)] = 1
    """Runs per baseline, with seeds `seed`, `seed` + 1, …"""

    @property
    def algorithms(self) -> dict[str, Mapping[str, Any]]:
        """Settings of the baselines that are named algorithms, by name; without those under a name of their own."""
        return {
            name: baseline.settings
            for name, baseline in self.baselines.items()
            if isinstance(baseline, Algorithm) and baseline.name == name
        }

    @property
    def paths(self) -> dict[str, Path]:
        """The other baselines as paths, by name.

        Raises:
            ConfigError: A path's file has not been read; see `config.resolve`.
        """
        return {name: self._path(name) for name in self.baselines if name not in self.algorithms}

    def _path(self, name: str) -> Path:
        match self.baselines[name]:
            case Path() as path:
                return path
            case Algorithm() as algorithm:
                metric = self.task.metric
                if metric is None:
                    raise ConfigError(
                        f"task.metric must be given where an algorithm has a name of its own, here {name}"
                    )
                return algorithm.path(reward_metric(metric))
            case PathFile(location=location):
                raise ConfigError(f"baselines.{name}: {location} must be read first, by erpo_explore.config.resolve")

    @model_validator(mode="before")
    @classmethod
    def _has_words_of_today(cls, written: Any) -> Any:
        check_words(written)
        return written

    @model_validator(mode="before")
    @classmethod
    def _add_vocabulary_of_model(cls, written: Any) -> Any:
        return with_own_vocabulary(written)

    @model_validator(mode="after")
    def _vocabulary_fits_model(self) -> "Experiment":
        check_own_vocabulary(self.task, self.model)
        return self

    @model_validator(mode="after")
    def _metric_is_known(self) -> "Experiment":
        for name, baseline in self.baselines.items():
            if isinstance(baseline, Algorithm) and name not in self.algorithms:
                self._path(name)
        return self

    @model_validator(mode="after")
    def _initial_weights_can_be_trained(self) -> "Experiment":
        initial = self.init_from
        if isinstance(initial, FromTraining):
            try:
                Algorithm(name=initial.algorithm, settings=self.algorithms.get(initial.algorithm, {}))
            except ConfigError as error:
                raise ValueError(f"init_from.{error}") from error
            # epochs without an interval get one when the data are loaded
            if self.training.interval is not None and initial.steps % self.training.interval != 0:
                raise ValueError(
                    f"init_from.steps must be a multiple of training.interval={self.training.interval}, "
                    f"got {initial.steps}"
                )
        return self

    @model_validator(mode="after")
    def _has_trials(self) -> "Experiment":
        if self.search.method == "none" and not self.baselines:
            raise ValueError("search.method is none and there are no baselines, so nothing would be trained")
        return self

    def in_steps(self, steps_per_epoch: int) -> "Experiment":
        """The same experiment with `training.steps` instead of `training.epochs`.

        Args:
            steps_per_epoch: Batches of one pass over the train pairs.

        Raises:
            ConfigError: `training.interval` is longer than the budget, or does not divide `init_from.steps`.
        """
        if self.training.epochs is None:
            return self
        try:
            training = self.training.in_steps(steps_per_epoch)
        except ValueError as error:
            raise ConfigError(f"{self.name}: {error}") from error
        return Experiment.from_dict(self.to_dict() | {"training": training.model_dump(mode="json")}, origin=self.name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that YAML can hold; `Experiment.from_dict(experiment.to_dict()) == experiment`."""
        written: dict[str, Any] = self.model_dump(mode="json")
        return written

    def to_yaml(self, remarks: Sequence[str] = ()) -> str:
        """The fields that were given, as YAML to copy and change. `load_experiment` reads the same experiment.

        Args:
            remarks: Lines of a comment at the beginning.
        """
        import yaml

        given = _with_kinds(self.model_dump(mode="json", exclude_unset=True), self.to_dict())
        written = given if Experiment.from_dict(given) == self else self.to_dict()
        comment = "".join(f"# {line}".rstrip() + "\n" for line in remarks)
        return comment + str(yaml.safe_dump(written, sort_keys=False, allow_unicode=True, width=100))

    @classmethod
    def from_dict(cls, written: Any, origin: str = "experiment") -> "Experiment":
        """Read plain values, without I/O.

        Args:
            written: What a user wrote, or `to_dict`.
            origin: File or folder of the values, for messages.

        Raises:
            ConfigError: With one line that names the first wrong field, the requirement and the value.
        """
        if written is None:
            raise ConfigError(f"{origin}: is empty; it must have the fields name and task")
        if not isinstance(written, Mapping):
            raise ConfigError(
                f"{origin}: must be a mapping with the fields name and task, got {type(written).__name__}"
            )
        try:
            return cls.model_validate(written)
        except ValidationError as error:
            raise ConfigError(f"{origin}: {explain(error, cls)}") from error


def load_experiment(file: FilePath) -> Experiment:
    """Read an experiment from YAML. Files that it names are read by `config.resolve`.

    Relative names of files and folders become absolute; they are relative to the YAML file.

    Raises:
        ConfigError: The file is missing, no YAML, or does not fit the schema.
    """
    try:
        written = load_yaml(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}); name a YAML file of search_spaces/") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8 text; save it as UTF-8") from error
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    return anchored(Experiment.from_dict(written, origin=str(file)), file.absolute().parent)


def _with_kinds(given: dict[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """Given fields, and the kind of each section: a class such as `Toy` has it as a default."""
    kinds = {name: whole[name] for name in ("name", "kind", "method") if name in whole}
    sections = {
        name: _with_kinds(value, whole[name])
        for name, value in given.items()
        if isinstance(value, dict) and isinstance(whole.get(name), Mapping)
    }
    return kinds | given | sections

"""The search space that a user writes as YAML: what is trained, for how long, and where to search.

One schema, checked at the edge. Text becomes values here once; nothing below reads YAML again.
"""

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from erpo_explore.config.baselines import Baselines
from erpo_explore.config.init_from import InitFrom, TrainedTrunk, as_trunk
from erpo_explore.config.path_file import is_path_file, load_path
from erpo_explore.config.search import Search
from erpo_explore.config.section import Section
from erpo_explore.config.tracking import Tracking
from erpo_explore.config.vocabulary import check_own_vocabulary, with_own_vocabulary
from erpo_explore.errors import ConfigError
from erpo_explore.plain_yaml import load_yaml
from erpo_explore.seq2seq import LstmConfig, ModelConfig
from erpo_explore.space.algorithms import ALGORITHMS, Algorithm
from erpo_explore.space.path import Path
from erpo_explore.store.files import as_location
from erpo_explore.tasks import TaskConfig

__all__ = ["Experiment", "LastTest", "Resources", "Training", "load_experiment"]

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""What folders are named after."""


class Training(Section):
    """How long and how fast every trial trains."""

    steps: Annotated[int, Field(ge=1)] = 600
    """The budget of a trial, in optimizer steps."""

    interval: Annotated[int, Field(ge=1)] = 100
    """Steps between two evaluations; a population decides at each. Must divide `steps`."""

    batch_size: Annotated[int, Field(ge=1)] = 64
    """Sentence pairs a step."""

    learning_rate: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-3
    """Of Adam."""

    decay: Literal["none", "linear"] = "none"
    """`linear` lets the learning rate fall to 0 at the end of the budget."""

    clip_norm: Annotated[float, Field(gt=0.0)] = 5.0
    """Gradients longer than this are shortened to it."""

    precision: Literal["fp32", "bf16"] = "fp32"
    """`bf16` lets torch's autocast multiply in half precision; weights, losses and draws stay in single precision."""

    validation_limit: Annotated[int, Field(ge=1)] | None = None
    """Evaluate on the first so many valid pairs; all of them if not given."""

    beam_width: Annotated[int, Field(ge=1, le=256)] = 1
    """Hypotheses a sentence when valid sentences are decoded; 1 is greedy, and several times faster than 5."""

    length_penalty: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 1.0
    """Of a beam: log p is divided by ((5 + length) / 6) to this power; 0 prefers short hypotheses, 1 nearly none."""

    @model_validator(mode="after")
    def _interval_divides_steps(self) -> "Training":
        if self.steps % self.interval != 0:
            raise ValueError(f"interval must divide steps={self.steps}, got {self.interval}")
        return self


class Resources(Section):
    """What one trial holds while it trains, and what is done when it fails."""

    cpus_per_trial: Annotated[int, Field(ge=1)] = 1
    """CPU cores, and threads of torch."""

    gpus_per_trial: Annotated[float, Field(ge=0.0)] | None = None
    """GPUs, a fraction where trials share one; if not given, a fair share of those there are, at least 1/4."""

    memory_per_trial_gb: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    """Main memory in GB (10⁹ bytes) that a trial holds: no machine gets more trials than fit, and a trial that takes
    more fails (on Linux). If not given, nobody counts, and Ray ends some worker of a machine that is nearly full."""

    max_failures: Annotated[int, Field(ge=0)] = 2
    """How often a trial that fails (its worker dies, hangs or runs out of memory, its loss is no longer a number) is
    tried again from its last checkpoint."""

    timeout_s: Annotated[float, Field(ge=0.0, le=1e6)] = 0.0
    """A worker whose interval takes longer is taken for hung and ended; 0 for no limit on the first interval, then
    20 times the longest so far, at least 600 s."""


class LastTest(Section):
    """How the test set is decoded at the end of a trial, with the weights that the trial ends with.

    The last weights are what a budget buys. The best on the valid set would be chosen by noise anew, and a path that
    anneals is meant to end where it ends.
    """

    beam_width: Annotated[int, Field(ge=1, le=256)] = 5
    """Hypotheses a sentence."""

    length_penalty: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 1.0
    """As that of `training`."""


class Experiment(Section):
    """Everything that defines an exploration."""

    name: Name
    """Names the exploration and its results folder."""

    task: TaskConfig
    """What the models are trained on."""

    model: ModelConfig = LstmConfig()
    """What is trained."""

    training: Training = Training()
    """Budget and optimizer."""

    search: Search = Search()
    """Where to look."""

    resources: Resources = Resources()
    """What a trial holds."""

    baselines: Baselines = Field(default_factory=dict)
    """Named baselines to train as baselines, with the settings that differ from their defaults."""

    paths: dict[Name, Path] = Field(default_factory=dict)
    """Paths to train, by name; none has the name of an algorithm of `baselines`. `{raml: {temperature: 0.05}}` in
    place of knots is
    the path of that algorithm, so that one algorithm is trained with several settings; `best_path.yaml`, the path in
    that file."""

    init_from: InitFrom | None = None
    """The trunk that every trial branches from; weights drawn anew if not given."""

    test: LastTest | None = None
    """Decode the test set once at the end of each trial; a replay does, where the task has one."""

    tracking: Tracking = Tracking()
    """Experiment trackers that are told as well."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    """Of every random draw."""

    num_seeds: Annotated[int, Field(ge=1)] = 1
    """Runs of each algorithm and path, with seeds `seed`, `seed` + 1, …"""

    @field_validator("paths", mode="before")
    @classmethod
    def _read_paths(cls, written: Any, read: Any) -> Any:
        if not isinstance(written, Mapping):
            return written
        metric = getattr(read.data.get("task"), "metric", None)
        return {name: _read_path(path, metric) for name, path in written.items()}

    @field_validator("init_from", mode="before")
    @classmethod
    def _read_init_from(cls, written: Any) -> Any:
        return as_trunk(written)

    @model_validator(mode="before")
    @classmethod
    def _name_own_vocabulary(cls, written: Any) -> Any:
        return with_own_vocabulary(written)

    @model_validator(mode="after")
    def _has_own_vocabulary(self) -> "Experiment":
        check_own_vocabulary(self.task, self.model)
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> "Experiment":
        if both := sorted(self.baselines.keys() & self.paths.keys()):
            raise ValueError(f"paths.{both[0]} has the name of an algorithm, so their trials would be one; rename it")
        return self

    @model_validator(mode="after")
    def _trunk_can_be_trained(self) -> "Experiment":
        trunk = self.init_from
        if isinstance(trunk, TrainedTrunk):
            try:
                Algorithm(name=trunk.algorithm, settings=self.baselines.get(trunk.algorithm, {}))
            except ConfigError as error:
                raise ValueError(f"init_from.{error}") from error
            if trunk.steps % self.training.interval != 0:
                raise ValueError(
                    f"init_from.steps must be a multiple of training.interval={self.training.interval}, "
                    f"got {trunk.steps}"
                )
        return self

    @model_validator(mode="after")
    def _has_trials(self) -> "Experiment":
        if self.search.method == "none" and not self.baselines and not self.paths:
            raise ValueError("search.method is none and there are no baselines or paths, so nothing would be trained")
        return self

    def to_dict(self) -> dict[str, Any]:
        """As plain values that YAML can hold; `Experiment.from_dict` reads them back."""
        written: dict[str, Any] = self.model_dump(mode="json", exclude={"paths": True, "search": {"start"}})
        written["paths"] = {name: path.to_dict() for name, path in self.paths.items()}
        written["search"]["start"] = self.search.start.to_dict()
        return written

    @classmethod
    def from_dict(cls, written: Any, origin: str = "search space") -> "Experiment":
        """Read plain values.

        Raises:
            ConfigError: With one line that names the first wrong field, what it must be and what it is.
        """
        if not isinstance(written, Mapping):
            raise ConfigError(
                f"{origin}: must be a mapping with the fields name and task, got {type(written).__name__}"
            )
        try:
            return cls.model_validate(written)
        except ValidationError as error:
            raise ConfigError(f"{origin}: {_explain(error)}") from error


def load_experiment(file: FilePath) -> Experiment:
    """Read a search space from YAML.

    Raises:
        ConfigError: The file is missing, no YAML, or does not fit the schema.
    """
    try:
        written = load_yaml(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}); name a YAML file of search_spaces/") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8 text; save it as UTF-8") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or number that cannot be, such as 2024-13-45
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{file}:{line} is no valid YAML: {getattr(error, 'problem', error)}") from error
    return Experiment.from_dict(written, origin=str(file))


def _read_path(written: Any, metric: str | None) -> Path:
    """A path as knots, as an algorithm with settings, or as a file."""
    if isinstance(written, Path):
        return written
    if is_path_file(written):
        return load_path(as_location(written))
    if not isinstance(written, Mapping) or len(written) != 1 or not written.keys() <= ALGORITHMS.keys():
        return Path.from_dict(written)
    ((name, settings),) = written.items()
    if not isinstance(settings, Mapping | None):
        raise ConfigError(f"{name} must be a mapping of settings, got {settings!r}")
    if metric is None:
        raise ConfigError(f"task.metric must be given where a path is an algorithm, here {name}")
    return Algorithm(name=name, settings=settings or {}).path(metric)


def _explain(error: ValidationError) -> str:
    """The first thing that is wrong, in a line: field, requirement, value."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in _without_kinds(first["loc"]))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    match first["type"]:
        case "extra_forbidden":
            return f"{field}: is unknown; compare with the files in search_spaces/{more}"
        case "missing":
            return f"{field}: is missing{more}"
        case "union_tag_invalid":
            context = first["ctx"]
            tag = context["discriminator"].strip("'")
            return f"{field}.{tag}: must be one of {context['expected_tags']}, got {context['tag']!r}{more}"
        case "union_tag_not_found":
            return f"{field}.name: is missing; name a task: toy, docstrings, files or hub{more}"
        case "no_trunk":
            return f"{field}: {first['msg']}, got {_short(first['input'])}{more}"
        case "value_error":  # our own message, which holds the value
            message = first["msg"].removeprefix("Value error, ")
            return f"{field}: {message}{more}" if field else f"{message}{more}"
        case _:
            return f"{field}: {first['msg'][:1].lower()}{first['msg'][1:]}, got {_short(first['input'])}{more}"


def _without_kinds(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Pydantic names the kind of a model, trunk or vocabulary, too, which is no field of the user's."""
    if loc[:1] in (("model",), ("init_from",)):
        return (loc[0], *loc[2:])
    place = 1 + loc.index("vocabulary") if "vocabulary" in loc else len(loc)
    return loc[:place] + loc[place + 1 :]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."

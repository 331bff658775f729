import contextlib
import math
from pathlib import Path as FilePath

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import erpo_explore as erpo
from erpo_explore.config.experiment import Experiment, load_experiment
from erpo_explore.config.search import COORDINATES
from erpo_explore.errors import ConfigError
from erpo_explore.seq2seq import LstmConfig, TransformerConfig
from erpo_explore.space import ALGORITHMS, Path, Point, Reward, algorithm
from erpo_explore.space.point import LABELS, PREFIXES
from erpo_explore.space.reward import TOKEN_METRICS
from tests.checking import no_type_checks
from tests.space.strategies import paths, token_points

SMALLEST = {"name": "mine", "task": {"name": "toy"}}
SHIPPED = sorted((FilePath(__file__).parents[2] / "search_spaces").glob("*.yaml"))
BLANKS = {"reward": {"truth": 0.9, "noise": 0.1, "noise_kind": "blank"}, "label": "truth"}
RAML = {"reward": "bleu", "tau": 0.1}


def read(**changes):
    return Experiment.from_dict(SMALLEST | changes, origin="space.yaml")


@st.composite
def ranges(draw):
    """Any legal ranges."""
    chosen = draw(st.lists(st.sampled_from(COORDINATES), unique=True))
    return {name: sorted(draw(st.tuples(st.floats(1e-3, 1.0), st.floats(1e-3, 1.0)))) for name in chosen}


path_names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True).filter(
    lambda name: name not in ALGORITHMS
)


@st.composite
def experiments(draw):
    """Any legal experiment on the toy task."""
    interval = draw(st.integers(1, 100))
    search = {
        "method": draw(st.sampled_from(["population", "random", "optuna", "grid"])),
        "levels": draw(st.integers(1, 2)),
        "start": draw(token_points()).to_dict(),
        "ranges": draw(ranges()),
        "metric": draw(st.none() | st.sampled_from(TOKEN_METRICS)),
        "prefix": draw(st.sampled_from(PREFIXES)),
        "label": draw(st.sampled_from(LABELS)),
        "choices": draw(st.just({}) | st.just({"metric": ["edit", "bleu"], "label": ["truth"]})),
    }
    return SMALLEST | {
        "training": {"interval": interval, "steps": interval * draw(st.integers(1, 20)), "clip_norm": math.inf},
        "search": search,
        "baselines": {name: {} for name in draw(st.lists(st.sampled_from(list(ALGORITHMS)), unique=True))}
        | {name: path.to_dict() for name, path in draw(st.dictionaries(path_names, paths(), max_size=2)).items()}
        | draw(st.sampled_from([{}, {"cold": {"raml": {"temperature": 0.05}}, "found": "found/best_path.yaml"}])),
        "seed": draw(st.integers(0, 2**31 - 1)),
    }


class TestValues:
    @settings(max_examples=30)
    @given(experiments())
    def test_from_dict_inverts_to_dict(self, written):
        experiment = Experiment.from_dict(written)
        assert Experiment.from_dict(experiment.to_dict()) == experiment

    @settings(max_examples=30)
    @given(experiments())
    def test_to_dict_survives_yaml(self, written):
        experiment = Experiment.from_dict(written)
        assert Experiment.from_dict(yaml.safe_load(yaml.safe_dump(experiment.to_dict()))) == experiment

    @settings(max_examples=10)
    @given(experiments())
    def test_what_is_parsed_does_not_depend_on_the_working_folder(self, tmp_path_factory, written):
        here, there = tmp_path_factory.getbasetemp(), FilePath(__file__).parent
        (here / "found").mkdir(exist_ok=True)
        (here / "found" / "best_path.yaml").touch()
        with contextlib.chdir(here):
            experiment = Experiment.from_dict(written)
        with contextlib.chdir(there):
            assert Experiment.from_dict(written) == experiment

    def test_a_name_and_a_task_are_enough(self):
        experiment = read()
        assert (experiment.search.method, experiment.training.steps, experiment.baselines) == ("population", 600, {})

    def test_pbt_resamples_as_often_as_in_tune_by_default(self):
        assert read(search={"method": "pbt"}).search.resample == 0.25
        assert read(search={"method": "pbt", "resample": 0.5}).search.resample == 0.5
        assert read(search={"method": "pb2"}).search.resample == read(search={}).search.resample

    def test_asha_is_random_search_with_early_stopping(self):
        short = read(search={"method": "asha", "members": 8})
        assert short == read(search={"method": "random", "members": 8, "early_stopping": "asha"})
        assert Experiment.from_dict(short.to_dict()) == short

    @pytest.mark.parametrize(
        ("search", "unread"),
        [
            ({"method": "population", "members": 8, "evolve_every": [1]}, ()),
            ({"method": "grid", "members": 8, "levels": 2}, ("members",)),
            ({"method": "random", "members": 8, "p_exploit": 0.2, "quantile": 0.5}, ("p_exploit", "quantile")),
            ({"method": "pbt", "synchronous": False}, ("synchronous",)),
            ({"method": "pbt"}, ()),
            ({"method": "none", "members": 8, "ranges": {}}, ("members", "ranges")),
            ({"method": "elsewhere:METHOD", "members": 8}, ()),
        ],
    )
    def test_settings_without_effect_on_the_method_are_known(self, search, unread):
        assert read(search=search, baselines=["mle"]).search.unread == unread

    @pytest.mark.parametrize(
        "search", [{"levels": 10}, {"levels": 1000, "ranges": {"task": (0.0, 0.4), "rho": (0.5, 0.5)}}]
    )
    def test_a_grid_of_a_thousand_trials_is_not_too_large(self, search):
        assert read(search=search | {"method": "grid"}).search.levels == search["levels"]

    def test_a_model_without_a_kind_is_an_lstm(self):
        assert read().model == read(model={}).model == LstmConfig()
        assert read(model={"hidden_size": 64}).model == LstmConfig(hidden_size=64)

    def test_kind_selects_the_model(self):
        written = {
            "kind": "transformer",
            "hidden_size": 64,
            "heads": 2,
            "layers": 1,
            "feed_forward": 96,
            "dropout": 0.1,
        }
        experiment = read(model=written)
        assert experiment.model == TransformerConfig(**written)
        assert experiment.to_dict()["model"] == written

    def test_baselines_are_read_as_a_list_or_a_mapping(self):
        as_list = read(baselines=["mle", {"raml": {"temperature": 0.2}}])
        assert as_list == read(baselines={"mle": None, "raml": {"temperature": 0.2}})
        assert as_list == read(baselines=["mle", algorithm("raml", temperature=0.2)])
        assert as_list.algorithms == {"mle": {}, "raml": {"temperature": 0.2}}

    @pytest.mark.parametrize("name", ["mle", "data_noising", "raml", "spg"])
    def test_a_search_may_start_at_a_constant_algorithm(self, name):
        assert read(search={"start": name}).search.start == algorithm(name).path("bleu").end

    def test_candidates_are_written_as_baselines_are(self):
        for written in (["rloo", {"grpo": {"samples": 4}}], {"rloo": {}, "grpo": {"samples": 4}}):
            assert read(search={"candidates": written}).search.candidates == {"rloo": {}, "grpo": {"samples": 4}}

    def test_a_search_starts_at_maximum_likelihood_by_default(self):
        assert read().search.start == Point(reward=Reward(truth=1.0))

    def test_a_path_is_read_as_a_path(self):
        path = Path(knots=((0.0, Point(reward=Reward(truth=1.0))), (1.0, Point.from_dict(RAML))))
        for written in (path, path.to_dict()):
            experiment = read(baselines={"mine": written})
            assert (experiment.algorithms, experiment.paths) == ({}, {"mine": path})

    def test_an_algorithm_may_have_another_name(self):
        written = {"cold": {"raml_ngram": {"temperature": 0.1}}, "default": {"raml_ngram": None}}
        experiment = read(baselines=[*({name: baseline} for name, baseline in written.items()), "raml_ngram"])
        assert experiment.algorithms == {"raml_ngram": {}}
        assert experiment.paths == {
            "cold": algorithm("raml_ngram", temperature=0.1).path("bleu"),
            "default": algorithm("raml_ngram").path("bleu"),
        }
        assert Experiment.from_dict(experiment.to_dict()) == experiment

    def test_an_algorithm_under_another_name_needs_the_tasks_metric(self, tmp_path):
        with pytest.raises(ConfigError, match=r"task\.metric must be given where .*, here mine$"):
            read(task={"name": "files", "data": str(tmp_path)}, baselines={"mine": {"raml": {}}})

    def test_an_experiment_is_frozen(self):
        with pytest.raises(ValueError, match="frozen"):
            read().seed = 3


class TestErrors:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"stepz": 1}, r"stepz: is unknown; did you mean steps\?"),
            ({"training": {"stepz": 1}}, r"training\.stepz: is unknown; did you mean steps\?"),
            ({"name": "../up"}, r"name: must have letters, digits, .*, got '\.\./up'"),
            (
                {"task": {"name": "poetry"}},
                r"task\.name: must be one of 'toy', 'pronunciations', 'docstrings', 'files', 'hub', got 'poetry'",
            ),
            ({"task": {"name": "files"}}, r"task\.data: is missing"),
            ({"training": {"steps": "many"}}, r"training\.steps: must be a whole number, got 'many'"),
            ({"training": {"steps": 0}}, r"training\.steps: must be >= 1, got 0"),
            ({"training": {"learning_rate": 0}}, r"training\.learning_rate: must be > 0, got 0"),
            ({"training": {"learning_rate": math.nan}}, r"training\.learning_rate: .*, got nan"),
            ({"training": {"steps": 100, "interval": 7}}, r"training: interval must divide steps=100, got 7$"),
            ({"training": {"beam_width": 0}}, r"training\.beam_width: must be >= 1, got 0"),
            ({"training": {"length_penalty": -1}}, r"training\.length_penalty: must be >= 0, got -1"),
            ({"model": {"hidden_size": 7}}, r"model\.hidden_size: .*multiple of 2, got 7"),
            ({"model": {"unitz": 8}}, r"model\.unitz: is unknown"),
            (
                {"model": {"kind": "rnn"}},
                r"model\.kind: must be one of 'lstm', 'transformer', 'pretrained', 'custom', got 'rnn'$",
            ),
            ({"model": {"kind": "lstm", "heads": 4}}, r"model\.heads: is unknown"),
            ({"model": {"kind": "transformer", "layers": 0}}, r"model\.layers: must be >= 1, got 0$"),
            ({"model": {"kind": "transformer", "heads": 3}}, r"model: heads must divide hidden_size=256, got 3$"),
            ({"model": 3}, r"model: .*, got 3$"),
            ({"model": {"kind": "pretrained"}}, r"model\.name: is missing"),
            (
                {"task": {"name": "toy", "vocabulary": {"kind": "piece"}}},
                r"task\.vocabulary\.kind: must be one of 'word', 'bpe', 'pretrained', got 'piece'$",
            ),
            (
                {"task": {"name": "toy", "vocabulary": {"size": 3}}},
                r"task\.vocabulary\.size: must be >= 5, got 3$",
            ),
            (
                {"task": {"name": "toy", "vocabulary": {"kind": "pretrained"}}},
                r"task\.vocabulary\.name: is missing$",
            ),
            ({"search": {"method": "luck"}}, r"search\.method: .*'population', 'random', .* or 'none', got 'luck'"),
            (
                {"search": {"method": "grid", "levels": 11}},
                r"search: a grid may have 1,000 trials, got 1,331: 11 levels .* lower levels or knots, or use",
            ),
            (
                {"search": {"method": "grid", "knots": 3, "levels": 2, "choices": {"prefix": ["q", "truth"]}}},
                r"search: a grid may have 1,000 trials, got 4,096: 2 levels .* at each of 3 knots;",
            ),
            ({"search": {"knots": 2}}, r"search: knots must be 1 with method population, got 2; it is for random, "),
            ({"search": {"prior": ["old"]}}, r"search: prior is for method branch, got population; leave it out$"),
            (
                {"search": {"method": "branch", "prior": "old"}},
                r"search\.prior: prior must be a list of results folders or none, got old; write \[old\]$",
            ),
            (
                {"search": {"method": "pbt", "early_stopping": "asha"}},
                r"search: early_stopping must be none with method pbt, got asha; it is for random, grid, optuna$",
            ),
            ({"search": {"method": "pb2", "ranges": {}}}, r"search: ranges must name a coordinate for method pb2"),
            (
                {"search": {"method": "asha", "early_stopping": "median"}},
                r"search: method asha has early_stopping asha, got median; write method random to change it$",
            ),
            ({"search": {"quantile": 0.75}}, r"search\.quantile: must be <= 0\.5, got 0\.75"),
            ({"search": {"metric": "meteor"}}, r"search\.metric: .*must be one of bleu, .*got 'meteor'"),
            ({"search": {"choices": {"reward": ["bleu"]}}}, r"search\.choices: reward is unknown; known are metric, p"),
            ({"search": {"choices": {"label": []}}}, r"search\.choices: label must list at least one value, got none;"),
            (
                {"search": {"choices": {"metric": ["bleu", "chrf"]}}},
                r"search\.choices: metric must list values out of bleu, .*, got 'chrf'$",
            ),
            ({"search": {"choices": {"prefix": ["q", "q"]}}}, r"search\.choices: prefix must list each value once"),
            (
                {"search": {"start": BLANKS, "choices": {"label": ["truth", "sampled"]}}},
                r"search: a start with noise_kind=blank needs .*, got label truth, sampled and rho up to 0:",
            ),
            (
                {"search": {"start": BLANKS, "label": "truth", "ranges": {"rho": [0.0, 0.5]}}},
                r"search: a start with noise_kind=blank needs .* rho 0 .*, got label truth and rho up to 0\.5:",
            ),
            (
                {"search": {"start": "interpolation"}},
                r"search\.start: start must be a point, but interpolation is a path",
            ),
            (
                {"search": {"start": {"reward": {"truth": 0.5, "model": 0.5}, "anchor": "ema"}}},
                r"search\.start: start must draw token by token, as all searched points do, got .* anchor=ema",
            ),
            ({"search": {"start": "mixed"}}, r"search\.start: algorithm must be one of mle, .*, got 'mixed'"),
            ({"search": {"start": {"reward": "meteor"}}}, r"search\.start: reward must be one of .*, got 'meteor'$"),
            ({"search": {"start": None}}, r"search\.start: a point must be a mapping .*, got nothing$"),
            (
                {"search": {"candidates": ["mixed"]}},
                r"search\.candidates: algorithm must be one of mle, .*, got 'mixed'",
            ),
            (
                {"search": {"candidates": [3]}},
                r"search\.candidates: must be names or mappings .*, got 3$",
            ),
            (
                {"search": {"candidates": ["interpolation"]}},
                r"search\.candidates: must be points, but interpolation is a path",
            ),
            ({"search": {"candidates": {"grpo": {"k": 4}}}}, r"search\.candidates: grpo\.k is unknown"),
            (
                {"search": {"candidates": ["grpo"], "monotone": True}},
                r"search: candidates are for .* with monotone false, got population and true",
            ),
            (
                {"search": {"candidates": ["grpo"], "method": "random"}},
                r"search: candidates are for methods population and branch .*, got random and false",
            ),
            (
                {"search": {"candidates": [{"cold": {"grpo": {}}}]}},
                r"search\.candidates: must be named algorithms, .*, got cold: ",
            ),
            ({"search": {"method": "none"}}, r"search\.method is none and there are no baselines, so"),
            (
                {"baselines": ["mixed"]},
                r"baselines: algorithm must be one of mle, .*, got 'mixed'; did you mean mixer\?$",
            ),
            (
                {"baselines": [{"raml": {"gamma": 1}}]},
                r"baselines: raml\.gamma is unknown; known are metric, temperature$",
            ),
            ({"baselines": [3]}, r"baselines: must be names or mappings of names to baselines, got 3$"),
            ({"baselines": 3}, r"baselines: must be a list or a mapping of names to baselines, got 3$"),
            (
                {"baselines": {"mixed": {}}},
                r"baselines: algorithm must be one of mle, .*, got 'mixed'; did you mean mixer\?$",
            ),
            (
                {"baselines": ["raml", {"raml": {"temperature": 0.2}}]},
                r"baselines: raml is the name of two entries, .* .* \{my_raml: \{raml: \{…\}\}\}$",
            ),
            (
                {"baselines": ["found/mine.yaml", {"mine": {"raml": {}}}]},
                r"baselines: mine is the name of two entries",
            ),
            ({"baselines": {"raml": {"temperature": 0}}}, r"baselines: raml: alpha \+ beta must be > 0"),
            ({"baselines": {"mine": 3}}, r"baselines: mine must be the settings .*, got 3; algorithms are mle, "),
            ({"baselines": {"mine": {"raml": 3}}}, r"baselines: raml must be a mapping of settings, got 3$"),
            ({"baselines": {"raml": 3}}, r"baselines: raml must be a mapping of settings, got 3$"),
            ({"baselines": {"mine": {"knots": []}}}, r"baselines: \w+: path\.knots must hold at least one knot"),
            ({"baselines": {3: {"raml": {}}}}, r"baselines\.3.*: must be text, got 3"),
            ({"seed": -1}, r"seed: must be >= 0, got -1"),
            ({"num_seeds": 0}, r"num_seeds: must be >= 1, got 0"),
            ({"resources": {"max_failures": -1}}, r"resources\.max_failures: must be >= 0, got -1"),
            ({"resources": {"timeout_s": float("nan")}}, r"resources\.timeout_s: .*, got nan"),
            ({"resources": {"memory_per_trial_gb": 0}}, r"resources\.memory_per_trial_gb: must be > 0, got 0"),
            ({"resources": {"cpus_per_trial": 0}}, r"resources\.cpus_per_trial: must be >= 1, got 0"),
            ({"seed": -1, "stepz": 1}, r"seed: .*, got -1 \(and 1 more\)$"),
        ],
    )
    def test_a_wrong_field_is_named_with_its_value(self, changes, message):
        with no_type_checks(), pytest.raises(ConfigError, match=rf"^space\.yaml: {message}"):
            read(**changes)

    @pytest.mark.parametrize(
        ("name", "bounds", "message"),
        [
            ("speed", [0, 1], r"speed is unknown; known are noise, task, model, temperature, rho, tau$"),
            ("task", [0.5, 0.25], r"task must be \[low, high\] with 0 <= low <= high, got \[0\.5, 0\.25\]$"),
            ("noise", [-0.5, 0.5], r"noise must be \[low, high\] with 0 <= low <= high, got \[-0\.5, 0\.5\]$"),
            ("rho", [0.5, 1.5], r"rho must lie in \[0, 1\], got \[0\.5, 1\.5\]$"),
            ("tau", [0, 1], r"tau must be \[low, high\] with 0 < low <= high, got \[0, 1\]$"),
            ("temperature", [0.1, math.inf], r"temperature must be \[low, high\] .*, got \[0\.1, inf\]$"),
            ("tau", [math.nan, 1], r"tau must be \[low, high\] .*, got \[nan, 1\]$"),
            ("model", [0.1, math.nan], r"model must be \[low, high\] .*, got \[0\.1, nan\]$"),
        ],
    )
    def test_a_bad_range_is_named_with_what_it_must_be(self, name, bounds, message):
        with pytest.raises(ConfigError, match=rf"space\.yaml: search\.ranges: {message}"):
            read(search={"ranges": {name: bounds}})

    @pytest.mark.parametrize("search", [{"prefix": "truth", "ranges": {}}, {"ranges": {"task": [0.0, 0.4]}}])
    def test_a_policy_gradient_start_is_refused(self, search):
        with pytest.raises(ConfigError, match=r"policy_gradient|alpha=inf"):
            read(search={"start": "policy_gradient"} | search)

    def test_a_name_that_no_folder_can_have_is_refused(self):
        with pytest.raises(ConfigError, match="must have letters, digits"):
            read(baselines={"a/b": {"raml": {}}})

    @pytest.mark.parametrize("written", [[], "space", 3])
    def test_what_is_no_mapping_is_refused(self, written):
        with pytest.raises(ConfigError, match="must be a mapping with the fields name and task, got"):
            Experiment.from_dict(written)

    @pytest.mark.parametrize("field", ["name", "task"])
    def test_a_missing_field_is_named(self, field):
        with pytest.raises(ConfigError, match=f"{field}: is missing$"):
            Experiment.from_dict({key: value for key, value in SMALLEST.items() if key != field})


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["mle", "raml", "truth", "inf", ""])
keys = st.sampled_from(["reward", "alpha", "tau", "knots", "at", "point", "task", "raml", "temperature", "metric", "x"])
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | scalars, inner, max_size=3),
    max_leaves=8,
)
SECTIONS = {
    "search": ("start", "ranges", "metric", "method", "members", "prefix", "choices", "warm_start"),
    "training": ("steps", "interval", "learning_rate"),
    "model": ("hidden_size", "kind", "heads"),
    "resources": ("gpus_per_trial", "memory_per_trial_gb", "max_failures", "timeout_s"),
    "task": ("name", "vocabulary", "data"),
}


def sections(name):
    return junk | st.dictionaries(st.sampled_from(SECTIONS[name]), junk, min_size=1, max_size=2)


fields = {
    **{name: sections(name) for name in SECTIONS},
    "baselines": junk
    | st.lists(junk)
    | st.dictionaries(st.sampled_from(list(ALGORITHMS)), junk, max_size=2)
    | st.dictionaries(keys, junk | st.fixed_dictionaries({"knots": st.lists(junk)}), max_size=2),
    "name": junk,
    "seed": junk,
}


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(fields)).flatmap(lambda name: st.fixed_dictionaries({name: fields[name]}))
    | st.dictionaries(scalars, junk, max_size=2)
)
def test_junk_is_read_or_refused_with_a_config_error(changes):
    with no_type_checks():
        try:
            experiment = Experiment.from_dict(SMALLEST | changes)
        except ConfigError as error:
            assert str(error).startswith("experiment: ")
            assert "\n" not in str(error)
        else:
            assert Experiment.from_dict(yaml.safe_load(yaml.safe_dump(experiment.to_dict()))) == experiment


class TestFiles:
    @pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
    def test_every_experiment_of_the_project_is_read(self, file):
        experiment = load_experiment(file)
        assert Experiment.from_dict(yaml.safe_load(yaml.safe_dump(experiment.to_dict()))) == experiment

    def test_a_file_is_read_as_its_values(self, tmp_path):
        file = tmp_path / "space.yaml"
        file.write_text("name: mine\ntask: {name: toy}\nbaselines: [mle]\nsearch: {method: none}\n", encoding="utf-8")
        assert load_experiment(file) == Experiment.from_dict(
            SMALLEST | {"name": "mine", "baselines": ["mle"]} | {"search": {"method": "none"}}
        )

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"\xff\xfe\x00", r": is not UTF-8 text; save it as UTF-8"),
            (b"name: x\ntask: [", r": line 2: is no valid YAML: a bracket is not closed"),
            (b"name: 2024-13-45", r": YAML reads 2024-13-45 as a date"),
            (b"", r": is empty; it must have the fields name and task"),
            (b"name: x", r": task: is missing"),
        ],
    )
    def test_a_file_without_an_experiment_is_named(self, tmp_path, content, message):
        file = tmp_path / "space.yaml"
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=rf"space\.yaml{message}"):
            load_experiment(file)

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(ConfigError, match=r"missing\.yaml: cannot be read \(No such file"):
            load_experiment(tmp_path / "missing.yaml")


def test_the_yaml_of_an_experiment_from_python_has_the_kinds_that_its_classes_imply():
    experiment = erpo.Experiment(
        name="mine",
        task=erpo.Toy(train_pairs=400),
        model=erpo.LSTM(hidden_size=32),
        search=erpo.Population(members=2),
        baselines=["mle"],
    )
    written = yaml.safe_load(experiment.to_yaml())
    assert Experiment.from_dict(written) == experiment
    assert written == {
        "name": "mine",
        "task": {"name": "toy", "train_pairs": 400},
        "model": {"kind": "lstm", "hidden_size": 32},
        "search": {"method": "population", "members": 2},
        "baselines": {"mle": {}},
    }

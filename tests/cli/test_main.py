"""The command line as a user meets it: help, mistakes, and the main job on text files to its end."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

import erpo_explore as erpo
from erpo_explore.cli.experiment import chosen_experiment
from erpo_explore.cli.main import main
from erpo_explore.config.experiment import Experiment, load_experiment
from erpo_explore.config.path_file import load_path, save_path
from erpo_explore.config.tracking import Tracking
from erpo_explore.errors import ConfigError
from erpo_explore.store import ResultsWriter
from tests.store.example_rows import OBSERVATION
from tests.tiny_exploration import TINY

EXPLORE = Path(__file__).parents[2] / "explore.py"


@pytest.fixture
def tiny_file(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(TINY))
    return file


def _call(monkeypatch: pytest.MonkeyPatch, *args: str) -> int:
    """Exit code of `explore.py ARGS` in this process."""
    monkeypatch.setattr(sys, "argv", ["explore.py", *args])
    with pytest.raises(SystemExit) as exit_info:
        main()
    return int(exit_info.value.code or 0)


@pytest.mark.parametrize(
    "command", ["run", "resume", "replay", "report", "watch", "translate", "evaluate", "export", "compact", "submit"]
)
def test_help_shows_an_example_of_each_command(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _call(monkeypatch, command, "--help") == 0
    assert f"explore.py {'' if command == 'run' else command}".strip() in capsys.readouterr().out.split("Example")[1]


def test_help_imports_neither_torch_nor_ray() -> None:
    code = (
        "import sys\nsys.argv = ['explore.py', '--help']\nfrom erpo_explore.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    print(sorted({'torch', 'ray', 'plotly'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (["search.start.reward=nix"], "search.start: reward must be one of truth, noise"),
        (
            ["task.name=nix"],
            "task.name: must be one of 'toy', 'pronunciations', 'docstrings', 'files', 'hub', got 'nix'",
        ),
        (["baselines=[nix]"], "algorithm must be one of mle"),
        (["training.stepz=3"], "training.stepz: is unknown"),
        (["training.steps=x"], "training.steps: must be a whole number"),
        (["search.start.alpha=0", "search.start.beta=0"], "alpha + beta must be > 0"),
        (["training"], "--set must be FIELD=VALUE"),
    ],
)
def test_a_mistake_in_a_field_is_one_line_and_exit_code_2(
    changed: list[str],
    expected: str,
    tiny_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    results = tiny_file.parent / "results"
    settings = [word for setting in changed for word in ("--set", setting)]
    assert _call(monkeypatch, str(tiny_file), "--results", str(results), *settings) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert expected in message
    assert message.count("\n") == 1
    assert not results.exists()


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["nix"], "experiment 'nix' does not exist; name a YAML file or one of all_algorithms, default"),
        (["defualt"], "t5_multi30k; did you mean default?"),
        (["default", "--set", "=3"], "--set must be FIELD=VALUE, got '=3'"),
        (["default", "--data", "nix"], "nix: no such folder"),
        (["default", "--source", "de"], "add --data DIR"),
        (["resume", "nix"], "results folder nix does not exist"),
        (["report", "nix"], "results folder nix does not exist"),
        (["report", "nix", "--figures", "to", "--format", "bmp"], "--format must be one of png, svg, pdf, got 'bmp'"),
        (["watch", "nix"], "results folder nix does not exist"),
        (["replay", "nix.yaml"], "nix.yaml"),
        (["replay", "nix", "--against", "nix"], "--against: algorithm must be one of mle"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_and_exit_code_2(
    args: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _call(monkeypatch, *args) == 2
    message = capsys.readouterr().err
    assert expected in message
    assert message.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_command_is_corrected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _call(monkeypatch, "repaly", "results/nix") == 2
    assert "No such command or experiment: repaly; did you mean replay?" in capsys.readouterr().err


def test_where_a_baseline_has_won_there_is_nothing_to_replay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = ResultsWriter.create(tmp_path / "results", {"exploration": "tiny", "space": TINY})
    for trial, role, score in (("mle-s1", "algorithm", 20.0), ("member-0", "member", 10.0)):
        writer.append(
            "observations", [OBSERVATION | {"trial": trial, "role": role, "score": score, "objective": score}]
        )
    assert _call(monkeypatch, "replay", str(writer.folder)) == 0
    said = capsys.readouterr().out
    assert "mle has the best score of" in said
    assert "nothing to replay" in said


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--data", "nix"], "nix: no such folder"),
        (["--set", "training.steps=0"], "training.steps: must be >= 1, got 0"),
    ],
)
def test_a_replay_takes_data_and_settings(
    args: list[str],
    expected: str,
    tiny_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    save_path(erpo.algorithm("mle").path("bleu"), tmp_path / "best_path.yaml")
    assert _call(monkeypatch, "replay", "best_path.yaml", "--space", str(tiny_file), *args) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("settings", "steps", "epochs"),
    [
        (["training.epochs=2"], None, 2.0),
        (["training.epochs=2", "training.steps=30"], 30, None),
        (["training.steps=30", "training.epochs=0.5"], None, 0.5),
        (["training.batch_tokens=30"], TINY["training"]["steps"], None),  # type: ignore[index]
    ],
)
def test_the_budget_that_is_set_last_replaces_the_other(
    tiny_file: Path, settings: list[str], steps: int | None, epochs: float | None
) -> None:
    training = chosen_experiment(str(tiny_file), data=None, settings=settings, trackers={}, share={}).training
    assert (training.steps, training.epochs, training.interval) == (steps, epochs, TINY["training"]["interval"])  # type: ignore[index]


def test_flags_set_the_resources_of_a_trial(tiny_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explored = []

    def explore(space: Experiment, folder: Path, **_: object) -> None:
        explored.append(space.resources)
        raise ConfigError("enough")

    monkeypatch.setattr("erpo_explore.tune.run.explore", explore)
    tiny_file.write_text(yaml.safe_dump(TINY | {"resources": {"gpus_per_trial": 1, "max_failures": 7}}))
    for flags in (["--gpus-per-trial", "0.25", "--cpus-per-trial", "2"], []):
        assert _call(monkeypatch, str(tiny_file), *flags) == 2
    held = [(each.gpus_per_trial, each.cpus_per_trial, each.max_failures) for each in explored]
    assert held == [(0.25, 2, 7), (1.0, 1, 7)]


def test_flags_add_to_the_trackers_of_the_experiment(tiny_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explored = []

    def explore(space: Experiment, folder: Path, **_: object) -> None:
        explored.append(space)
        raise ConfigError("enough")

    monkeypatch.setattr("erpo_explore.tune.run.explore", explore)
    tiny_file.write_text(yaml.safe_dump(TINY | {"tracking": {"wandb": "mine", "mlflow": "theirs"}}))
    assert _call(monkeypatch, str(tiny_file), "--tensorboard", "--mlflow", "sqlite:///mlflow.db") == 2
    assert explored[0].tracking == Tracking(tensorboard=True, mlflow="sqlite:///mlflow.db", wandb="mine")
    assert _call(monkeypatch, str(tiny_file)) == 2
    assert explored[1].tracking == Tracking(mlflow="theirs", wandb="mine")


def test_an_unknown_file_among_the_results_is_named_in_a_line(tmp_path: Path) -> None:
    writer = ResultsWriter.create(tmp_path / "results", {"exploration": "tiny"})
    writer.append(
        "observations", [OBSERVATION | {"trial": "mle-s1", "role": "algorithm", "score": 20.0, "objective": 20.0}]
    )
    (writer.folder / "observations" / "notes.txt").write_text("mine")
    command = [sys.executable, EXPLORE, "compact", str(writer.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (
        done.stderr
        == f"warning: {writer.folder / 'observations' / 'notes.txt'} is not a part of the results, left out\n"
    )


def test_misaligned_files_are_named_with_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("train.de", "a\nb\n"), ("train.en", "a\n"), ("valid.de", "a\n"), ("valid.en", "a\n")):
        (tmp_path / name).write_text(text)
    assert _call(monkeypatch, "default", "--data", str(tmp_path), "--results", str(tmp_path / "results")) == 2
    message = capsys.readouterr().err
    assert "train.de" in message
    assert "train.en" in message
    assert not (tmp_path / "results").exists()


@pytest.mark.tools("mount", "umount")
def test_a_full_disk_is_refused_before_anything_is_written(
    small_disk: Path, tiny_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _call(monkeypatch, str(tiny_file), "--results", str(small_disk / "results")) == 2
    assert "free some space or choose another one with --results" in capsys.readouterr().err
    assert list(small_disk.iterdir()) == []


def _text(folder: Path, *splits: str) -> Path:
    """A folder of twelve pairs per split."""
    folder.mkdir()
    for split in splits:
        (folder / f"{split}.de").write_text("ein kleiner hund .\nzwei frauen gehen .\nein mann .\n" * 4)
        (folder / f"{split}.en").write_text("a small dog .\ntwo women walk .\na man .\n" * 4)
    return folder


def test_text_without_an_experiment_gets_one_that_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    explored = []

    def explore(experiment: Experiment, folder: Path, **options: object) -> None:
        explored.append((experiment, options["remarks"]))
        raise ConfigError("enough")

    monkeypatch.setattr("erpo_explore.tune.run.explore", explore)
    data = _text(tmp_path / "data", "train")
    settings = ["--set", "search.members=5", "--cpus-per-trial", "2", "--seed", "3"]
    assert _call(monkeypatch, "--data", str(data), *settings) == 2
    ((experiment, remarks),) = explored
    assert (experiment.search.members, experiment.resources.cpus_per_trial, experiment.seed) == (5, 2, 3)
    assert (experiment.task.source, experiment.task.target, experiment.task.validation_pairs) == ("de", "en", 1)
    assert capsys.readouterr().out.splitlines() == list(remarks)


def test_a_chosen_experiment_is_explored_again_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    advice = erpo.advise(_text(tmp_path / "data", "train", "valid"))
    file = tmp_path / "experiment.yaml"
    file.write_text(advice.experiment.to_yaml(advice.lines))
    again = chosen_experiment(str(file), data=None, settings=None, trackers={}, share={})
    assert again == advice.experiment


def test_a_chosen_experiment_is_not_submitted_for_its_price_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from erpo_explore.cli.submit import _commands, _submission

    with pytest.raises(ConfigError, match="submit fetches results, and --dry-run has none"):
        _submission(_commands(), ["--dry-run"], _text(tmp_path / "data", "train"), None)
    submission = _submission(_commands(), ["--max-hours", "2"], tmp_path / "data", None)
    assert submission.results == "results/data"
    assert "--max-hours" in submission.arguments


def _run(*args: str | Path, cwd: Path) -> str:
    """What `python explore.py ARGS` prints, in a process of its own."""
    command = [sys.executable, EXPLORE, *map(str, args)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.ray
@pytest.mark.slow
def test_the_main_job_on_text_files_from_run_to_replay(one_slot: str, tmp_path: Path) -> None:
    """One command trains, searches, stores and draws; the next one that it names works as it stands."""
    data = tmp_path / "data"
    data.mkdir()
    for split, repeats in (("train", 30), ("valid", 3)):
        (data / f"{split}.de").write_text("ein kleiner hund .\nzwei frauen gehen .\nein mann .\n" * repeats)
        (data / f"{split}.en").write_text("a small dog .\ntwo women walk .\na man .\n" * repeats)
    space = tmp_path / "mine.yaml"
    space.write_text(yaml.safe_dump(TINY | {"name": "mine", "baselines": ["mle"]}))

    output = _run(space, "--data", data, cwd=tmp_path)
    folder = tmp_path / "results" / "mine"
    frame = erpo.load_results(folder)
    assert set(frame["task"]) == {"data"}
    assert (folder / "report.html").stat().st_size > 100_000
    assert load_path(folder / "best_path.yaml") == erpo.best_path(folder)
    for said in ("maximum likelihood", "best run: ", "report.html", "explore.py replay results/mine --seeds 5"):
        assert said in output
    plain = pd.read_parquet(folder / "observations")
    assert plain["score"].max() == pytest.approx(frame["score"].max())

    written = load_experiment(folder / "experiment.yaml")
    assert written == chosen_experiment(str(space), data=data, settings=None, trackers={}, share={})

    output = _run("replay", "results/mine", "--seeds", "2", "--against", "mle", "--anyway", cwd=tmp_path)
    replayed = erpo.load_results(tmp_path / "results" / "mine-replay")
    assert replayed.groupby("algorithm")["seed"].nunique().to_dict() == {"found": 2, "mle": 2}
    assert set(replayed["seed"]).isdisjoint(frame["seed"])
    assert "found − algorithm" in output
    title = "Replay: bleu on the validation set, at the end of the budget; the task has no test set"
    assert title in output
    assert (tmp_path / "results" / "mine-replay" / "replay.md").exists()

    (folder / "report.html").unlink()
    _run("report", "results/mine", cwd=tmp_path)
    assert (folder / "report.html").exists()

    output = _run(space, "--data", data, "--results", "none", "--dry-run", cwd=tmp_path)
    assert "4 trials of 12 steps on" in output
    assert "seconds per step (timed with" in output
    assert not (tmp_path / "none").exists()

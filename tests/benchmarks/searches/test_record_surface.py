import numpy as np
import pytest

from benchmarks.searches.record_surface import pack, record
from benchmarks.searches.surface_paths import Planned, mixed
from erpo_explore.config.experiment import Training
from erpo_explore.seq2seq import LstmConfig
from erpo_explore.space import Path
from erpo_explore.tasks import load_task
from erpo_explore.tasks.config import ToyConfig

FALLING = Path(knots=((0.0, mixed(noise=0.4)), (1.0, mixed())))


@pytest.fixture(scope="module")
def runs():
    task = load_task(ToyConfig(train_pairs=40, validation_pairs=12, test_pairs=1, difficulty=0.2))
    training = Training(steps=6, interval=2, batch_size=16)
    planned = [Planned(name=f"{seed}-falling-0", kind="falling", seed=seed, path=FALLING) for seed in (1, 2)]
    return [record(one, task, training, LstmConfig(hidden_size=8)) for one in planned]


def test_row_per_interval_has_two_knots_and_all_sentences(runs):
    first = runs[0]

    assert [row["interval"] for row in first] == [1, 2, 3]
    assert [row["start_noise"] for row in first] == pytest.approx([0.4, 0.4 * 2 / 3, 0.4 / 3])
    assert [row["end_noise"] for row in first] == pytest.approx([0.4 * 2 / 3, 0.4 / 3, 0.0], abs=1e-9)
    assert all(len(row["sentences"]) == 12 for row in first)


def test_runs_have_their_own_seed(runs):
    assert runs[0][-1]["validation_nll_nats"] != runs[1][-1]["validation_nll_nats"]


def test_sentence_scores_become_standard_deviation_and_correlation():
    generator = np.random.default_rng(0)
    hardness_S = generator.standard_normal(4000)
    synthetic = [
        [{"run": f"r{run}", "interval": 1, "score": 40.0 + run, "sentences": row.tolist()}]
        for run, row in enumerate(
            40.0 + 20.0 * (0.8**0.5 * hardness_S + 0.2**0.5 * generator.standard_normal((6, 4000)))
        )
    ]
    packed = pack(synthetic)

    assert packed["sentence_sd"].to_numpy() == pytest.approx(20.0, rel=0.05)
    assert packed["sentence_correlation"].to_numpy() == pytest.approx(0.8, abs=0.03)
    assert "sentences" not in packed


def test_run_is_not_compared_with_itself(runs):
    packed = pack(runs)

    assert len(packed) == 6
    assert (packed["sentence_correlation"] < 0.999).all() or packed["sentence_sd"].min() == 0.0

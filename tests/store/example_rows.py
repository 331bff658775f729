"""One legal row of each table, to change a value of."""

from datetime import UTC, datetime

WHEN = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)

OBSERVATION = {
    "exploration": "tiny",
    "trial": "t1",
    "role": "dot",
    "iteration": 1,
    "generation": 0,
    "parent": None,
    "seed": 3,
    "task": "toy",
    "model": "lstm",
    "dot": "mle",
    "step": 100,
    "progress": 0.5,
    "alpha": 0.0,
    "beta": 1.0,
    "rho": 0.0,
    "tau": 1.0,
    "reward_truth": 1.0,
    "reward_noise": 0.0,
    "reward_task": 0.0,
    "reward_model": 0.0,
    "metric": None,
    "reward_temperature": None,
    "prefix": "truth",
    "label": "sampled",
    "estimator": "token",
    "num_draws": 1,
    "forced": 0.0,
    "noise_kind": None,
    "train_loss_nats": 2.5,
    "valid_nll_nats": 2.25,
    "bleu": 12.5,
    "rouge1": None,
    "rouge2": None,
    "rougel": None,
    "score": 12.5,
    "signature": "nrefs:1|case:mixed|version:2.5.1",
    "mean_reward": None,
    "entropy_nats": None,
    "effective_sample_size": None,
    "tokens_per_s": 1234.5,
    "elapsed_s": 6.5,
    "device": "cpu",
    "status": "running",
    "checkpoint": None,
    "path": '{"knots": []}',
    "reported_at": WHEN,
    "node": "laptop",
}

TRIAL = {
    "exploration": "tiny",
    "trial": "t1",
    "role": "dot",
    "dot": "mle",
    "seed": 3,
    "status": "finished",
    "num_observations": 2,
    "best_score": 12.5,
    "best_step": 100,
    "final_score": 12.0,
    "score_name": "bleu",
    "steps": 200,
    "elapsed_s": 13.0,
    "parent": None,
    "generation": 0,
    "path": '{"knots": []}',
    "point": "mle",
    "num_failures": 0,
    "error": None,
}

DECISION = {
    "exploration": "tiny",
    "trial": "t1",
    "generation": 1,
    "step": 100,
    "action": "clone",
    "donor": "t2",
    "score": 12.5,
    "donor_score": 14.0,
    "rank": 4,
    "population": 4,
    "knot": "{}",
    "path": "[]",
    "reason": "the donor is better beyond noise",
    "decided_at": WHEN,
}

SAMPLE = {
    "exploration": "tiny",
    "trial": "t1",
    "iteration": 1,
    "step": 100,
    "index": 0,
    "source": "ein Haus",
    "reference": "a house",
    "hypothesis": "the house",
    "sentence_score": 37.5,
}

SENTENCES = {
    "exploration": "tiny",
    "trial": "t1",
    "iteration": 1,
    "step": 100,
    "split": "valid",
    "kind": "mean",
    "num_sentences": 2,
    "values": [50.0, 25.0, 37.5, 100.0, 0.125, 0.0],
}

ROWS = {"observations": OBSERVATION, "trials": TRIAL, "lineage": DECISION, "samples": SAMPLE, "sentences": SENTENCES}

MANIFEST = {"exploration": "tiny", "seed": 3, "space": {"task": "toy"}, "versions": {"python": "3.11"}}

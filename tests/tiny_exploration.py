"""A search space that runs to its end in seconds."""

TINY = {
    "name": "tiny",
    "task": {"name": "toy", "train_pairs": 200, "validation_pairs": 20, "test_pairs": 20},
    "model": {"hidden_size": 8},
    "training": {"steps": 12, "interval": 3, "batch_size": 16, "learning_rate": 0.005, "decay": "none"},
    "search": {"method": "population", "members": 3, "evolve_every": [1]},
    "baselines": ["mle", "interpolation"],
}

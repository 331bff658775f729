"""The YAML schema: experiment, training, search, resources, baselines, init_from, test, tracking. Reading is pure."""

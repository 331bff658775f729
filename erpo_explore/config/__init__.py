"""The YAML schema of an experiment."""

"""From an experiment to the trials that run it, and from a results folder back to its experiment. No Ray."""

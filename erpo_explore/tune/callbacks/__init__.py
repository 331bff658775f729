"""Tune callbacks of the driver: results, progress, trackers, checkpoints, failures."""

"""Experiment trackers behind one interface, one module each; `registry` has them all."""

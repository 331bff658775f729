"""Significance of differences: bootstrap over sentences, tests over seeds, Holm's correction."""

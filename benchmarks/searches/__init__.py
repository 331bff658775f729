"""Comparison of search methods on a surrogate of recorded training."""

"""Which search method finds the best path, on a surrogate of recorded training."""

"""Which path to try next: pure functions of scores and a seed; no Ray."""

"""The exhaustive benchmark: every path of a few algorithms over four phases, trained for real, and searches on it."""

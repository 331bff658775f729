"""Tune schedulers and searchers, one module per search method."""

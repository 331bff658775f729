"""Benchmarks, run by hand: `python -m benchmarks.PART.NAME`, each of which prints Markdown tables.

`speed` measures cost, `searches` compares search methods on a surrogate of training, `studies` makes the tables of the
studies on real text. All comparisons are interleaved within one run, because a machine's speed varies over minutes.
"""

"""What is fast, measured against what; run by hand, `python -m benchmarks.NAME`, each printing one Markdown table.

Every comparison is within one run, in turns, since a machine's speed changes from minute to minute.
"""

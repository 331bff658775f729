"""The library: what `import erpo_explore` offers, and what the command line prints.

Nothing is imported here, so that reading results needs neither Ray nor torch.
"""

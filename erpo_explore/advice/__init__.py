"""Advice: measures a corpus, and chooses an experiment that fits it and the time at hand. No torch, no Ray.

`profile` measures the text, `choose` maps the measurements to settings with a reason for each, `cost` says how long an
exploration takes, and `fit` makes it fit into a number of hours. All of it is pure.
"""

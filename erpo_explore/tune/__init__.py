"""Explorations on Ray Tune: the only package that imports Ray.

Nothing is imported here, or every worker would load what the driver alone needs.
"""

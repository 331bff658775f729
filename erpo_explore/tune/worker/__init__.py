"""The Ray Trainable of a trial, and what guards its process.

Nothing is imported here, so that a worker loads the modules it uses and no others.
"""

"""Explore the hyperparameter space of sequence training: `python explore.py --help`.

A thin door to erpo_explore.cli.main, and the one file that `ray submit` copies to a cluster.
"""

from erpo_explore.cli.main import main

if __name__ == "__main__":
    main()

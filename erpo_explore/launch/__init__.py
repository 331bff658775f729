"""How an exploration gets onto a cluster and its results back: Ray's launcher, called as a person calls it.

Nothing here imports Ray, and nothing is read from a machine but lines of text and a folder of results.
"""

from erpo_explore.launch.auth_token import ensure_token
from erpo_explore.launch.cluster_file import ClusterFile, load_cluster_file
from erpo_explore.launch.command_words import parsed, words
from erpo_explore.launch.following import follow
from erpo_explore.launch.head_job import HeadJob, job_name
from erpo_explore.launch.ray_launcher import RayLauncher
from erpo_explore.launch.submission import Submission, fetch, left_running, stopping, submit

__all__ = [
    "ClusterFile",
    "HeadJob",
    "RayLauncher",
    "Submission",
    "ensure_token",
    "fetch",
    "follow",
    "job_name",
    "left_running",
    "load_cluster_file",
    "parsed",
    "stopping",
    "submit",
    "words",
]

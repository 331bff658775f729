"""Submit an exploration to a cluster and fetch its results, through Ray's launcher on the command line.

Nothing here imports Ray. From the cluster come lines of text and a folder of results, nothing else.
"""

from erpo_explore.launch.arguments import format_arguments, parse_arguments
from erpo_explore.launch.auth_token import ensure_token
from erpo_explore.launch.cluster_file import ClusterFile, load_cluster_file
from erpo_explore.launch.following import follow
from erpo_explore.launch.head_job import HeadJob, job_name
from erpo_explore.launch.ray_launcher import RayLauncher
from erpo_explore.launch.submission import Submission, detach_advice, fetch, stop, submit

__all__ = [
    "ClusterFile",
    "HeadJob",
    "RayLauncher",
    "Submission",
    "detach_advice",
    "ensure_token",
    "fetch",
    "follow",
    "format_arguments",
    "job_name",
    "load_cluster_file",
    "parse_arguments",
    "stop",
    "submit",
]

import pytest

from erpo_explore.config.path_file import save_path
from erpo_explore.errors import ConfigError
from erpo_explore.plan.baselines import Rivals
from erpo_explore.space import algorithm


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("mle", {"mle": None}),
        ("mle,raml", {"mle": None, "raml": None}),
        (
            "mle, raml: {temperature: 0.1}, spg: {weight: 4}",
            {"mle": None, "raml": {"temperature": 0.1}, "spg": {"weight": 4}},
        ),
    ],
)
def test_baselines_are_read_with_their_settings(text, expected):
    rivals = Rivals.parse(text)
    assert (rivals.baselines, rivals.paths) == (expected, {})


def test_a_file_is_a_path_named_after_it(tmp_path):
    path = algorithm("interpolation").path("bleu")
    save_path(path, tmp_path / "papers.yaml")
    rivals = Rivals.parse(f"mle, {tmp_path}/papers.yaml")
    assert (rivals.baselines, rivals.paths) == ({"mle": None}, {"papers": path})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mle, found", r"--against must name baselines out of mle, .*, or a path's YAML file, got 'found'$"),
        ("mle, raml: 3", r"got \{'raml': 3\}$"),
        ("3", r"got 3$"),
        ("[mle]", r"got \['mle'\]$"),
        (
            "mle, {",
            r"--against must be names separated by commas, such as 'mle, raml: \{temperature: 0\.1\}', got 'mle, \{'$",
        ),
        ("nowhere.yaml", r"nowhere\.yaml: cannot be read"),
    ],
)
def test_what_is_no_rival_is_named(text, expected):
    with pytest.raises(ConfigError, match=expected):
        Rivals.parse(text)

import pytest

from erpo_explore.config.path_file import PathFile
from erpo_explore.errors import ConfigError
from erpo_explore.plan.baselines import read_against
from erpo_explore.space import algorithm


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("mle", {"mle": None}),
        ("mle,raml", {"mle": None, "raml": None}),
        (
            "mle, raml: {temperature: 0.1}, spg: {weight: 4}",
            {"mle": None, "raml": algorithm("raml", temperature=0.1), "spg": algorithm("spg", weight=4)},
        ),
        ("cold: {raml: {temperature: 0.05}}", {"cold": algorithm("raml", temperature=0.05)}),
        ("mle, found/papers.yaml", {"mle": None, "papers": PathFile(location="found/papers.yaml")}),
        ("other: papers.yaml", {"other": PathFile(location="papers.yaml")}),
    ],
)
def test_against_is_written_as_baselines_are(text, expected):
    assert read_against(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mle, mixed", r"--against: algorithm must be one of mle, .*, got 'mixed'; did you mean mixer\?$"),
        ("mle, raml: 3", r"--against: raml must be a mapping of settings, got 3$"),
        ("raml: {gamma: 1}", r"--against: raml\.gamma is unknown; known are metric, temperature$"),
        ("3", r"--against: must be names or mappings .*, got 3$"),
        ("[mle]", r"got \['mle'\]$"),
        ("mle, mle", r"--against: mle is the name of two entries"),
        (
            "mle, {",
            r"--against must be names separated by commas, such as 'mle, raml: \{temperature: 0\.1\}', got 'mle, \{', "
            "which is no valid YAML: a bracket is not closed",
        ),
    ],
)
def test_what_is_no_baseline_is_named(text, expected):
    with pytest.raises(ConfigError, match=expected):
        read_against(text)

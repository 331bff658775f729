import json
import math
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from erpo_explore.analysis.explorations import distinct_trials
from erpo_explore.analysis.lineage import forest, path_so_far
from erpo_explore.analysis.points import point_table
from erpo_explore.errors import ResultsError
from erpo_explore.report import write_report
from erpo_explore.report.page import table
from erpo_explore.report.summary import score_name, summary_sentence
from erpo_explore.store import ResultsWriter, load_results
from tests.example_exploration import HOSTILE, MANIFEST, observation, samples, write_example

FIGURES = ["score", "pareto", "simplex", "temperature", "parallel", "lineage", "path"]


class Page(HTMLParser):
    """Collects what a browser would see: tags with attributes, the text outside scripts, and data scripts."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.scripts, self.within = [], "", {}, None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.within = dict(attrs).get("id", tag)

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self.within = None

    def handle_data(self, data):
        if self.within is None:
            self.text += data
        else:
            self.scripts[self.within] = self.scripts.get(self.within, "") + data


@pytest.fixture(scope="module")
def html(exploration, tmp_path_factory):
    return write_report(exploration, tmp_path_factory.mktemp("report") / "r.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_report_loads_nothing_from_elsewhere(page):
    addresses = [value for _, attrs in page.tags for name, value in attrs.items() if name in ("src", "href", "action")]
    assert addresses == ["data:,"]
    assert any("default-src 'none'" in (attrs.get("content") or "") for _, attrs in page.tags)


def test_the_report_stays_below_six_megabytes(html):
    assert len(html.encode()) < 6_000_000


def test_each_figure_has_its_slot(page):
    slots = [attrs["id"] for tag, attrs in page.tags if attrs.get("class") == "plot"]
    assert slots == list(json.loads(page.scripts["figures"])) == FIGURES


def test_the_header_has_the_facts_to_repeat_the_exploration(page):
    for fact in ("toy_space", "nrefs:1|case:mixed", "torch 2.9.0", "0123abc", "1, 2, 5, 11", "2026-03-04 05:01 UTC"):
        assert fact in page.text


def test_the_report_begins_with_the_verdict(page):
    text = " ".join(page.text.split())
    begin = text.index("toy_space", text.index("toy_space") + 1)
    assert text[begin:].startswith(
        "toy_space Nothing is better than maximum likelihood, beyond noise. The next is raml"
    )


def test_the_summary_names_the_best_trial_and_its_limits(page):
    assert "a member of the population (trial run_m2, seed 11) with bleu 24.50 at step 500" in page.text
    assert "replay its path from scratch with several seeds" in page.text
    assert "raml, n = 2, mean 22.25" in page.text
    assert "within noise" in page.text


def test_a_hostile_sentence_stays_text(page):
    assert HOSTILE in page.text
    assert not any(tag == "img" or any(name.startswith("on") for name in attrs) for tag, attrs in page.tags)


def test_a_hostile_trial_cannot_end_the_script_that_carries_it(tmp_path):
    folder = write_example(tmp_path / "toy")
    more = {"role": "algorithm", "algorithm": HOSTILE, "seed": 9, "alpha": 0.0, "beta": 1.0, "rho": 0.0, "tau": 1.0}
    ResultsWriter.open(folder).append("observations", [observation(HOSTILE, 1, 100, 30.0, **more)])
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert [tag for tag, _ in page.tags].count("script") == 4
    assert HOSTILE in page.text
    assert json.loads(page.scripts["figures"])


def test_an_exploration_without_a_score_is_refused(tmp_path):
    folder = ResultsWriter.create(tmp_path / "toy", MANIFEST).folder
    with pytest.raises(ResultsError, match="nothing to draw yet"):
        write_report(folder)
    assert not (folder / "report.html").exists()


def test_a_folder_without_an_exploration_is_named(tmp_path):
    with pytest.raises(ResultsError, match=re.escape(str(tmp_path))):
        write_report(tmp_path)


def test_a_report_that_cannot_be_written_names_location_and_remedy(exploration, tmp_path):
    with pytest.raises(ResultsError, match=r"cannot write .*draw the report again"):
        write_report(exploration, tmp_path / "missing" / "r.html")


def test_one_report_of_one_trial_is_drawn_without_lineage_or_samples(tmp_path):
    writer = ResultsWriter.create(tmp_path / "toy", {"seed": 1})
    more = {"role": "algorithm", "algorithm": "mle", "seed": 1, "alpha": 0.0, "beta": 1.0, "rho": 0.0, "tau": 1.0}
    writer.append("observations", [observation("t", 1, 100, 5.0, reward_truth=1.0, **more)])
    page = Page(write_report(writer.folder).read_text(encoding="utf-8"))
    assert "n = 1: no interval" in page.text
    assert "not recorded" in page.text
    assert "Samples" not in page.text


def started(folder):
    """A writer of a results folder without rows."""
    return ResultsWriter.create(folder, {"exploration": folder.name, "seed": 1})


MLE = {
    "role": "algorithm",
    "algorithm": "mle",
    "seed": 1,
    "alpha": 0.0,
    "beta": 1.0,
    "rho": 0.0,
    "tau": 1.0,
    "reward_truth": 1.0,
}


def text_of(folder):
    return Page(write_report(folder).read_text(encoding="utf-8")).text


def test_of_many_that_diverged_the_one_that_did_not_is_drawn(tmp_path):
    writer = started(tmp_path / "toy")
    broken = {"status": "diverged", "train_loss_nats": math.nan}
    rows = [observation(f"t{number}", 1, 100, None, **MLE | broken | {"seed": number}) for number in range(5)]
    writer.append("observations", [*rows, observation("good", 1, 100, 7.0, **MLE | {"seed": 9})])
    text = text_of(writer.folder)
    assert "trial good, seed 9" in text
    assert "5 diverged or failed" in text


def test_infinite_temperatures_alone_are_drawn(tmp_path):
    writer = started(tmp_path / "toy")
    gradient = MLE | {
        "algorithm": "policy_gradient",
        "alpha": math.inf,
        "rho": 1.0,
        "tau": math.inf,
        "reward_truth": 0.0,
    }
    rows = [observation(f"t{seed}", 1, 100, 7.0 + seed, **gradient | {"seed": seed}) for seed in range(3)]
    writer.append("observations", rows)
    assert "policy_gradient" in text_of(writer.folder)


def test_infinite_and_missing_losses_are_no_scores(tmp_path):
    writer = started(tmp_path / "toy")
    losses = [math.nan, math.inf, None]
    rows = [
        observation("t", at + 1, 100 * (at + 1), 5.0, train_loss_nats=loss, **MLE) for at, loss in enumerate(losses)
    ]
    writer.append("observations", rows)
    assert "with bleu 5.00 at step 100" in text_of(writer.folder)


def test_names_that_are_markup_stay_text_everywhere(tmp_path):
    folder = write_example(tmp_path / "toy")
    more = MLE | {"algorithm": HOSTILE, "metric": HOSTILE}
    rows = [observation(f"{HOSTILE}{seed}", 1, 100, 30.0 + seed, **more | {"seed": seed}) for seed in range(2)]
    ResultsWriter.open(folder).append("observations", rows)
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert [tag for tag, _ in page.tags].count("script") == 4
    assert not any(tag == "img" for tag, _ in page.tags)
    assert "<img" not in page.scripts["figures"].replace("\\u003c", "<").replace("&lt;img", "")


def test_very_long_texts_are_cut(tmp_path):
    folder = write_example(tmp_path / "toy")
    [first, *_] = [row for row in samples() if row["trial"] == "run_m2"]
    long = first | {"hypothesis": "word " * 200_000, "source": "x" * 1_000_000}
    ResultsWriter.open(folder).append("samples", [long])
    assert write_report(folder).stat().st_size < 6_000_000


def test_trials_of_several_explorations_get_distinct_names(exploration, observations, lineage):
    three = {
        name: pd.concat([table.assign(exploration=f"e{number}") for number in range(3)], ignore_index=True)
        for name, table in {"observations": observations, "lineage": lineage}.items()
    }
    tables = distinct_trials(three)
    assert tables["observations"]["trial"].nunique() == 3 * observations["trial"].nunique()
    assert set(tables["lineage"]["donor"].dropna()) <= set(tables["observations"]["trial"])
    assert tables["observations"]["parent"].isna().all()
    assert len(forest(tables["lineage"])) == 3 * len(lineage)
    best = point_table(tables["observations"]).iloc[0]
    assert best["trial"] == "e0/run_m2"
    assert set(path_so_far(tables["observations"], tables["lineage"], "e0/run_m2", 5)["exploration"]) == {"e0"}


def test_one_exploration_keeps_its_names(observations):
    assert distinct_trials({"observations": observations})["observations"] is observations


def test_the_score_is_named_by_the_column_that_it_equals(observations, exploration):
    trials = load_results(exploration, "trials")
    assert score_name(observations, trials) == "bleu"
    assert score_name(observations.assign(bleu=1.0), trials) == "score"


def test_the_best_of_a_named_algorithm_is_not_called_a_member(observations):
    baselines = observations[observations["role"] == "algorithm"]
    assert summary_sentence(baselines, "bleu").startswith(
        "Best so far: raml (trial run_raml_2, seed 2) with bleu 22.50"
    )


def test_a_cell_without_a_value_is_a_dash():
    assert table(["a", "b"], [[None, "<b>"]]).count("<td") == 2
    assert "–" in table(["a"], [[float("nan")]])
    assert "&lt;b&gt;" in table(["a"], [["<b>"]])

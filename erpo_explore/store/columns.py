"""Every column of every table: its type, unit, meaning, when it is null, and which values are legal in it.

A column that may be missing is null, never a stand-in number; NaN and infinity are legal only where they are
themselves the observation (the loss of a run that diverged, the temperature of policy gradient).

Older results folders stay readable. A column is never removed. A renamed column, or a renamed value, has a line in
`versions`, and readers map it. A new column must be nullable, and is null in older parts. A type may widen (int32 to
int64, float32 to float64), and readers cast.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import pyarrow as pa

__all__ = [
    "BROKEN",
    "DECISION_COLUMNS",
    "OBSERVATION_COLUMNS",
    "ROLES",
    "SAMPLE_COLUMNS",
    "SCORES",
    "SENTENCE_COLUMNS",
    "SPLITS",
    "STATUSES",
    "TEST",
    "TEST_COLUMNS",
    "TRIAL_COLUMNS",
    "VALIDATION",
    "Action",
    "Column",
    "Role",
    "Split",
    "Status",
]

Role = Literal["algorithm", "member", "path", "grid", "random", "optuna"]
Status = Literal["running", "finished", "stopped", "diverged", "failed"]
Action = Literal["start", "clone", "continue"]
Split = Literal["validation", "test"]
Statistics = Literal["bleu", "mean"]

ROLES: Final[tuple[Role, ...]] = get_args(Role)
STATUSES: Final[tuple[Status, ...]] = get_args(Status)
BROKEN: Final[tuple[Status, ...]] = ("diverged", "failed")
"""Statuses whose scores do not count."""
VALIDATION: Final[Split] = "validation"
TEST: Final[Split] = "test"
SPLITS: Final[tuple[Split, ...]] = get_args(Split)
SCORES: Final = ("bleu", "rouge1", "rouge2", "rougel")
"""Columns of the metrics that a task may be scored by; `score` equals one of them, or the mean of the ROUGEs."""

_TEXT: Final = pa.string()
_INT: Final = pa.int64()
_FLOAT: Final = pa.float64()
_TIME: Final = pa.timestamp("us", tz="UTC")
_FLOATS: Final = pa.list_(pa.float32())


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: what it holds and what a row may put there.

    Attributes:
        name: With the unit in it, where it has one.
        type: In Parquet.
        meaning: In words.
        unit: Of a number: what one of it is, or its range; empty for text and times.
        null: When the value is missing; empty for a column that never is.
        choices: The legal texts; empty for any text.
        inf: Whether a float may be infinite.
        nan: Whether a float may be NaN.
    """

    name: str
    type: pa.DataType
    meaning: str
    unit: str = ""
    null: str = ""
    choices: tuple[str, ...] = ()
    inf: bool = False
    nan: bool = False

    @property
    def nullable(self) -> bool:
        """Whether a value may be missing."""
        return bool(self.null)


def _text(name: str, meaning: str, *, null: str = "", choices: tuple[str, ...] = ()) -> Column:
    return Column(name=name, type=_TEXT, meaning=meaning, null=null, choices=choices)


def _int(name: str, meaning: str, *, unit: str, null: str = "") -> Column:
    return Column(name=name, type=_INT, meaning=meaning, unit=unit, null=null)


def _float(name: str, meaning: str, *, unit: str, null: str = "", inf: bool = False, nan: bool = False) -> Column:
    return Column(name=name, type=_FLOAT, meaning=meaning, unit=unit, null=null, inf=inf, nan=nan)


_NO_ALGORITHM: Final = "the point or path has no name"
_NO_CLONE: Final = "it has cloned nobody"
_NO_SCORE: Final = "the run diverged"
_NOT_BLEU: Final = "the task is not scored by BLEU, or the run diverged"
_NOT_ROUGE: Final = "the task is not scored by ROUGE, or the run diverged"
_NO_METRIC: Final = "reward_task is 0"

_EXPLORATION: Final = _text("exploration", "name of the exploration")
_TRIAL: Final = _text("trial", "name of the trial, unique within its exploration")
_ROLE: Final = _text("role", "why the trial runs", choices=ROLES)
_ALGORITHM: Final = _text("algorithm", "name of the point or path: mle, raml, ...", null=_NO_ALGORITHM)
_ITERATION: Final = _int("iteration", "which report of the trial, from 1", unit="reports")
_SEED: Final = _int("seed", "seed of the trial", unit="a number, not a quantity")
_DECODED_AT: Final = _int("step", "optimizer steps of the weights that decoded", unit="steps")

OBSERVATION_COLUMNS = (
    _EXPLORATION,
    _TRIAL,
    _ROLE,
    _ITERATION,
    _int(
        "generation",
        "intervals walked when the knot was chosen that these weights walk to; 0 for a fixed point",
        unit="intervals",
    ),
    _text("parent", "trial whose weights were cloned last", null=_NO_CLONE),
    _SEED,
    _text("task", "name of the task"),
    _text("model", "kind of the model"),
    _ALGORITHM,
    _int("step", "optimizer steps that these weights have taken", unit="steps"),
    _float("progress", "share of the budget that is spent", unit="0-1"),
    _float("alpha", "α, weight of the model's KL term; infinite for policy gradient", unit="reward a nat", inf=True),
    _float("beta", "β, weight of the entropy term", unit="reward a nat", inf=True),
    _float("rho", "ρ = α / (α + β): how much the model is trusted", unit="0-1"),
    _float("tau", "τ = α + β, the temperature; infinite for policy gradient", unit="reward a nat", inf=True),
    _float("reward_truth", "weight of the reference token in the reward", unit="0-1, of a sum of 1"),
    _float("reward_noise", "weight of the noise in the reward", unit="0-1, of a sum of 1"),
    _float("reward_task", "weight of the task's metric in the reward", unit="0-1, of a sum of 1"),
    _float("reward_model", "weight of the model's own distribution in the reward", unit="0-1, of a sum of 1"),
    _text(
        "metric",
        "metric that the reward is made of: bleu, rouge, edit, ..., or a user's package.module:function",
        null=_NO_METRIC,
    ),
    _float(
        "reward_temperature",
        "τ_R, temperature of the metric inside the reward",
        unit="of the metric",
        null=_NO_METRIC,
        inf=True,
    ),
    _text("prefix", "what the decoder is fed: truth, q or model"),
    _text("label", "what the decoder is trained on: sampled, expected or truth"),
    _text(
        "estimator", "how targets are drawn and weighted: token, sequence, ngram, ...", null="written before it existed"
    ),
    _int("num_draws", "K, targets drawn a source", unit="targets", null="written before it existed"),
    _float(
        "forced",
        "share of the reference that every target begins with",
        unit="0-1",
        null="written before it existed",
    ),
    _text("noise_kind", "what the noise puts in a word's place", null="reward_noise is 0"),
    _float(
        "train_loss_nats",
        "mean training loss since the last report, in the terms of its point",
        unit="nats a token",
        null=_NO_SCORE,
        inf=True,
        nan=True,
    ),
    _float(
        "validation_nll_nats",
        "negative log-likelihood of the valid set",
        unit="nats a token",
        null=_NO_SCORE,
        inf=True,
        nan=True,
    ),
    _float("bleu", "corpus BLEU on the valid set", unit="0-100", null=_NOT_BLEU),
    _float("rouge1", "ROUGE-1 F1 on the valid set", unit="0-100", null=_NOT_ROUGE),
    _float("rouge2", "ROUGE-2 F1 on the valid set", unit="0-100", null=_NOT_ROUGE),
    _float("rougel", "ROUGE-L F1 on the valid set", unit="0-100", null=_NOT_ROUGE),
    _float("score", "the task's own metric on the valid set: what is maximised", unit="0-100", null=_NO_SCORE),
    _text("signature", "signature of the scorer, with its version", null=_NO_SCORE),
    _float(
        "mean_reward",
        "mean metric of the drawn targets since the last report",
        unit="of the metric",
        null="no target was drawn, or its metric was not needed",
        inf=True,
        nan=True,
    ),
    _float(
        "entropy_nats",
        "mean entropy of the sampler since the last report",
        unit="nats a token",
        null="no target was drawn",
        inf=True,
        nan=True,
    ),
    _float(
        "effective_sample_size",
        "of the K targets of a source, mean since the last report",
        unit="targets, 1-K",
        null="draws are not weighted as wholes",
        nan=True,
    ),
    _float(
        "tokens_per_s", "target tokens trained on, without evaluation", unit="tokens a second", null="it was not timed"
    ),
    _float("elapsed_s", "time that these weights have trained and evaluated", unit="seconds"),
    _text("device", "device that trained, such as cpu or cuda"),
    _text("status", "state of the trial at this report", choices=STATUSES),
    _text(
        "checkpoint",
        "folder of these weights, within the results folder; it is deleted once no trial can go on from it",
        null="the weights are not written yet, or never were",
    ),
    _text("path", "JSON of the path that these weights have walked so far"),
    Column(name="reported_at", type=_TIME, meaning="when the report arrived, UTC"),
    _text("node", "host name of the machine that trained"),
)

_UNSCORED: Final = "no report has a score"

TRIAL_COLUMNS = (
    _EXPLORATION,
    _TRIAL,
    _ROLE,
    _ALGORITHM,
    _SEED,
    _text("status", "last state of the trial", choices=STATUSES),
    _int("num_observations", "reports so far", unit="reports"),
    _float("best_score", "best score of any report", unit="0-100", null=_UNSCORED),
    _int("best_step", "optimizer step of the best score, the earliest of equals", unit="steps", null=_UNSCORED),
    _float("final_score", "score of the last report that has one", unit="0-100", null=_UNSCORED),
    _text("score_name", "name of the task's own metric, such as bleu", null="written before it existed"),
    _int("steps", "optimizer steps taken", unit="steps"),
    _float("elapsed_s", "time that the last weights have trained and evaluated", unit="seconds"),
    _text("parent", "trial whose weights were cloned last", null=_NO_CLONE),
    _int("generation", "intervals walked when its last knot was chosen; 0 for a fixed point", unit="intervals"),
    _text("path", "JSON of the path that the last weights have walked"),
    _text("point", "the last point, as a user would write it"),
    _int(
        "num_failures",
        "how often it failed, also where it was tried again and went on",
        unit="failures",
        null="written before it existed",
    ),
    _text("error", "why it failed or diverged last", null="it never did"),
)

_NOT_RANKED: Final = "action is start, or a search that ranks nobody"

DECISION_COLUMNS = (
    _EXPLORATION,
    _text("trial", "name of the member"),
    _int("generation", "intervals that the weights it goes on with have walked", unit="intervals"),
    _int("step", "optimizer step at which it was decided", unit="steps"),
    _text("action", "start, continue with its own weights, or clone the donor's", choices=get_args(Action)),
    _text("donor", "trial whose weights were cloned", null="action is not clone"),
    _float("score", "the member's score when it was decided", unit="0-100", null="action is start, or it had no score"),
    _float(
        "donor_score",
        "the donor's score when it was decided",
        unit="0-100",
        null="action is not clone, or it had no score",
    ),
    _float(
        "p_value",
        "one-sided, of the paired bootstrap: best donor looked at against member",
        unit="0-1",
        null="no bootstrap was made",
    ),
    _int("rank", "place of the member in its sub-population, 1 is best", unit="members", null=_NOT_RANKED),
    _int("population", "members ranked there, or begun with", unit="members", null="a search that ranks nobody"),
    _int("period", "between two decisions of its sub-population", unit="intervals", null=_NOT_RANKED),
    _int("until_step", "optimizer step at which the knot is reached", unit="steps", null="action is start"),
    _text("knot", "JSON of the point that the member walks to next"),
    _text("path", "JSON of the path walked so far, the donor's after a clone"),
    _text("reason", "why, in words"),
    Column(name="decided_at", type=_TIME, meaning="when it was decided, UTC"),
)

SAMPLE_COLUMNS = (
    _EXPLORATION,
    _TRIAL,
    _ITERATION,
    _DECODED_AT,
    _int("index", "position of the sentence in the valid set, from 0", unit="sentences"),
    _text("source", "source sentence"),
    _text("reference", "reference sentence"),
    _text("hypothesis", "decoded sentence"),
    _float("sentence_score", "the task's metric of this sentence", unit="0-100", null="it has no score of one"),
)

SENTENCE_COLUMNS = (
    _EXPLORATION,
    _TRIAL,
    _ITERATION,
    _DECODED_AT,
    _text("split", "what was decoded", choices=SPLITS),
    _text("kind", "what the values are and how they make the corpus score, see values", choices=get_args(Statistics)),
    _int("num_sentences", "N", unit="sentences"),
    Column(
        name="values",
        type=_FLOATS,
        meaning="what each sentence adds to the corpus score: N rows of D numbers, row after row, in the order of the "
        "split, so values.reshape(num_sentences, -1) is the matrix. kind bleu, D = 10: words of the hypothesis, words "
        "of the reference, n-gram matches of order 1, 2, 3, 4, n-grams of the hypothesis of order 1, 2, 3, 4; corpus "
        "BLEU is that of their sums. kind mean: D scores of the sentence (ROUGE-1, -2, -L F1); the corpus score "
        "is the mean of all of them",
        unit="words and n-grams, or 0-100",
    ),
)

_TEST_NOT_BLEU: Final = "the task is not scored by BLEU"
_TEST_NOT_ROUGE: Final = "the task is not scored by ROUGE"

TEST_COLUMNS = (
    _EXPLORATION,
    _TRIAL,
    _int("iteration", "number of its last report", unit="reports"),
    _int("step", "optimizer steps of the weights that decoded, the last of the budget", unit="steps"),
    _int("beam_width", "hypotheses a sentence; 1 is greedy", unit="hypotheses"),
    _float("length_penalty", "exponent of the beam's length penalty", unit="an exponent"),
    _int("num_sentences", "sentences of the test set", unit="sentences"),
    _float(
        "nll_nats",
        "negative log-likelihood of the test set",
        unit="nats a token",
        null="it was not computed",
        inf=True,
        nan=True,
    ),
    _float("bleu", "corpus BLEU on the test set", unit="0-100", null=_TEST_NOT_BLEU),
    _float("rouge1", "ROUGE-1 F1 on the test set", unit="0-100", null=_TEST_NOT_ROUGE),
    _float("rouge2", "ROUGE-2 F1 on the test set", unit="0-100", null=_TEST_NOT_ROUGE),
    _float("rougel", "ROUGE-L F1 on the test set", unit="0-100", null=_TEST_NOT_ROUGE),
    _float("score", "the task's own metric on the test set", unit="0-100"),
    _text("signature", "signature of the scorer, with its version"),
    _float("decoding_s", "time that decoding and scoring took", unit="seconds"),
)

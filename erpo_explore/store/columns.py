"""Columns of all tables: type, unit, meaning, when a value is null, and which values are legal.

A missing value is null, never a stand-in number. NaN and infinity are legal only where they are the observation itself:
the loss of a run that diverged, the temperature of policy gradient.

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
    "MEASURE_COLUMNS",
    "OBSERVATION_COLUMNS",
    "ROLES",
    "SAMPLE_COLUMNS",
    "SCORES",
    "SENTENCE_COLUMNS",
    "SPLITS",
    "STATUSES",
    "SUGGESTED",
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

Role = Literal["algorithm", "member", "path", "grid", "random", "optuna", "branch"]
Status = Literal["running", "finished", "stopped", "diverged", "failed"]
Action = Literal["start", "clone", "continue"]
Split = Literal["validation", "test"]

ROLES: Final[tuple[Role, ...]] = get_args(Role)
SUGGESTED: Final[tuple[Role, ...]] = ("optuna", "branch")
"""Roles of trials that a searcher suggests while an exploration runs."""
STATUSES: Final[tuple[Status, ...]] = get_args(Status)
BROKEN: Final[tuple[Status, ...]] = ("diverged", "failed")
"""Statuses whose scores do not count."""
VALIDATION: Final[Split] = "validation"
TEST: Final[Split] = "test"
SPLITS: Final[tuple[Split, ...]] = get_args(Split)
SCORES: Final = ("bleu", "rouge1", "rouge2", "rougel", "token_error_rate", "sentence_error_rate")
"""Columns of the metrics that a task may be scored by."""

_TEXT: Final = pa.string()
_INT: Final = pa.int64()
_FLOAT: Final = pa.float64()
_TIME: Final = pa.timestamp("us", tz="UTC")
_FLOATS: Final = pa.list_(pa.float32())


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column and its legal values.

    Attributes:
        name: Name, with a suffix for the unit where it has one.
        type: Type in Parquet.
        meaning: Meaning of a value.
        unit: Unit or range of a number; empty for text and times.
        null: Condition under which the value is null; empty for a column without nulls.
        choices: Legal texts; empty for any text.
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


_METRIC: Final = "units of the metric"
_NO_ALGORITHM: Final = "the point or path has no name"
_NO_CLONE: Final = "it never cloned"
_NO_SCORE: Final = "the run diverged"
_NOT_BLEU: Final = "the task is not scored by BLEU, or the run diverged"
_NOT_ROUGE: Final = "the task is not scored by ROUGE, or the run diverged"
_NOT_EDIT: Final = "the task is not scored by edit, or the run diverged"
_EDITS_PER_WORD: Final = "edits per token of the reference: phoneme, word or character error rate,"
_WRONG_SENTENCES: Final = "share of sentences with an error"
_NO_METRIC: Final = "reward_task is 0"

_EXPLORATION: Final = _text("exploration", "name of the exploration")
_TRIAL: Final = _text("trial", "name of the trial, unique within its exploration")
_ROLE: Final = _text(
    "role",
    "kind of the trial: a named algorithm, a member of the population, a given path, or the search that proposed it",
    choices=ROLES,
)
_ALGORITHM: Final = _text("algorithm", "name of the algorithm or path: mle, raml, ...", null=_NO_ALGORITHM)
_ITERATION: Final = _int("iteration", "number of the report within the trial, from 1", unit="reports")
_SEED: Final = _int("seed", "random seed of the trial", unit="identifier")
_DECODED_AT: Final = _int("step", "optimizer steps of the weights that decoded", unit="steps")

OBSERVATION_COLUMNS = (
    _EXPLORATION,
    _TRIAL,
    _ROLE,
    _ITERATION,
    _int(
        "generation",
        "evaluation intervals of the path so far when its target knot was chosen; 0 for a fixed point",
        unit="intervals",
    ),
    _text("parent", "trial whose weights were cloned last", null=_NO_CLONE),
    _SEED,
    _text("task", "name of the task"),
    _text("model", "kind of the model, such as lstm"),
    _ALGORITHM,
    _int("step", "optimizer steps of these weights", unit="steps"),
    _float("progress", "share of the training budget used so far", unit="0-1"),
    _float("alpha", "α, weight of the model's KL term; infinite for policy gradient", unit="reward per nat", inf=True),
    _float("beta", "β, weight of the entropy term", unit="reward per nat", inf=True),
    _float("rho", "ρ = α / (α + β), trust in the model", unit="0-1"),
    _float("tau", "τ = α + β, the temperature; infinite for policy gradient", unit="reward per nat", inf=True),
    _float("reward_truth", "weight of the reference token in the reward", unit="0-1, all four sum to 1"),
    _float("reward_noise", "weight of the noise distribution in the reward", unit="0-1, all four sum to 1"),
    _float("reward_task", "weight of the metric in the reward", unit="0-1, all four sum to 1"),
    _float("reward_model", "weight of the model's own distribution in the reward", unit="0-1, all four sum to 1"),
    _text(
        "metric",
        "metric in the reward: bleu, rouge, edit, ..., or package.module:function",
        null=_NO_METRIC,
    ),
    _float(
        "reward_temperature",
        "τ_R, temperature of the metric within the reward",
        unit="metric units",
        null=_NO_METRIC,
        inf=True,
    ),
    _text("prefix", "source of the decoder's input tokens: truth, q or model"),
    _text("label", "source of the training labels: sampled, expected or truth"),
    _text(
        "estimator",
        "estimator: how targets are drawn and weighted, such as token, sequence or ngram",
        null="written by a version without this column",
    ),
    _int("num_draws", "K, targets drawn per source", unit="targets", null="written by a version without this column"),
    _float(
        "forced",
        "share of the reference that is forced as the prefix of every target",
        unit="0-1",
        null="written by a version without this column",
    ),
    _float(
        "blend_share",
        "share of the sources that are trained at other points than the one in these columns, see path",
        unit="0-1",
        null="written by a version without this column",
    ),
    _text("noise_kind", "noise distribution of replacement words", null="reward_noise is 0"),
    _float(
        "train_loss_nats",
        "mean training loss since the last report, with the loss of the current point",
        unit="nats per token",
        null=_NO_SCORE,
        inf=True,
        nan=True,
    ),
    _float(
        "validation_nll_nats",
        "negative log-likelihood of the validation set",
        unit="nats per token",
        null=_NO_SCORE,
        inf=True,
        nan=True,
    ),
    _float("bleu", "corpus BLEU on the validation set", unit="0-100", null=_NOT_BLEU),
    _float("rouge1", "ROUGE-1 F1 on the validation set", unit="0-100", null=_NOT_ROUGE),
    _float("rouge2", "ROUGE-2 F1 on the validation set", unit="0-100", null=_NOT_ROUGE),
    _float("rougel", "ROUGE-L F1 on the validation set", unit="0-100", null=_NOT_ROUGE),
    _float("token_error_rate", f"{_EDITS_PER_WORD} on the validation set", unit="percent", null=_NOT_EDIT),
    _float("sentence_error_rate", f"{_WRONG_SENTENCES} on the validation set", unit="percent", null=_NOT_EDIT),
    _float("score", "the task's metric on the validation set", unit=_METRIC, null=_NO_SCORE),
    _float(
        "objective",
        "the score, negated where less is better; a search maximises it",
        unit=_METRIC,
        null=_NO_SCORE,
    ),
    _text("signature", "signature of the scorer, with its version", null=_NO_SCORE),
    _float(
        "length_ratio",
        "tokens of the decoded validation sentences per token of their references",
        unit="ratio",
        null="the run diverged, or it was written by a version without this column",
    ),
    _float(
        "cut_hypotheses",
        "share of the decoded validation sentences that were cut before their end",
        unit="0-1",
        null="the run diverged, or it was written by a version without this column",
    ),
    _float(
        "kl_nats",
        "KL divergence of the model from the anchor of its point, else from the weights that the trial began with, "
        "on the first 128 validation references",
        unit="nats per token",
        null="no anchor, and the trial began with random weights, or the run diverged",
        inf=True,
        nan=True,
    ),
    _float(
        "mean_reward",
        "mean metric of the drawn targets since the last report",
        unit="metric units",
        null="no target was drawn, or its metric was not needed",
        inf=True,
        nan=True,
    ),
    _float(
        "reward_deviation",
        "standard deviation of the metric of the drawn targets since the last report",
        unit="metric units",
        null="mean_reward is null",
        inf=True,
        nan=True,
    ),
    _float(
        "equal_rewards",
        "share of sources whose K drawn targets all have the same reward, mean since the last report",
        unit="0-1",
        null="mean_reward is null, or K is 1",
    ),
    _float(
        "cut_targets",
        "share of the drawn targets that were cut before their end, mean since the last report",
        unit="0-1",
        null="no target was drawn",
    ),
    _float(
        "entropy_nats",
        "mean entropy of the sampling distribution since the last report",
        unit="nats per token",
        null="no target was drawn",
        inf=True,
        nan=True,
    ),
    _float(
        "effective_sample_size",
        "effective sample size of the K targets of a source, mean since the last report",
        unit="targets, 1-K",
        null="targets are not weighted as whole sequences",
        nan=True,
    ),
    _float(
        "tokens_per_s",
        "target tokens per second of training, evaluation excluded",
        unit="tokens per second",
        null="it was not measured",
    ),
    _float("elapsed_s", "time of training and evaluation of these weights, clones included", unit="seconds"),
    _text("device", "training device, such as cpu or cuda"),
    _text("status", "status of the trial at this report", choices=STATUSES),
    _text(
        "checkpoint",
        "checkpoint folder of these weights, within the results folder; deleted once no trial can continue from it",
        null="no checkpoint was written",
    ),
    _text("path", "JSON of the path so far of these weights"),
    Column(name="reported_at", type=_TIME, meaning="time at which the report arrived, UTC"),
    _text("node", "host name of the training machine"),
)

_UNSCORED: Final = "no report has a score"

TRIAL_COLUMNS = (
    _EXPLORATION,
    _TRIAL,
    _ROLE,
    _ALGORITHM,
    _SEED,
    _text("status", "last status of the trial", choices=STATUSES),
    _int("num_observations", "number of reports so far", unit="reports"),
    _float("best_score", "best score of all reports", unit=_METRIC, null=_UNSCORED),
    _int("best_step", "optimizer step of the best score; of equal scores the earliest", unit="steps", null=_UNSCORED),
    _float("final_score", "score of the last report with a score", unit=_METRIC, null=_UNSCORED),
    _text("score_name", "name of the task's metric, such as bleu", null="written by a version without this column"),
    _int("steps", "optimizer steps taken", unit="steps"),
    _float("elapsed_s", "time of training and evaluation of the last weights, clones included", unit="seconds"),
    _text("parent", "trial whose weights were cloned last", null=_NO_CLONE),
    _int(
        "generation",
        "evaluation intervals of the path so far when its last knot was chosen; 0 for a fixed point",
        unit="intervals",
    ),
    _text("path", "JSON of the path so far of the last weights"),
    _text("point", "the last point, in the notation of a search space"),
    _int(
        "num_failures",
        "number of failures, those with a successful retry included",
        unit="failures",
        null="written by a version without this column",
    ),
    _text("error", "reason of the last failure or divergence", null="it never failed or diverged"),
)

_NOT_RANKED: Final = "action is start, or the search does not rank members"

DECISION_COLUMNS = (
    _EXPLORATION,
    _text("trial", "name of the member or branch"),
    _int(
        "generation", "evaluation intervals of the path so far of the weights that it continues with", unit="intervals"
    ),
    _int("step", "optimizer step of the decision", unit="steps"),
    _text("action", "start, continue with its own weights, or clone the donor's weights", choices=get_args(Action)),
    _text("donor", "trial whose weights were cloned", null="action is not clone"),
    _float("score", "score of the member at the decision", unit=_METRIC, null="action is start, or it had no score"),
    _float(
        "donor_score",
        "score of the donor at the decision",
        unit=_METRIC,
        null="action is not clone, or it had no score",
    ),
    _float(
        "p_value",
        "one-sided p-value of the paired bootstrap: best candidate donor against member",
        unit="0-1",
        null="no bootstrap was computed",
    ),
    _int("rank", "rank of the member in its subpopulation, 1 is best", unit="members", null=_NOT_RANKED),
    _int(
        "population",
        "size of the ranked subpopulation; at the start, of the population",
        unit="members",
        null="the search does not rank members",
    ),
    _int(
        "period", "evaluation intervals between two decisions of its subpopulation", unit="intervals", null=_NOT_RANKED
    ),
    _int("until_step", "optimizer step at which the target knot is reached", unit="steps", null="action is start"),
    _text("knot", "JSON of the target point of the member"),
    _text("path", "JSON of the path so far; after a clone, that of the donor; of a branch, the whole path"),
    _text("reason", "reason of the decision, in words"),
    Column(name="decided_at", type=_TIME, meaning="time of the decision, UTC"),
)

SAMPLE_COLUMNS = (
    _EXPLORATION,
    _TRIAL,
    _ITERATION,
    _DECODED_AT,
    _int("index", "index of the sentence in the validation set, from 0", unit="sentences"),
    _text("source", "source sentence"),
    _text("reference", "reference sentence"),
    _text("hypothesis", "decoded sentence"),
    _float(
        "sentence_score",
        "the task's metric of this sentence",
        unit=_METRIC,
        null="the metric has no score of a single sentence",
    ),
)

SENTENCE_COLUMNS = (
    _EXPLORATION,
    _TRIAL,
    _ITERATION,
    _DECODED_AT,
    _text("split", "split that was decoded", choices=SPLITS),
    _text("kind", "kind of the statistics, see values"),
    _int("num_sentences", "N, number of sentences", unit="sentences"),
    Column(
        name="values",
        type=_FLOATS,
        meaning="statistics of each sentence: N rows of D numbers, row after row, in the order of the split; "
        "values.reshape(num_sentences, -1) is the matrix. kind bleu, D = 2 + 2n, usually n = 4: words of the "
        "hypothesis, words of the reference, n-gram matches of order 1 to n, n-grams of the hypothesis of order 1 "
        "to n; corpus BLEU is computed from their sums. kind chrf, D = 3n: n-grams of the hypothesis, of the "
        "reference, and matches, for each order. kind mean: D scores of the sentence (ROUGE-1, -2, -L F1); the "
        "corpus score is the mean of all of them. kind error_rate, D = 2: edits, and tokens of the reference; the "
        "corpus score is 100 times the ratio of their sums, and less is better. A weighted sum has its parts side "
        "by side: 0.7*bleu:10 + 0.3*chrf:18 has 10 columns of bleu, then 18 of chrf",
        unit="words, n-grams and edits, or 0-100",
    ),
)

MEASURE_COLUMNS = (
    _EXPLORATION,
    _TRIAL,
    _ITERATION,
    _DECODED_AT,
    _text("split", "split that was decoded", choices=SPLITS),
    _text("metric", "name of the metric, its label where it has one"),
    _float("score", "score of the metric", unit=_METRIC),
    Column(name="higher_is_better", type=pa.bool_(), meaning="whether more of this score is better"),
    _text("signature", "signature of the scorer, with its settings and version"),
)

_TEST_NOT_BLEU: Final = "the task is not scored by BLEU"
_TEST_NOT_ROUGE: Final = "the task is not scored by ROUGE"
_TEST_NOT_EDIT: Final = "the task is not scored by edit"

TEST_COLUMNS = (
    _EXPLORATION,
    _TRIAL,
    _int("iteration", "number of the trial's last report", unit="reports"),
    _int("step", "optimizer steps of the weights that decoded, the last of the budget", unit="steps"),
    _int("beam_width", "beam width; 1 is greedy decoding", unit="hypotheses"),
    _float("length_penalty", "exponent of the beam's length penalty", unit="exponent"),
    _int("num_sentences", "number of sentences of the test set", unit="sentences"),
    _float(
        "nll_nats",
        "negative log-likelihood of the test set",
        unit="nats per token",
        null="it was not computed",
        inf=True,
        nan=True,
    ),
    _float("bleu", "corpus BLEU on the test set", unit="0-100", null=_TEST_NOT_BLEU),
    _float("rouge1", "ROUGE-1 F1 on the test set", unit="0-100", null=_TEST_NOT_ROUGE),
    _float("rouge2", "ROUGE-2 F1 on the test set", unit="0-100", null=_TEST_NOT_ROUGE),
    _float("rougel", "ROUGE-L F1 on the test set", unit="0-100", null=_TEST_NOT_ROUGE),
    _float("token_error_rate", f"{_EDITS_PER_WORD} on the test set", unit="percent", null=_TEST_NOT_EDIT),
    _float("sentence_error_rate", f"{_WRONG_SENTENCES} on the test set", unit="percent", null=_TEST_NOT_EDIT),
    _float("score", "the task's metric on the test set", unit=_METRIC),
    _float(
        "objective",
        "the score, negated where less is better",
        unit=_METRIC,
        null="never, but for a folder of an older version it is the score",
    ),
    _text("signature", "signature of the scorer, with its version"),
    _float("decoding_s", "time of decoding and scoring", unit="seconds"),
)

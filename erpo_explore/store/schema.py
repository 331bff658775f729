"""What each column of the results store means: one documented tuple of columns a table.

Six tables, each a folder of Parquet parts. Units are in the names (`elapsed_s`, `train_loss_nats`) or in the meaning.
A column that may be missing is null, never a stand-in number; NaN and infinity are legal only where they are
themselves the observation (the loss of a run that diverged, the temperature of policy gradient).
Left out: foreign keys and indices. The tables are small, and pandas joins them on `trial`.
"""

from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa

__all__ = [
    "LINEAGE",
    "OBSERVATIONS",
    "ROLES",
    "SAMPLES",
    "SENTENCES",
    "STATUSES",
    "TABLES",
    "TESTS",
    "TRIALS",
    "Column",
    "Table",
]

ROLES = ("dot", "member", "path", "grid", "random", "optuna")
STATUSES = ("running", "finished", "stopped", "diverged", "failed")
ACTIONS = ("start", "clone", "continue")
SPLITS = ("valid", "test")
STATISTICS = ("bleu", "mean")

_TEXT = pa.string()
_INT = pa.int64()
_FLOAT = pa.float64()
_TIME = pa.timestamp("us", tz="UTC")
_FLOATS = pa.list_(pa.float32())


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it holds and what a row may put there.

    `choices` lists the legal texts (empty: any text). `inf` and `nan` say which non-finite floats are legal values.
    """

    name: str
    type: pa.DataType
    meaning: str
    nullable: bool = False
    choices: tuple[str, ...] = ()
    inf: bool = False
    nan: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table: its columns, the key of a row and the leading part of that key that names a file.

    Rows that share `part_key` share a Parquet part, so writing them again replaces the part.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    part_key: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        """The columns as a pyarrow schema."""
        return pa.schema([pa.field(column.name, column.type, nullable=column.nullable) for column in self.columns])


_OBSERVATION_COLUMNS = (
    Column("exploration", _TEXT, "name of the exploration"),
    Column("trial", _TEXT, "identifier of the trial"),
    Column("role", _TEXT, "why the trial runs", choices=ROLES),
    Column("iteration", _INT, "number of the report within the trial, >= 0"),
    Column(
        "generation", _INT, "intervals walked when the knot was chosen that these weights walk to (0 for a fixed point)"
    ),
    Column("parent", _TEXT, "trial whose weights were cloned last; null if none", nullable=True),
    Column("seed", _INT, "seed of the trial"),
    Column("task", _TEXT, "name of the task"),
    Column("model", _TEXT, "name of the model"),
    Column("dot", _TEXT, "name of the point or path (mle, raml, ...); null if it has none", nullable=True),
    Column("step", _INT, "optimizer steps that these weights have taken"),
    Column("progress", _FLOAT, "share of the budget that is spent, 0-1"),
    Column("alpha", _FLOAT, "weight of the model's KL term; infinite for policy gradient", inf=True),
    Column("beta", _FLOAT, "weight of the entropy term", inf=True),
    Column("rho", _FLOAT, "alpha / (alpha + beta), 0-1: how much the model is trusted"),
    Column("tau", _FLOAT, "alpha + beta, the temperature; infinite for policy gradient", inf=True),
    Column("reward_truth", _FLOAT, "weight of the reference token in the reward"),
    Column("reward_noise", _FLOAT, "weight of the noise in the reward"),
    Column("reward_task", _FLOAT, "weight of the task's metric in the reward"),
    Column("reward_model", _FLOAT, "weight of the model's own distribution in the reward"),
    Column(
        "metric",
        _TEXT,
        "metric that the reward is made of (bleu, rouge, edit, ..., or a user's package.module:function)",
        nullable=True,
    ),
    Column("reward_temperature", _FLOAT, "temperature of the metric inside the reward", nullable=True, inf=True),
    Column("prefix", _TEXT, "what the decoder is fed: truth, q or model"),
    Column("label", _TEXT, "what the decoder is trained on: sampled, expected or truth"),
    Column("estimator", _TEXT, "how targets are drawn and weighted: token, sequence, ngram, ...", nullable=True),
    Column("num_draws", _INT, "targets drawn a source, K", nullable=True),
    Column("forced", _FLOAT, "share of the reference that every target begins with, 0-1", nullable=True),
    Column("noise_kind", _TEXT, "what the noise puts in a word's place; null without noise", nullable=True),
    Column("train_loss_nats", _FLOAT, "training loss a token since the last report", nullable=True, inf=True, nan=True),
    Column("valid_nll_nats", _FLOAT, "negative log-likelihood a valid token", nullable=True, inf=True, nan=True),
    Column("bleu", _FLOAT, "corpus BLEU on the valid set, 0-100", nullable=True),
    Column("rouge1", _FLOAT, "ROUGE-1 F1 on the valid set, 0-100", nullable=True),
    Column("rouge2", _FLOAT, "ROUGE-2 F1 on the valid set, 0-100", nullable=True),
    Column("rougel", _FLOAT, "ROUGE-L F1 on the valid set, 0-100", nullable=True),
    Column("score", _FLOAT, "the task's own metric, 0-100: what is maximised", nullable=True),
    Column("signature", _TEXT, "signature of the scorer and its version", nullable=True),
    Column("mean_reward", _FLOAT, "mean reward of the sampled sequences", nullable=True, inf=True, nan=True),
    Column("entropy_nats", _FLOAT, "mean entropy a token of the sampler", nullable=True, inf=True, nan=True),
    Column("effective_sample_size", _FLOAT, "of the K samples a source, 1-K", nullable=True, nan=True),
    Column("tokens_per_s", _FLOAT, "target tokens trained on a second", nullable=True),
    Column("elapsed_s", _FLOAT, "seconds that the trial has trained"),
    Column("device", _TEXT, "device that trained, such as cpu or cuda"),
    Column("status", _TEXT, "state of the trial at this report", choices=STATUSES),
    Column(
        "checkpoint",
        _TEXT,
        "folder of these weights, within the results folder; a trial keeps its last three; null before it is written",
        nullable=True,
    ),
    Column("path", _TEXT, "JSON of the path that these weights have walked so far"),
    Column("reported_at", _TIME, "when the report arrived, UTC"),
    Column("node", _TEXT, "host name of the machine that trained"),
)

_TRIAL_COLUMNS = (
    Column("exploration", _TEXT, "name of the exploration"),
    Column("trial", _TEXT, "identifier of the trial"),
    Column("role", _TEXT, "why the trial runs", choices=ROLES),
    Column("dot", _TEXT, "name of the point or path; null if it has none", nullable=True),
    Column("seed", _INT, "seed of the trial"),
    Column("status", _TEXT, "last state of the trial", choices=STATUSES),
    Column("num_observations", _INT, "number of reports"),
    Column("best_score", _FLOAT, "best score of any report, 0-100; null if none was scored", nullable=True),
    Column("best_step", _INT, "optimizer step of the best score", nullable=True),
    Column("final_score", _FLOAT, "score of the last scored report, 0-100", nullable=True),
    Column("score_name", _TEXT, "name of the task's own metric, such as bleu", nullable=True),
    Column("steps", _INT, "optimizer steps taken"),
    Column("elapsed_s", _FLOAT, "seconds that the trial has trained"),
    Column("parent", _TEXT, "trial whose weights were cloned last; null if none", nullable=True),
    Column("generation", _INT, "intervals walked when its last knot was chosen (0 for a fixed point)"),
    Column("path", _TEXT, "JSON of the path that the last weights have walked"),
    Column("point", _TEXT, "the last point, as a user would write it"),
    Column("num_failures", _INT, "how often it failed, also where it was tried again and went on", nullable=True),
    Column("error", _TEXT, "why it failed or diverged last; null if it never did", nullable=True),
)

_LINEAGE_COLUMNS = (
    Column("exploration", _TEXT, "name of the exploration"),
    Column("trial", _TEXT, "identifier of the member"),
    Column("generation", _INT, "intervals that the weights it goes on with have walked, >= 0"),
    Column("step", _INT, "optimizer step at which it was decided"),
    Column("action", _TEXT, "start, continue with its own weights, or clone the donor's", choices=ACTIONS),
    Column("donor", _TEXT, "trial whose weights were cloned; null unless action is clone", nullable=True),
    Column("score", _FLOAT, "the member's score when it was decided, 0-100", nullable=True),
    Column("donor_score", _FLOAT, "the donor's score when it was decided, 0-100", nullable=True),
    Column("p_value", _FLOAT, "one-sided, of the paired bootstrap: donor against member", nullable=True),
    Column("rank", _INT, "place of the member in its sub-population, 1 is best", nullable=True),
    Column("population", _INT, "number of members ranked", nullable=True),
    Column("period", _INT, "intervals between two decisions of its sub-population", nullable=True),
    Column("until_step", _INT, "optimizer step at which the knot is reached", nullable=True),
    Column("knot", _TEXT, "JSON of the point that the member walks to next"),
    Column("path", _TEXT, "JSON of the path walked so far, the donor's after a clone"),
    Column("reason", _TEXT, "why, in words"),
    Column("decided_at", _TIME, "when it was decided, UTC"),
)

_SAMPLE_COLUMNS = (
    Column("exploration", _TEXT, "name of the exploration"),
    Column("trial", _TEXT, "identifier of the trial"),
    Column("iteration", _INT, "number of the report within the trial, >= 0"),
    Column("step", _INT, "optimizer step of the weights that decoded"),
    Column("index", _INT, "position of the sentence in the valid set, >= 0"),
    Column("source", _TEXT, "source sentence"),
    Column("reference", _TEXT, "reference sentence"),
    Column("hypothesis", _TEXT, "decoded sentence"),
    Column("sentence_score", _FLOAT, "the task's metric of this sentence, 0-100", nullable=True),
)

_SENTENCE_COLUMNS = (
    Column("exploration", _TEXT, "name of the exploration"),
    Column("trial", _TEXT, "identifier of the trial"),
    Column("iteration", _INT, "number of the report within the trial, >= 0"),
    Column("step", _INT, "optimizer step of the weights that decoded"),
    Column("split", _TEXT, "what was decoded", choices=SPLITS),
    Column("kind", _TEXT, "what the values are and how they make the corpus score, see values", choices=STATISTICS),
    Column("num_sentences", _INT, "number of sentences, N"),
    Column(
        "values",
        _FLOATS,
        "what each sentence adds to the corpus score: N rows of D numbers, row after row, in the order of the "
        "split, so values.reshape(num_sentences, -1) is the matrix. kind bleu, D = 10: words of the hypothesis, words "
        "of the reference, n-gram matches of order 1, 2, 3, 4, n-grams of the hypothesis of order 1, 2, 3, 4; corpus "
        "BLEU is that of their sums. kind mean: D scores of the sentence, 0-100 (ROUGE-1, -2, -L F1); the corpus score "
        "is the mean of all of them",
    ),
)

_TEST_COLUMNS = (
    Column("exploration", _TEXT, "name of the exploration"),
    Column("trial", _TEXT, "identifier of the trial"),
    Column("iteration", _INT, "number of its last report, >= 0"),
    Column("step", _INT, "optimizer step of the weights that decoded, the last of the budget"),
    Column("beam_width", _INT, "hypotheses a sentence; 1 is greedy"),
    Column("length_penalty", _FLOAT, "exponent of the beam's length penalty"),
    Column("num_sentences", _INT, "sentences of the test set"),
    Column("nll_nats", _FLOAT, "negative log-likelihood a test token", nullable=True, inf=True, nan=True),
    Column("bleu", _FLOAT, "corpus BLEU on the test set, 0-100", nullable=True),
    Column("rouge1", _FLOAT, "ROUGE-1 F1 on the test set, 0-100", nullable=True),
    Column("rouge2", _FLOAT, "ROUGE-2 F1 on the test set, 0-100", nullable=True),
    Column("rougel", _FLOAT, "ROUGE-L F1 on the test set, 0-100", nullable=True),
    Column("score", _FLOAT, "the task's own metric on the test set, 0-100"),
    Column("signature", _TEXT, "signature of the scorer and its version"),
    Column("decoding_s", _FLOAT, "seconds that decoding and scoring took"),
)

_BY_REPORT = ("trial", "iteration")
_BY_DECISION = ("trial", "generation")

TABLES = MappingProxyType(
    {
        table.name: table
        for table in (
            Table(name="observations", columns=_OBSERVATION_COLUMNS, key=_BY_REPORT, part_key=_BY_REPORT),
            Table(name="trials", columns=_TRIAL_COLUMNS, key=("trial",), part_key=("trial",)),
            Table(name="lineage", columns=_LINEAGE_COLUMNS, key=_BY_DECISION, part_key=_BY_DECISION),
            Table(name="samples", columns=_SAMPLE_COLUMNS, key=(*_BY_REPORT, "index"), part_key=_BY_REPORT),
            Table(name="sentences", columns=_SENTENCE_COLUMNS, key=(*_BY_REPORT, "split"), part_key=_BY_REPORT),
            Table(name="tests", columns=_TEST_COLUMNS, key=_BY_REPORT, part_key=_BY_REPORT),
        )
    }
)

OBSERVATIONS: pa.Schema = TABLES["observations"].schema
TRIALS: pa.Schema = TABLES["trials"].schema
LINEAGE: pa.Schema = TABLES["lineage"].schema
SAMPLES: pa.Schema = TABLES["samples"].schema
SENTENCES: pa.Schema = TABLES["sentences"].schema
TESTS: pa.Schema = TABLES["tests"].schema

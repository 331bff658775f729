"""A metric fitted to the text: what the script, the length and the marks of the references decide, and what is refused.

The first tests are the kinds of text on which a score was 0 for every output.
"""

import importlib.util
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import sentencepiece

from erpo_explore.errors import ConfigError, DataError
from erpo_explore.metric_names import METRICS
from erpo_explore.metrics import load_scorer
from erpo_explore.metrics.fit import fit_metric, fit_metrics
from erpo_explore.tasks import load_task
from erpo_explore.tasks.config import FilesConfig, HubConfig, PronunciationsConfig, ToyConfig
from erpo_explore.tasks.hub import HUB
from erpo_explore.tasks.script import text_kind
from tests.rewards import scoring

FUNCTION = f"{scoring.__name__}:shared_words"
WORDS = ("the", "dog", "sees", "a", "big", "cat", ".")
CYRILLIC = ("это", "собака", "видит", "одна", "большой", "кошка", ".")
CHINESE = ("这", "狗", "看见", "一个", "大", "猫", "。")
THAI = ("สุนัข", "เห็น", "แมว", "ใหญ่", "บ้าน", "เล็ก", "ฯ")
JAPANESE = ("この", "犬", "は", "大きい", "猫", "を", "見る")
KOREAN = ("그", "개는", "큰", "고양이를", "본다", "또", "다시.")
PIECES = {"dog": "d@@ o@@ g", "cat": "c@@ a@@ t", "sees": "se@@ es"}
BARS = {"dog": "▁do g", "cat": "▁c at", "sees": "▁se es"}


def lines(words, join=" ", count=20):
    draw = np.random.default_rng(0)
    return [join.join([*draw.permutation(words[:-1])[:5], words[-1]]) for _ in range(count)]


def perfect(metric, references):
    fitted = fit_metric(metric, references)
    return load_scorer(fitted.written).corpus(references, references).value


def option(metric, references, name):
    written = fit_metric(metric, references).written
    return written.get(name) if isinstance(written, dict) else None


def test_cyrillic_has_a_rouge():
    references = lines(CYRILLIC)
    assert perfect("rouge", references) == pytest.approx(100.0)
    assert option("rouge", references, "tokenizer") == "words"


def test_punctuation_counts_in_rouge_as_in_the_reward():
    hypothesis, reference = "the dog - u.s. , .", "the cat - u.s. , ."
    scorer = load_scorer(fit_metric("rouge", [reference] * 20).written)
    assert scorer.tokens(reference) == ["the", "cat", "-", "u.s.", ",", "."]
    assert scorer.sentences([hypothesis], [reference])[0] < 100.0 * 5 / 6


@pytest.mark.parametrize(("words", "order"), [(("big dog",), 2), (("x",), 1), (("a b c",), 3)])
def test_bleu_of_short_targets_counts_what_they_have_and_says_so(words, order):
    references = list(words) * 20
    fitted = fit_metric("bleu", references)
    assert fitted.written["max_ngram_order"] == order
    assert any(f"max_ngram_order={order}" in remark for remark in fitted.remarks)
    scorer = load_scorer(fitted.written)
    best = scorer.corpus(references, references)
    assert best.value == pytest.approx(100.0)
    assert best.signature.endswith(f"|ngram:{order}")
    assert scorer.corpus(["x x x x"] * 20, references).value < 100.0


def test_a_given_order_that_no_target_has_is_refused_with_a_remedy():
    with pytest.raises(
        DataError, match=r"task.metric=bleu: gives the references themselves 0.00.*max_ngram_order.*edit"
    ):
        fit_metric({"name": "bleu", "max_ngram_order": 4}, ["big dog"] * 20)


def test_chinese_is_scored_by_sacrebleus_chinese_tokenizer():
    references = lines(CHINESE, join="")
    assert option("bleu", references, "tokenize") == "zh"
    assert perfect("bleu", references) == pytest.approx(100.0)
    assert option("rouge", references, "tokenizer") == "characters"
    assert option("edit", references, "unit") == "character"
    assert (option("ter", references, "normalized"), option("ter", references, "asian_support")) == (True, True)
    nearly = [line.replace("狗", "猫", 1) for line in references]
    assert 0.0 < load_scorer(fit_metric("bleu", references).written).corpus(nearly, references).value < 100.0


def test_chinese_in_words_stays_in_words():
    references = lines(CHINESE)
    assert option("bleu", references, "tokenize") == "none"
    assert option("rouge", references, "tokenizer") == "words"


@pytest.mark.parametrize(
    ("words", "join", "tokenize", "package"),
    [
        (JAPANESE, "", "ja-mecab", "MeCab"),
        (KOREAN, " ", "ko-mecab", "mecab_ko"),
    ],
)
def test_without_mecab_characters_are_scored_and_the_extra_is_named(words, join, tokenize, package):
    fitted = fit_metric("bleu", lines(words, join=join))
    if importlib.util.find_spec(package) is None:
        assert fitted.written["tokenize"] == "char"
        assert re.search(r"by character; pip install 'erpo-explore\[(ja|ko)\]' for " + tokenize, fitted.remarks[0])
    else:
        assert (fitted.written["tokenize"], fitted.remarks) == (tokenize, ())


FLORES = {"name": "bleu", "tokenize": "flores200"}


@pytest.fixture
def flores_file(monkeypatch, tmp_path):
    for module in ("sacrebleu.utils", "sacrebleu.tokenizers.tokenizer_spm"):
        monkeypatch.setattr(f"{module}.SACREBLEU_DIR", str(tmp_path))
    file = tmp_path / "models" / "flores200sacrebleuspm"
    file.parent.mkdir()
    return file


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_flores200_without_its_model_is_refused_with_the_command_that_fetches_it(flores_file, content):
    if content is not None:
        flores_file.write_bytes(content)
    command = re.escape(f"curl -L --create-dirs -o {flores_file} https://")
    with pytest.raises(ConfigError, match=rf"^task\.metric: tokenize=flores200 needs its .*; fetch it by: {command}"):
        fit_metric(FLORES, lines(WORDS))


def test_a_damaged_model_of_flores200_is_refused(flores_file):
    flores_file.write_bytes(b"<html>not found</html>")
    with pytest.raises(ConfigError, match=r"flores200 cannot be used \(.*\); fetch it again by: curl -L "):
        fit_metric(FLORES, lines(WORDS))


def test_flores200_needs_sentencepiece(flores_file, monkeypatch):
    monkeypatch.setattr("erpo_explore.metrics.bleu.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"needs sentencepiece, which is not installed; pip install sentencepiece"):
        fit_metric(FLORES, lines(WORDS))


def test_with_its_model_flores200_counts_pieces(flores_file):
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines(WORDS)), model_prefix=str(flores_file), vocab_size=16, minloglevel=2
    )
    flores_file.with_name(f"{flores_file.name}.model").rename(flores_file)
    scorer = load_scorer(fit_metric(FLORES, lines(WORDS)).written)
    assert "".join(scorer.tokens("the big cat")) == "▁the▁big▁cat"
    assert "tok:flores200" in scorer.corpus(["a"], ["a"]).signature


def test_thai_is_scored_by_character():
    assert option("bleu", lines(THAI, join=""), "tokenize") == "char"


def test_raw_text_is_scored_as_others_score_it():
    references = [line.replace(" .", ".") for line in lines(WORDS)]
    assert option("bleu", references, "tokenize") == "13a"
    signature = load_scorer(fit_metric("bleu", references).written).corpus(references, references).signature
    assert "tok:13a" in signature


def test_tokenised_text_is_scored_as_it_is():
    assert option("bleu", lines(WORDS), "tokenize") == "none"


def test_what_is_given_is_kept():
    assert option({"name": "bleu", "tokenize": "char"}, lines(WORDS), "tokenize") == "char"
    assert option({"name": "rouge", "tokenizer": "words"}, lines(CHINESE, join=""), "tokenizer") == "words"


RAW = [line.replace(" .", ".") for line in lines(WORDS)]


@pytest.mark.parametrize("written", [*METRICS, FUNCTION, {"sum": ["bleu", {"name": "ter", "weight": 0.5}]}], ids=str)
def test_a_fitted_metric_stays_the_same_for_another_text(written):
    for text, other in itertools.permutations((lines(WORDS), RAW, lines(CHINESE)), 2):
        fitted = fit_metric(written, text).written
        assert fit_metric(fitted, other).written == fitted


@pytest.mark.parametrize(("pieces", "mark"), [(PIECES, "@@"), (BARS, "▁")])
def test_marked_pieces_are_joined_and_said(pieces, mark):
    whole = lines(WORDS)
    if mark == "@@":
        cut = [" ".join(pieces.get(word, word) for word in line.split()) for line in whole]
    else:
        cut = [" ".join(pieces.get(word, f"▁{word}") for word in line.split()) for line in whole]
    fitted = fit_metric("bleu", cut)
    assert fitted.written["pieces"] == mark
    assert mark in fitted.remarks[0]
    hypotheses = [line.replace("dog", "cat") for line in whole]
    cut_hypotheses = [line.replace(pieces["dog"], pieces["cat"]) for line in cut]
    scored = load_scorer(fitted.written).corpus(cut_hypotheses, cut)
    assert scored.value == load_scorer("bleu").corpus(hypotheses, whole).value
    assert f"joined:{mark}" in scored.signature


def test_a_tokenizer_that_empties_the_references_is_refused():
    with pytest.raises(DataError, match=r"leaves nothing of 20 of 20 references, such as '.*words}"):
        fit_metric({"name": "rouge", "tokenizer": "rouge-score"}, [line.replace(".", "") for line in lines(CYRILLIC)])


def test_a_metric_that_gives_everything_the_same_is_refused():
    with pytest.raises(DataError, match="so it cannot rank models"):
        fit_metric(f"{scoring.__name__}:constant", lines(WORDS))


def test_two_metrics_of_one_name_need_a_label():
    bleus = [{"name": "bleu", "tokenize": "char"}, {"name": "bleu", "tokenize": "char", "label": "char bleu"}]
    with pytest.raises(DataError, match=r"two metrics have the name bleu; give one of them a label"):
        fit_metrics("bleu", bleus[:1], lines(WORDS))
    assert [each.name for each in fit_metrics("bleu", bleus[1:], lines(WORDS))] == ["bleu", "char bleu"]


def test_a_sum_is_fitted_part_by_part():
    fitted = fit_metric({"sum": [{"name": "bleu", "weight": 0.7}, "chrf"]}, lines(CHINESE, join=""))
    assert fitted.written["sum"][0]["tokenize"] == "zh"
    assert fitted.written["sum"][0]["weight"] == 0.7


def test_the_signature_tells_what_a_task_of_the_hub_did():
    config = HubConfig(dataset="x", source="a", target="b")
    written = fit_metric("bleu", lines(WORDS), text=HUB.preprocessing(config)).written
    assert load_scorer(written).corpus(["a"], ["a"]).signature.endswith("|text:lc.13a")
    assert HUB.preprocessing(config.model_copy(update={"lowercase": False, "tokenize": False})) == ""


def test_a_task_is_loaded_with_its_fitted_metrics(tmp_path):
    for split in ("train", "valid"):
        (tmp_path / f"{split}.de").write_text("der hund\n" * 20)
        (tmp_path / f"{split}.zh").write_text("这狗看见一个大猫。\n" * 20)
    task = load_task(FilesConfig(data=tmp_path, source="de", target="zh", metric="bleu", also=["chrf", "edit"]))
    assert task.metric == {"name": "bleu", "tokenize": "zh", "max_ngram_order": 4, "pieces": "none"}
    assert "bleu (zh), also chrf, edit" in task.describe()


def test_pronunciations_are_scored_by_phonemes_with_the_share_of_wrong_words_beside_it():
    task = load_task(PronunciationsConfig(train_limit=50))
    assert (task.score_name, task.reward_metric) == ("phoneme error rate", "edit")
    assert [load_scorer(metric).name for metric in task.also] == ["word error rate"]


def test_a_toy_task_is_scored_as_before():
    task = load_task(ToyConfig(train_pairs=50, validation_pairs=20, test_pairs=5))
    references = task.validation.references
    assert (
        load_scorer(task.metric).corpus(references, references).signature.startswith("BLEU|nrefs:1|case:mixed|eff:no|")
    )
    assert task.score_name == "bleu"


def test_text_without_lines_has_no_script():
    assert text_kind([]).script == ""


def fails(hypotheses: list[str], references: list[str]) -> list[float]:
    """A function that cannot score an empty hypothesis."""
    return [1 / len(hypothesis) for hypothesis in hypotheses]


def test_a_function_that_fails_is_named_with_its_line():
    message = rf"fails: fails on the references \(ZeroDivisionError: division by zero, .*{Path(__file__).name}:\d+\)"
    with pytest.raises(ConfigError, match=message):
        fit_metric(f"{__name__}:fails", ["a b", "c"])

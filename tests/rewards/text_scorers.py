"""Scorers whose tokens are not those of a target, and targets in pieces of words."""

from dataclasses import replace

from sacrebleu.metrics import BLEU
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from erpo_explore.metrics import Scorer, load_scorer
from erpo_explore.symbols import Symbols

SYMBOLS = Symbols()
PIECES = ("▁a", "b", ".", "▁B,")
"""Pieces of words with the ids 4 to 7, which are joined to text such as `ab. B,b`."""


def decode(ids):
    """Text of pieces up to EOS."""
    pieces = []
    for token in ids:
        if token == SYMBOLS.eos:
            break
        if token == SYMBOLS.unk:
            pieces.append("▁<unk>")
        elif token >= 4:
            pieces.append(PIECES[token - 4])
    return "".join(pieces).replace("▁", " ").strip()


def bleu_of(tokenize: str, orders: int) -> Scorer:
    """Sentence BLEU by sacrebleu."""
    settings = {"smooth_method": "add-k", "smooth_value": 1, "effective_order": True, "force": True}
    bleu = BLEU(tokenize=tokenize, max_ngram_order=orders, **settings)

    def sentences(hypotheses, references):
        pairs = zip(hypotheses, references, strict=True)
        return [bleu.sentence_score(hypothesis, [reference]).score for hypothesis, reference in pairs]

    def tokens(text):
        return Tokenizer13a()(text).split() if tokenize == "13a" else text.split()

    return replace(load_scorer("bleu"), sentences=sentences, tokens=tokens, max_ngram_order=orders)


SCORERS = {
    "bleu": bleu_of("none", 4),
    "bleu of two": bleu_of("none", 2),
    "bleu 13a": bleu_of("13a", 4),
    "bleu 13a of three": bleu_of("13a", 3),
    "rouge": load_scorer("rouge"),
    "edit": load_scorer("edit"),
}

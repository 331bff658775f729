"""Translation throughput of one pretrained model: `translate`, `transformers.generate` and CTranslate2 in float32.

    .venv/bin/python -m benchmarks.speed.translate [--sentences 200] [--rounds 3] [--threads 2]

The model is a Marian of random weights that is made here, so no network is needed. The bias of EOS is chosen so that
translations are about as long as sources. All read the same sentences from text to text, and `transformers` gets
batches of similar length, too. CTranslate2 takes part where it is installed, such as in a virtual environment of its
own. The LSTM and the Transformer of this package stand beside them, with the same width and vocabulary. Their random
weights would end a translation anywhere, so each is ended after as many tokens as its source has, as a trained model
would about do. The share of equal greedy translations is printed.

A figure is the CPU time of all threads, which other work on the machine distorts less than the time by the clock.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from benchmarks.speed.timing import Goal, interleaved, machine, table
from erpo_explore.inference.model import TrainedModel
from erpo_explore.seq2seq import LstmConfig, PretrainedConfig, TransformerConfig, build_model
from erpo_explore.seq2seq.lstm import LstmSeq2Seq
from erpo_explore.seq2seq.transformer import TransformerSeq2Seq
from erpo_explore.tasks import FilesConfig, PretrainedVocabulary, PretrainedVocabularyConfig, WordVocabulary
from erpo_explore.tasks.vocabulary_file import Vocabularies

Translator = Callable[[list[str], int], list[str]]
"""From lines and a beam width to translations."""

_MAX_TOKENS: Final = 60
_BATCH_TOKENS: Final = 2_048
_BEAMS: Final = (1, 5)
_CPU: Final = torch.device("cpu")


def save_marian(folder: Path, words: list[str], hidden: int, layers: int) -> None:
    """Write a Marian of random weights with a tokenizer of whole words."""
    tokens = ["</s>", "<unk>", *words, "<pad>"]
    ids = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(WordLevel(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", ids["</s>"])])
    marks = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks).save_pretrained(folder)
    sides = ("encoder", "decoder")
    sizes = {f"{side}_{name}": size for side in sides for name, size in (("layers", layers), ("ffn_dim", 4 * hidden))}
    config = transformers.MarianConfig(
        vocab_size=len(tokens),
        d_model=hidden,
        encoder_attention_heads=8,
        decoder_attention_heads=8,
        max_position_embeddings=128,
        pad_token_id=ids["<pad>"],
        eos_token_id=ids["</s>"],
        decoder_start_token_id=ids["<pad>"],
        forced_eos_token_id=None,
        init_std=0.06,
        **sizes,
    )
    torch.manual_seed(1)
    model = transformers.MarianMTModel(config)
    model.generation_config.max_length = None
    with torch.no_grad():
        model.model.shared.weight[ids["<pad>"]] = 0.0  # CTranslate2 begins with zeros
        model.final_logits_bias[0, [ids["<unk>"], ids["<pad>"]]] = -1e4
    model.save_pretrained(folder)


def sentences(words: list[str], number: int) -> list[str]:
    """Lines of 4 to 40 words, with the lengths of short sentences."""
    generator = np.random.default_rng(1)
    lengths = np.clip(generator.gamma(4.0, 3.5, number), 4, 40).astype(int)
    return [" ".join(generator.choice(words, length)) for length in lengths]


def set_eos_bias(bias: torch.Tensor, eos: int, mean_length: Callable[[], float], wanted: float) -> float:
    """Choose the bias of EOS by bisection, so that greedy translations have about the wanted mean length."""
    low, high = -20.0, 60.0
    for _ in range(10):
        middle = (low + high) / 2
        bias[eos] = middle
        low, high = (middle, high) if mean_length() > wanted else (low, middle)
    return float(bias[eos])


def end_with_the_source(model: LstmSeq2Seq | TransformerSeq2Seq, eos: int) -> None:
    """Let each translation end after as many tokens as its source has."""
    step = model.step

    def ending(memory: Any, state: Any, token_B: torch.Tensor) -> tuple[torch.Tensor, Any]:
        logits_BV, after = step(memory, state, token_B)
        num_read = after.step if isinstance(model, LstmSeq2Seq) else after.keys_BNTD[0].shape[2]
        logits_BV[:, eos] = torch.where(memory.keep_BS.sum(1) <= num_read, 1e4, -1e4)
        return logits_BV, after

    model.step = ending  # type: ignore[method-assign]


def trained(config: Any, vocabularies: Vocabularies, task: FilesConfig) -> TrainedModel:
    """A model of random weights as `load_model` returns one."""
    sizes = len(vocabularies.source), len(vocabularies.target)
    generator = torch.Generator().manual_seed(3)
    network = build_model(config, *sizes, pad=vocabularies.target.symbols.pad, generator=generator).eval()
    return TrainedModel(seq2seq=network, vocabularies=vocabularies, task=task, config=config, facts={})


def of_ours(model: TrainedModel) -> Translator:
    """Translate as the command does."""

    def translate(lines: list[str], beam: int) -> list[str]:
        return model.translate(lines, beam_width=beam, max_tokens=_MAX_TOKENS, batch_tokens=_BATCH_TOKENS * beam)

    return translate


def of_transformers(folder: Path) -> Translator:
    """`generate` on batches of similar length, as many tokens per batch as ours."""
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

    def translate(lines: list[str], beam: int) -> list[str]:
        order = sorted(range(len(lines)), key=lambda index: -len(lines[index].split()))
        texts, start = [""] * len(lines), 0
        while start < len(order):
            size = max(1, _BATCH_TOKENS // (len(lines[order[start]].split()) + 1))
            some = order[start : start + size]
            inputs = tokenizer([lines[index] for index in some], return_tensors="pt", padding=True)
            inputs.pop("token_type_ids", None)
            found = model.generate(**inputs, num_beams=beam, do_sample=False, max_new_tokens=_MAX_TOKENS)
            for index, text in zip(some, tokenizer.batch_decode(found, skip_special_tokens=True), strict=True):
                texts[index] = " ".join(text.split())
            start += size
        return texts

    return translate


def of_ctranslate2(folder: Path, threads: int) -> Translator:
    """CTranslate2 in single precision; it sorts by length itself."""
    import ctranslate2

    converted = folder.parent / "ctranslate2"
    ctranslate2.converters.TransformersConverter(str(folder)).convert(str(converted))
    translator = ctranslate2.Translator(
        str(converted), device="cpu", compute_type="float32", intra_threads=threads, inter_threads=1
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

    def translate(lines: list[str], beam: int) -> list[str]:
        sources = [tokenizer.convert_ids_to_tokens(tokenizer(line)["input_ids"]) for line in lines]
        found = translator.translate_batch(
            sources,
            beam_size=beam,
            max_decoding_length=_MAX_TOKENS,
            max_batch_size=_BATCH_TOKENS,
            batch_type="tokens",
        )
        return [" ".join(each.hypotheses[0]) for each in found]

    return translate


def main() -> None:
    """Make the model, translate in turns, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--words", type=int, default=8000)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    words = [f"w{number}" for number in range(given.words)]
    lines = sentences(words, given.sentences)
    wanted = sum(len(line.split()) for line in lines) / len(lines)
    some = lines[:20]
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        path = Path(folder) / "marian"
        save_marian(path, words, given.hidden, given.layers)
        translators = _translators(path, words, given, some, wanted)
        print(machine(_CPU))
        print(f"{len(lines)} sentences of {wanted:.1f} words, {given.threads} threads, {given.layers} + {given.layers} "
              f"layers of width {given.hidden}, {given.words:,} words")  # fmt: skip
        outputs = {name: translator(lines, 1) for name, translator in translators.items()}
        for name, found in outputs.items():
            same = sum(a == b for a, b in zip(found, outputs["translate, Marian"], strict=True)) / len(lines)
            mean = sum(len(text.split()) for text in found) / len(lines)
            print(f"{name}: mean length {mean:.1f}, {same:.0%} as translate")
        for beam in _BEAMS:
            work = {
                name: lambda _, run=translator, width=beam: run(lines, width)
                for name, translator in translators.items()
            }
            figures = interleaved(work, given.rounds, clock=time.process_time)
            rates = {name: [len(lines) / seconds for seconds in values] for name, values in figures.items()}
            goals = {name: Goal(base="transformers") for name in rates if name != "transformers"}
            title = "greedy" if beam == 1 else f"beam {beam}"
            print(
                table(rates, goals, title=f"{title}, sentences per CPU second", unit="tokens/s").replace(
                    "| tokens/s |", "| median |"
                )
            )


def _translators(
    path: Path, words: list[str], given: argparse.Namespace, some: list[str], wanted: float
) -> dict[str, Translator]:
    vocabulary = PretrainedVocabularyConfig(name=str(path))
    task = FilesConfig(data=path, vocabulary=vocabulary)
    name = str(path)
    pretrained = Vocabularies(
        source=PretrainedVocabulary(name, None, "source"), target=PretrainedVocabulary(name, None, "target")
    )
    ours = trained(PretrainedConfig(name=name), pretrained, task)

    def mean_length(model: TrainedModel) -> float:
        found = of_ours(model)(some, 1)
        return sum(len(text.split()) for text in found) / len(found)

    network: Any = ours.seq2seq
    symbols = pretrained.target.symbols
    set_eos_bias(network.model.final_logits_bias[0], symbols.eos, lambda: mean_length(ours), wanted)
    network.model._keys_to_ignore_on_save = None
    network.model.save_pretrained(path)
    translators = {"transformers": of_transformers(path), "translate, Marian": of_ours(ours)}
    if find_spec("ctranslate2") is not None:
        translators["CTranslate2"] = of_ctranslate2(path, given.threads)
    learned = Vocabularies(source=WordVocabulary(words), target=WordVocabulary(words))
    for label, config in (
        ("translate, LSTM", LstmConfig(hidden_size=given.hidden)),
        ("translate, Transformer", TransformerConfig(hidden_size=given.hidden, layers=given.layers)),
    ):
        model = trained(config, learned, task)
        network = model.seq2seq
        end_with_the_source(network, learned.target.symbols.eos)
        translators[label] = of_ours(model)
    return translators


if __name__ == "__main__":
    main()

"""A trained model with its vocabulary: from lines of text to lines of text.

Legend: B batch, M hypotheses per source, T target length, V target vocabulary.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from erpo_explore.errors import ConfigError
from erpo_explore.inference.batches import source_batches
from erpo_explore.inference.hypothesis import Hypothesis
from erpo_explore.inference.sampling import draw, uniforms
from erpo_explore.named_function import load_object
from erpo_explore.seq2seq import Memory, ModelConfig, Seq2Seq
from erpo_explore.seq2seq.beam import best_hypotheses
from erpo_explore.seq2seq.decoding import greedy
from erpo_explore.symbols import Symbols
from erpo_explore.tasks import Sentences, TaskConfig
from erpo_explore.tasks.reader import TaskReader
from erpo_explore.tasks.vocabulary_file import Vocabularies

__all__ = ["BATCH_TOKENS", "BEAM_WIDTH", "TrainedModel"]

BEAM_WIDTH: Final = 5
"""Hypotheses per line, unless something else is asked for; that of a replay's test set."""

BATCH_TOKENS: Final = 4096
"""Source tokens per batch, with padding, times the hypotheses per line."""

_LENGTH_SLACK: Final = 10
"""Number of tokens by which a hypothesis may exceed the longest target of training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A trained model that translates, scores and samples.

    Attributes:
        seq2seq: The network, in evaluation mode on its device.
        vocabularies: Tokens of both sides.
        task: What it was trained on. Lines are prepared as its sources were.
        config: Kind and sizes of the network.
        facts: Where the weights come from: exploration, trial, step, path, scores, seed, versions.
    """

    seq2seq: Seq2Seq
    vocabularies: Vocabularies
    task: TaskConfig
    config: ModelConfig
    facts: Mapping[str, Any]

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.seq2seq.device

    @property
    def max_source_tokens(self) -> int:
        """Tokens at which a source is cut: those of training, and the positions of a pretrained model."""
        positions = self.seq2seq.num_positions
        return self.task.max_source_tokens if positions is None else min(self.task.max_source_tokens, positions - 1)

    @property
    def max_target_tokens(self) -> int:
        """Tokens at which a hypothesis is cut, EOS included."""
        longest = self.task.max_target_tokens + _LENGTH_SLACK
        positions = self.seq2seq.num_positions
        return longest if positions is None else min(longest, positions)

    def max_tokens_for(self, references: Sequence[str]) -> int:
        """Tokens at which an evaluation cuts hypotheses: ten more than the longest reference has."""
        longest = int(self.vocabularies.target.encode_lines(list(references)).lengths.max(initial=0))
        return self._max_tokens(longest + _LENGTH_SLACK)

    def prepare(self, line: str) -> str:
        """A raw line as the task writes its sources."""
        return self._reader.source_line(self.task, line)

    def prepare_target(self, line: str) -> str:
        """A raw reference as the task writes its targets."""
        return self._reader.reference_line(self.task, line)

    def encode(self, lines: Sequence[str], *, prepared: bool = False) -> Sentences:
        """Tokens of lines, cut to `max_source_tokens`; `prepared` as for `translate`."""
        return self._tokens(lines, prepared=prepared).cut(self.max_source_tokens)

    def cut_lines(self, lines: Sequence[str]) -> list[int]:
        """Indices of the raw lines that are too long for the model, so that only their beginning is translated."""
        indices: list[int] = (self._tokens(lines).lengths > self.max_source_tokens).nonzero()[0].tolist()
        return indices

    def _tokens(self, lines: Sequence[str], *, prepared: bool = False) -> Sentences:
        """Tokens of raw lines; of a line that is cut, at least one more than the model reads."""
        # a word has at least one token, so the words after these never count
        limit = self.max_source_tokens + 1
        words = [(line if prepared else self.prepare(line)).split(None, limit)[:limit] for line in lines]
        return self.vocabularies.source.encode_lines([" ".join(some) for some in words])

    def translate(
        self,
        lines: Sequence[str],
        *,
        beam_width: int = BEAM_WIDTH,
        length_penalty: float = 1.0,
        max_tokens: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
        prepared: bool = False,
    ) -> list[str]:
        """The best translation of each line.

        Args:
            lines: Raw lines. A blank line gives an empty translation.
            beam_width: Hypotheses per line; 1 decodes greedily.
            length_penalty: Exponent of the length penalty; 0 compares sums of log p.
            max_tokens: Tokens at which a hypothesis is cut. Default: ten more than the longest target of training.
            batch_tokens: Source tokens per batch, with padding, times `beam_width`. It changes no translation.
            prepared: Whether lines are written as the task's sources. Translations are then written as its targets.

        Raises:
            ConfigError: A setting is out of range.
        """
        if beam_width == 1:
            _check(batch_tokens=batch_tokens, max_tokens=self._max_tokens(max_tokens))
            return self._greedy(lines, self._max_tokens(max_tokens), batch_tokens, prepared=prepared)
        found = self.hypotheses(
            lines,
            beam_width=beam_width,
            length_penalty=length_penalty,
            max_tokens=max_tokens,
            batch_tokens=batch_tokens,
            prepared=prepared,
        )
        return [best[0].text if best else "" for best in found]

    @torch.inference_mode()
    def hypotheses(
        self,
        lines: Sequence[str],
        *,
        num_best: int = 1,
        beam_width: int = BEAM_WIDTH,
        length_penalty: float = 1.0,
        max_tokens: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
        prepared: bool = False,
    ) -> list[list[Hypothesis]]:
        """The best translations of each line with their scores, best first; none for a blank line.

        Args:
            lines: As for `translate`, and so are the others.
            num_best: Most translations per line.
            beam_width: Hypotheses per line; raised to `num_best` where it is lower.
            length_penalty: Exponent of the length penalty.
            max_tokens: Tokens at which a hypothesis is cut.
            batch_tokens: Source tokens per batch.
            prepared: Whether lines are written as the task's sources.

        Raises:
            ConfigError: A setting is out of range.
        """
        width, longest = max(beam_width, num_best), self._max_tokens(max_tokens)
        _check(beam_width=beam_width, num_best=num_best, batch_tokens=batch_tokens, max_tokens=longest)
        found: list[list[Hypothesis]] = [[] for _ in lines]
        for indices, memory in self._encoded(lines, max(1, batch_tokens // width), prepared=prepared):
            beams = best_hypotheses(
                self.seq2seq,
                memory,
                self._symbols,
                longest,
                num_best=num_best,
                width=width,
                length_penalty=length_penalty,
            )
            rows = zip(
                indices, beams.tokens_BMT.tolist(), beams.score_BM.tolist(), beams.log_p_BM.tolist(), strict=True
            )
            for index, tokens_MT, score_M, log_p_M in rows:
                found[index] = [
                    Hypothesis(
                        text=self._text(tokens, prepared=prepared),
                        score=score,
                        log_p=log_p,
                        num_tokens=self._length(tokens),
                    )
                    for tokens, score, log_p in zip(tokens_MT, score_M, log_p_M, strict=True)
                    if score > -math.inf
                ]
        return found

    @torch.inference_mode()
    def sample(
        self,
        lines: Sequence[str],
        *,
        num_samples: int = 1,
        seed: int = 0,
        temperature: float = 1.0,
        max_tokens: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
        first_line: int = 0,
    ) -> list[list[Hypothesis]]:
        """Translations that are drawn from the model, in the order of the draws; none for a blank line.

        A draw depends on the seed, the number of the line and the number of the draw.

        Args:
            lines: Raw lines.
            num_samples: Draws per line.
            seed: Random seed.
            temperature: Divides the logits; below 1 likely tokens get likelier.
            max_tokens: As for `translate`.
            batch_tokens: As for `translate`.
            first_line: Number of the first line, where the lines are a part of a longer text.

        Raises:
            ConfigError: A setting is out of range.
        """
        longest = self._max_tokens(max_tokens)
        _check(num_samples=num_samples, batch_tokens=batch_tokens, max_tokens=longest)
        if not (temperature > 0.0 and math.isfinite(temperature)):
            raise ConfigError(f"temperature must be above 0, got {temperature}; for the likeliest target use translate")
        if seed < 0:
            raise ConfigError(f"seed must be >= 0, got {seed}; give a whole number from 0")
        found: list[list[Hypothesis]] = [[] for _ in lines]
        for indices, memory in self._encoded(lines, batch_tokens):
            for number in range(num_samples):
                uniform_BT = uniforms(seed, [(first_line + index, number) for index in indices], longest)
                tokens_BT, log_p_B = draw(self.seq2seq, memory, self._symbols, uniform_BT, temperature=temperature)
                for index, tokens, log_p in zip(indices, tokens_BT.tolist(), log_p_B.tolist(), strict=True):
                    found[index].append(
                        Hypothesis(text=self._text(tokens), score=log_p, log_p=log_p, num_tokens=self._length(tokens))
                    )
        return found

    @torch.inference_mode()
    def score(self, sources: Sequence[str], targets: Sequence[str], *, batch_tokens: int = BATCH_TOKENS) -> list[float]:
        """Log p_θ of each target given its source, in nats, EOS included.

        A word that the vocabulary lacks counts as the unknown token.

        Args:
            sources: Raw lines.
            targets: One target per source, written as the task writes its targets.
            batch_tokens: As for `translate`.

        Raises:
            ConfigError: There are not as many targets as sources, or a target is longer than the model takes.
        """
        if len(sources) != len(targets):
            raise ConfigError(
                f"score needs one target per source, got {len(sources)} sources and {len(targets)} targets"
            )
        _check(batch_tokens=batch_tokens)
        symbols = self._symbols
        targets_ids = self.vocabularies.target.encode_lines(list(targets))
        positions, longest = self.seq2seq.num_positions, 1 + int(targets_ids.lengths.max(initial=0))
        if positions is not None and longest > positions:
            raise ConfigError(
                f"targets[{int(targets_ids.lengths.argmax())}] has {longest} tokens with EOS, but the model has "
                f"{positions} positions; shorten it"
            )
        scores = [0.0] * len(sources)
        for indices, memory in self._encoded(sources, batch_tokens, blanks=True):
            target_BT, length_B = targets_ids.padded(np.array(indices), eos=symbols.eos, pad=symbols.pad)
            log_p_B = _log_p(self.seq2seq, memory, symbols, torch.from_numpy(target_BT), torch.from_numpy(length_B))
            for index, log_p in zip(indices, log_p_B.tolist(), strict=True):
                scores[index] = log_p
        return scores

    @torch.inference_mode()
    def _greedy(self, lines: Sequence[str], longest: int, batch_tokens: int, *, prepared: bool) -> list[str]:
        texts = [""] * len(lines)
        for indices, memory in self._encoded(lines, batch_tokens, prepared=prepared):
            tokens_BT = greedy(self.seq2seq, memory, self._symbols, longest)
            for index, tokens in zip(indices, tokens_BT.tolist(), strict=True):
                texts[index] = self._text(tokens, prepared=prepared)
        return texts

    @torch.no_grad()
    def _encoded(
        self, lines: Sequence[str], batch_tokens: int, *, blanks: bool = False, prepared: bool = False
    ) -> Iterator[tuple[list[int], Memory]]:
        """Encoded batches of the lines, without blank ones, and the indices of their lines."""
        if isinstance(lines, str):
            raise ConfigError(f"lines must be a list of lines, got the string {lines[:40]!r}; put it into a list")
        kept = [index for index, line in enumerate(lines) if blanks or line.strip()]
        sentences = self.encode([lines[index] for index in kept], prepared=prepared)
        for batch in source_batches(sentences, self._symbols, batch_tokens, device=self.device):
            memory = self.seq2seq.encode(batch.source_BS, batch.keep_BS)
            yield [kept[index] for index in batch.index_B], memory

    def _text(self, tokens: Sequence[int], *, prepared: bool = False) -> str:
        text = self.vocabularies.target.decode(tokens)
        return text if prepared else self._reader.target_line(self.task, text)

    def _length(self, tokens: Sequence[int]) -> int:
        """Number of tokens up to EOS, or to the padding of a cut hypothesis."""
        return 1 + tokens.index(self._symbols.eos) if self._symbols.eos in tokens else len(tokens)

    def _max_tokens(self, given: int | None) -> int:
        longest = self.max_target_tokens
        if given is None:
            return longest
        positions = self.seq2seq.num_positions
        return given if positions is None else min(given, positions)

    @property
    def _symbols(self) -> Symbols:
        return self.vocabularies.target.symbols

    @property
    def _reader(self) -> TaskReader:
        reader: TaskReader = load_object("task.name", self.task.reader)
        return reader


def _log_p(
    model: Seq2Seq, memory: Memory, symbols: Symbols, target_BT: Int[Tensor, "B T"], length_B: Int[Tensor, " B"]
) -> Float[Tensor, " B"]:
    """Log p_θ of padded targets with EOS."""
    target_BT, length_B = target_BT.to(model.device), length_B.to(model.device)
    inputs_BT = torch.nn.functional.pad(target_BT[:, :-1], (1, 0), value=symbols.bos)
    log_p_BTV = model.decode(memory, inputs_BT).log_softmax(-1)
    log_p_BT = log_p_BTV.gather(2, target_BT[..., None])[..., 0]
    keep_BT = torch.arange(target_BT.shape[1], device=model.device) < length_B[:, None]
    return log_p_BT.masked_fill(~keep_BT, 0.0).sum(1)


def _check(**settings: int) -> None:
    """Raise unless all settings are at least 1."""
    for name, value in settings.items():
        if value < 1:
            raise ConfigError(f"{name} must be >= 1, got {value}; leave it out for the default")

"""What the commands print: lines, tables, and the summary of a run."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console
from rich.table import Table

from erpo_explore.interruption import exit_code
from erpo_explore.terminal_text import shown

if TYPE_CHECKING:
    from erpo_explore.analysis.verdict import Verdict
    from erpo_explore.api.replay import Replay
    from erpo_explore.api.run import Run, Summary

__all__ = ["finish", "finish_replay", "fitting_columns", "print_table", "program", "quoted", "say"]

_console = Console()

_DISPENSABLE: Final = ("tokens/s", "time", "steps", "p sentences", "p seeds")
"""Headers of columns that a narrow terminal does without, in this order."""

_EXAMPLES: Final = ("pronunciations", "toy", "docstrings")
"""Tasks that come with the package; after them a user's own text is next."""


def say(line: str) -> None:
    """Print one line as it is."""
    _console.print(line, soft_wrap=True, highlight=False, markup=False)


def program() -> str:
    """The command that the user typed, so that the next command can be copied."""
    called = FilePath(sys.argv[0])
    if called.name != "explore.py":
        return "erpo-explore"
    python = FilePath(sys.executable)
    here = python.relative_to(FilePath.cwd()) if python.is_relative_to(FilePath.cwd()) else python
    return shlex.join([str(here), str(called)])


def quoted(argument: object) -> str:
    """An argument of a command as the shell reads it, such as a folder whose name has spaces."""
    return shlex.quote(str(argument))


def finish(run: "Run") -> None:
    """Print the summary of a run, write its files, print the next command, and set the exit code."""
    with _resumable(run):
        summary = _summary(run)
        for sentence in summary.sentences:
            say(sentence)
        say("")
        print_table(summary.table[0], summary.table[1:])
        say("")
        for line in summary.lines:
            say(line)
        _write(run)
    if run.timed_out:
        again = f"{program()} resume {quoted(run.folder)} --max-hours 1"
        say(f"the time is up; `{again}` continues what is unfinished")
    say(f"next: {_next(run, summary.verdict)}")
    _say_use(run)
    _exit_with_failures(run)


def finish_replay(replay: "Replay") -> None:
    """Print the comparison of a replay, the verdict first, write its files, and set the exit code."""
    with _resumable(replay.run):
        _summary(replay.run)
        verdict, *notes = replay.sentences
        say(verdict)
        rows = replay.report.rows
        say(replay.report.title)
        print_table(rows[0], rows[1:], width=80)
        for sentence in notes:
            say(sentence)
        _write(replay.run)
        page, table = replay.write()
    say(f"wrote {page} and {table}")
    _say_use(replay.run)
    _exit_with_failures(replay.run)


@contextmanager
def _resumable(run: "Run") -> Iterator[None]:
    """Name `resume` if the run was interrupted, or if the summary and the report are."""
    try:
        if run.status == "interrupted" and not (run.timed_out and _has_scores(run)):
            raise KeyboardInterrupt
        yield
    except KeyboardInterrupt:
        say(f"interrupted; `{program()} resume {quoted(run.folder)}` continues it")
        raise typer.Exit(exit_code()) from None


def _summary(run: "Run") -> "Summary":
    """The summary of a run, after a line for each trial that failed."""
    summary = run.summary()
    for line in summary.failures:
        say(line)
    return summary


def _write(run: "Run") -> None:
    path_file, page = run.write_best_path(), run.write_report()
    say(f"wrote {run.folder}/observations (Parquet), {path_file}, {page}")


def _has_scores(run: "Run") -> bool:
    return bool(run.observations(columns=["score"])["score"].notna().any())


def _next(run: "Run", verdict: "Verdict") -> str:
    """The command that helps most after this verdict, with its purpose."""
    replay = f"{program()} replay {quoted(run.folder)} --seeds 5 --against mle"
    if verdict.search_leads:
        return f"{replay}   (is the found path better, or lucky?)"
    if verdict.searched is None or run.experiment.task.name in _EXAMPLES:
        return f"{program()} --data DIR   (the same for your own text)"
    return f"{replay} --anyway   (the found path on new seeds)"


def _say_use(run: "Run") -> None:
    say(f"use: {program()} translate {quoted(run.folder)} < FILE   (lines with the best model)")


def _exit_with_failures(run: "Run") -> None:
    if run.num_failed:
        again = f"{program()} resume {quoted(run.folder)}"
        say(f"{run.num_failed} failed; `{again}` retries them from their last checkpoints")
        raise typer.Exit(1)


def print_table(headers: tuple[str, ...], rows: tuple[tuple[str, ...], ...], *, width: int | None = None) -> None:
    """Print a table; with `width`, without the columns that a terminal of this width has no space for."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    columns = list(range(len(headers)))
    if width is not None:
        columns = fitting_columns((headers, *rows), _console.width if _console.is_terminal else width)
    for index in columns:
        table.add_column(shown(headers[index]), justify="right" if index else "left")
    for row in rows:
        table.add_row(*(shown(row[index]) for index in columns))
    _console.print(table, crop=width is None)


def fitting_columns(rows: Sequence[tuple[str, ...]], width: int) -> list[int]:
    """Columns of a table that fit side by side; those that the written files hold as well are left out first.

    Args:
        rows: The headers, and the rows.
        width: Characters of a line.
    """
    columns = list(range(len(rows[0])))
    for dispensable in _DISPENSABLE:
        widths = [max(len(shown(row[index])) for row in rows) for index in columns]
        if sum(widths) + 2 * (len(widths) - 1) <= width:
            break
        columns = [index for index in columns if rows[0][index] != dispensable]
    return columns

"""The entry point: registers the commands, and turns errors into one line and an exit code.

Exit codes: 0 done, 1 some trial failed, 2 usage or configuration error, 130 interrupted (143 by SIGTERM, 129 by
SIGHUP).
"""

import logging
import sys
import warnings
from pathlib import Path as FilePath

from rich.console import Console

from erpo_explore.cli.app import new_app
from erpo_explore.cli.compact import compact
from erpo_explore.cli.evaluate import evaluate
from erpo_explore.cli.export import export
from erpo_explore.cli.replay import replay
from erpo_explore.cli.report import report
from erpo_explore.cli.resume import resume
from erpo_explore.cli.run import run
from erpo_explore.cli.submit import submit
from erpo_explore.cli.translate import translate
from erpo_explore.cli.watch import watch
from erpo_explore.errors import ConfigError, ErpoExploreError
from erpo_explore.interruption import take_as_ctrl_c
from erpo_explore.terminal_text import spell_what_cannot_be_shown

__all__ = ["app", "main"]

app = new_app()
for command in (run, resume, replay, report, translate, evaluate, export, watch, compact):
    app.command()(command)
app.command(context_settings={"ignore_unknown_options": True})(submit)


def main() -> None:
    """Entry point of the console script and of explore.py."""
    take_as_ctrl_c()
    spell_what_cannot_be_shown()
    # the package's progress goes to the terminal; other libraries print warnings only
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("erpo_explore").setLevel(logging.INFO)
    warnings.formatwarning = _warning_line
    # module:function names are looked up in the working folder, last, so that it hides no package
    try:
        sys.path.append(_working_folder())
        app()
    except ErpoExploreError as error:
        Console(stderr=True).print(f"error: {error}", style="red", soft_wrap=True, highlight=False, markup=False)
        sys.exit(2)


def _working_folder() -> str:
    """The working folder.

    Raises:
        ConfigError: It was deleted.
    """
    try:
        return str(FilePath.cwd())
    except FileNotFoundError:
        raise ConfigError("the working folder was deleted; change to one that exists, such as with `cd`") from None


def _warning_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A warning without its location in the code."""
    del category, filename, lineno, line
    return f"warning: {message}\n"

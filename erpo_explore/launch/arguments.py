"""Arguments of a command: parse them here, and format them again for the head, where local files have other paths.

Commands are those of typer, whose classes have no public names. Only the documented interface of click is used.
"""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["format_arguments", "parse_arguments"]


def parse_arguments(command: Any, name: str, args: Sequence[str]) -> dict[str, Any]:
    """Parse arguments as the command itself would, into values by parameter name.

    Raises:
        UsageError: The arguments are invalid; typer prints the error and exits with code 2.
    """
    return dict(command.make_context(name, list(args)).params)


def format_arguments(command: Any, values: Mapping[str, Any]) -> list[str]:
    """Format values as arguments of a command; None and unset flags are left out.

    Options come first, and `--` precedes the rest, so that a value that begins with a dash is not read as an option.
    """
    options: list[str] = []
    arguments: list[str] = []
    for parameter in command.params:
        value = values.get(parameter.name or "")
        if value is None or value is False:
            continue
        each = value if isinstance(value, list | tuple) else [value]
        is_option = parameter.param_type_name == "option"
        if is_option and parameter.is_flag:
            options.append(parameter.opts[0])
        elif is_option:
            options += [word for one in each for word in (parameter.opts[0], str(one))]
        else:
            arguments += [str(one) for one in each]
    return [*options, "--", *arguments]

"""A command line as it is typed here, and as it is to be run on the head, where local files lie elsewhere.

Commands are typer's, whose classes have no public name; what is used of them is click's documented interface.
"""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["parsed", "words"]


def parsed(command: Any, name: str, args: Sequence[str]) -> dict[str, Any]:
    """The values of a command's parameters, by name, read as the command itself would read them.

    Raises:
        UsageError: The command would refuse these arguments; typer prints it and exits with 2.
    """
    return dict(command.make_context(name, list(args)).params)


def words(command: Any, values: Mapping[str, Any]) -> list[str]:
    """Arguments that give a command these values; what is None or an unset flag is left out.

    Options come first and `--` before the rest, so that a value that begins with a dash stays a value.
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

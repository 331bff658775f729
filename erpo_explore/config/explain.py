"""One-line messages for values that do not fit the schema."""

import re
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from erpo_explore.errors import brief, did_you_mean

__all__ = ["explain"]

_EXPONENT: Final = re.compile(r"\d+(\.\d+)?[eE]\+?\d+")

_COMPARED: Final = {
    "greater_than_equal": (">=", "ge"),
    "greater_than": (">", "gt"),
    "less_than_equal": ("<=", "le"),
    "less_than": ("<", "lt"),
}
"""Kind of error → sign, and the name of the bound in its context."""

_REQUIRED: Final = {
    "int": "must be a whole number",
    "float": "must be a number",
    "finite": "must be a finite number",
    "bool": "must be true or false",
    "string_type": "must be text",
    "string_pattern": "must have letters, digits, dots, - and _ alone, and begin with a letter or a digit",
    "string_too_short": "must not be empty",
    "model": "must be a mapping of fields",
    "dict": "must be a mapping",
    "tuple": "must be a list",
    "list": "must be a list",
    "path": "must be the name of a file or folder",
}
"""Beginning of a kind of error → requirement."""


def explain(error: ValidationError, schema: type[BaseModel]) -> str:
    """The first mistake in one line: field, requirement and value.

    Args:
        error: What pydantic found.
        schema: The section that was read, whose fields are proposed for unknown ones.
    """
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in _without_kinds(first["loc"]))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    match first["type"]:
        case "extra_forbidden":
            proposal = did_you_mean(first["loc"][-1], _field_names(schema))
            return f"{field}: is unknown{proposal or '; docs/reference/yaml.md lists the fields'}{more}"
        case "missing":
            return f"{field}: is missing{more}"
        case "union_tag_invalid":
            context = first["ctx"]
            tag, known = context["discriminator"].strip("'"), context["expected_tags"]
            proposal = did_you_mean(context["tag"], known.replace("'", "").split(", "))
            return f"{field}.{tag}: must be one of {known}, got {context['tag']!r}{proposal}{more}"
        case "union_tag_not_found":
            return f"{field}.name: is missing; name a task: files, hub, pronunciations, docstrings or toy{more}"
        case "no_init_from":
            return f"{field}: {first['msg']}, got {brief(first['input'])}{more}"
        case "value_error":  # our own message, which holds the value
            message = first["msg"].removeprefix("Value error, ")
            return f"{field}: {message}{more}" if field else f"{message}{more}"
        case _:
            return f"{field}: {_requirement(first)}, got {brief(first['input'])}{_remedy(first)}{more}"


def _requirement(mistake: Any) -> str:
    kind = mistake["type"]
    if kind in _COMPARED:
        sign, bound = _COMPARED[kind]
        return f"must be {sign} {mistake['ctx'][bound]:g}"
    for beginning, requirement in _REQUIRED.items():
        if kind.startswith(beginning):
            return requirement
    message = mistake["msg"].removeprefix("Input should ")
    return f"must {message[:1].lower()}{message[1:]}"


def _remedy(mistake: Any) -> str:
    value = mistake["input"]
    if mistake["type"] == "string_type" and isinstance(value, bool | int | float):
        return "; put it in quotes"
    if mistake["type"] == "int_parsing" and isinstance(value, str) and _EXPONENT.fullmatch(value):
        return f"; YAML reads {value} as text, write all digits"
    if value is None:
        return "; fill it in, or leave the field out"
    return ""


def _field_names(section: type[BaseModel]) -> Iterator[str]:
    """Names of the fields of a section, and of the sections in it."""
    for name, field in section.model_fields.items():
        yield name
        for inner in _sections(field.annotation):
            yield from _field_names(inner)


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """Sections that a field can hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _sections(part)


def _without_kinds(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """A field's location without the kind of a task, model, `init_from` or vocabulary, which pydantic adds."""
    if loc[:1] in (("task",), ("model",), ("init_from",)):
        loc = (loc[0], *loc[2:])
    kind = 1 + loc.index("vocabulary") if "vocabulary" in loc else len(loc)
    return loc[:kind] + loc[kind + 1 :]

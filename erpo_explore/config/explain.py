"""One-line messages for values that do not fit the schema."""

from typing import Any

from pydantic import ValidationError

__all__ = ["explain"]


def explain(error: ValidationError) -> str:
    """The first mistake in one line: field, requirement and value."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in _without_kinds(first["loc"]))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    match first["type"]:
        case "extra_forbidden":
            return f"{field}: is unknown; compare with the files in search_spaces/{more}"
        case "missing":
            return f"{field}: is missing{more}"
        case "union_tag_invalid":
            context = first["ctx"]
            tag = context["discriminator"].strip("'")
            return f"{field}.{tag}: must be one of {context['expected_tags']}, got {context['tag']!r}{more}"
        case "union_tag_not_found":
            return f"{field}.name: is missing; name a task: toy, docstrings, files or hub{more}"
        case "no_init_from":
            return f"{field}: {first['msg']}, got {_short(first['input'])}{more}"
        case "value_error":  # our own message, which holds the value
            message = first["msg"].removeprefix("Value error, ")
            return f"{field}: {message}{more}" if field else f"{message}{more}"
        case _:
            return f"{field}: {first['msg'][:1].lower()}{first['msg'][1:]}, got {_short(first['input'])}{more}"


def _without_kinds(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """A field's location without the kind of a model, of `init_from` or of a vocabulary, which pydantic adds."""
    if loc[:1] in (("model",), ("init_from",)):
        return (loc[0], *loc[2:])
    kind = 1 + loc.index("vocabulary") if "vocabulary" in loc else len(loc)
    return loc[:kind] + loc[kind + 1 :]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."

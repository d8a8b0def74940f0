"""What pydantic says about a document → problems with a line, a field, and what to do."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from policy_schema.document.problems import Path, Places, Problem
from policy_schema.document.scalars import Wrong

MAX_PROBLEMS = 25


def problems_of(error: ValidationError, places: Places, model: type[BaseModel]) -> list[Problem]:
    """Every complaint of a failed validation of `model`, in the order of the document, at most 25."""
    details = error.errors(include_url=False, include_input=False)
    found = [_problem(detail, places, model) for detail in details if not _follows(detail, details)]
    return sorted(dict.fromkeys(found), key=lambda problem: (places.rank(problem.file), problem.line))[:MAX_PROBLEMS]


def _follows(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """Is this "too short" only because entries of the list are wrong themselves?"""
    place = detail["loc"]
    inside = [other for other in details if other is not detail and other["loc"][: len(place)] == place]
    return detail["type"] == "too_short" and bool(inside)


def _problem(detail: ErrorDetails, places: Places, model: type[BaseModel]) -> Problem:
    path: Path = tuple(part for part in detail["loc"] if part != "[key]")
    context = detail.get("ctx", {})
    wrong = context.get("error")
    if isinstance(wrong, Wrong):
        return places.problem(path, wrong.message, wrong.mend)
    if detail["type"] == "extra_forbidden":
        return places.problem(path, "is not known here", nearest_field(path, model))
    if detail["type"] == "missing":
        return places.problem(path, "is required", f"add `{path[-1]}:`")
    message, mend = _SAYINGS.get(detail["type"], ("is wrong: {msg}", "see `interdict-policy schema`"))
    values = {"msg": detail["msg"], **{key: str(value) for key, value in context.items()}}
    return places.problem(path, message.format_map(_Lenient(values)), mend.format_map(_Lenient(values)))


class _Lenient(dict[str, str]):
    """Leaves out what pydantic did not tell."""

    def __missing__(self, key: str) -> str:
        return "?"


_SAYINGS = {
    "bool_parsing": ("is neither true nor false", "write true or false"),
    "bool_type": ("is neither true nor false", "write true or false"),
    "dict_type": ("is not a mapping", 'write keys and values, such as {{en: "..."}}'),
    "enum": ("is not one of the known words", "write {expected}"),
    "greater_than_equal": ("is below {ge}", "write {ge} or more"),
    "int_parsing": ("is not a whole number", "write a whole number"),
    "int_type": ("is not a whole number", "write a whole number"),
    "int_from_float": ("is not a whole number", "write a whole number"),
    "int_parsing_size": ("is too large", "write a smaller number"),
    "less_than_equal": ("is above {le}", "write {le} or less"),
    "model_type": ("is not a mapping", "write keys and values here"),
    "model_attributes_type": ("is not a mapping", "write keys and values here"),
    "too_long": ("has {actual_length} entries, and {max_length} are allowed", "shorten it"),
    "too_short": ("has no entry", "write at least {min_length}"),
    "tuple_type": ("is not a list", "write a list: [...] or lines that begin with a dash"),
}


def nearest_field(path: Path, model: type[BaseModel]) -> str:
    """What to do about a key that a model does not know."""
    key = str(path[-1])
    if " " in key:
        return "put the text before it in double quotes: it was cut at a comma"
    fields = sorted(field_names(model, path[:-1]))
    near = difflib.get_close_matches(key, fields, n=1)
    if near:
        return f"did you mean `{near[0]}`?"
    return f"write one of {', '.join(fields)}" if fields else "remove it"


def field_names(model: type[BaseModel], path: Path) -> Iterable[str]:
    """The keys that are allowed at `path` of a document of this model."""
    current: object = model
    for part in path:
        current = _step(current, part)
    if not (isinstance(current, type) and issubclass(current, BaseModel)):
        return []
    return [field.alias or name for name, field in current.model_fields.items()]


def _step(current: object, part: str | int) -> object:
    if isinstance(current, type) and issubclass(current, BaseModel):
        for name, field in current.model_fields.items():
            if part in (field.alias, name):
                return _core(field.annotation)
        return None
    origin, inside = get_origin(current), get_args(current)
    if origin is tuple and inside:
        return _core(inside[0])
    if origin is dict:
        return _core(inside[1])
    return None


def _core(annotation: object) -> object:
    """The type inside `Annotated[...]` and `... | None`."""
    if get_origin(annotation) is Annotated:
        return _core(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return next(_without_none(annotation), None)
    return annotation


def _without_none(annotation: object) -> Iterator[object]:
    return (_core(option) for option in get_args(annotation) if option is not type(None))

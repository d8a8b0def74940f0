"""Every function in `console/store/queries`, found by itself, as SQL of both databases: about devices, or said why not.

A module names its statements over the whole fleet in `OVER_THE_FLEET`, a dictionary of function name and reason; those
that were there before stand in EARLIER. Arguments are made from the types of the parameters.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
import types
import typing
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import Enum
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import Select, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import CompileError
from sqlalchemy.sql import ColumnElement, Executable

from console.store import queries
from console.store.all_tables import FLEET_TABLES, metadata

DIALECTS: dict[str, Any] = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}
MODULES = sorted(module.name for module in pkgutil.iter_modules(queries.__path__))
EARLIER = {
    "api": "a page of the read API, by key",
    "fleet": "a total or a page of the list, by key",
    "health": "a total or a page of the list, by key",
    "past": "the report of a past moment, by key",
    "trends": "a total for a page",
}
"""Modules whose statements are totals and pages; one that is about devices all the same is not looked for there."""
MEANT = {
    ("brake", "reporting"): "the fleet's brake looks at the fleet",
    ("brake", "wrong_since"): "the fleet's brake looks at the fleet",
    ("decisions", "exception_devices"): "what exceptions cover, by their own index",
    ("decisions", "holding_devices"): "exceptions in force are signed as one document",
    ("decisions", "refusals"): "answers in force are signed as one document",
    ("ingest", "keys_from"): "keys of devices that follow one another, by key",
    ("person", "devices_of"): "an admin types a pseudonym, which is no key",
    ("upkeep", "bans"): "the totals of a day, once an hour",
    ("upkeep", "device_ids"): "the devices themselves, by key",
    ("upkeep", "moved"): "the totals of a day, once an hour",
    ("upkeep", "removed_before"): "once a day",
    ("upkeep", "states"): "the totals of a day, once an hour",
    ("upkeep", "states_by_group"): "the totals of a day, once an hour",
}


def functions() -> list[Callable[..., Any]]:
    """Whatever a module of queries offers and has written itself."""
    found = []
    for name in MODULES:
        module = import_module(f"console.store.queries.{name}")
        for public, function in inspect.getmembers(module, callable):
            if inspect.isclass(function) or public.startswith("_"):
                continue
            if function.__module__ == module.__name__:
                found.append(function)
    return found


def value_for(kind: Any, name: str) -> Any:
    """A value of a parameter's type."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return value_for(next(one for one in inside if one is not type(None)), name)
    if isinstance(kind, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
        return value_for(kind.__value__, name)
    if origin in (Collection, Sequence, list, set, frozenset, tuple) or kind in (list, tuple):
        return _many(origin, inside, name)
    if (origin or kind) is Select:
        return select(metadata.tables["device_group"].c.device_id)
    if origin is ColumnElement:
        return metadata.tables["device"].c.device_id
    if origin in (Mapping, dict) or kind in (dict, Mapping):
        return {}
    return _one(kind, name)


def _many(origin: Any, inside: tuple[Any, ...], name: str) -> Any:
    if origin is tuple and Ellipsis not in inside:
        return tuple(value_for(one, name) for one in inside)
    made = ["generated_at" if name == "columns" else value_for(inside[0], name)]
    return origin(made) if origin in (set, frozenset, tuple) else made


def _one(kind: Any, name: str) -> Any:
    if kind is str:
        return {"table": "finding"}.get(name, "x")
    if kind in (int, float, bool, bytes):
        return kind(1)
    if inspect.isclass(kind) and issubclass(kind, Enum):
        return next(iter(kind))
    if kind is ColumnElement:
        return metadata.tables["device"].c.device_id
    if inspect.isclass(kind) and issubclass(kind, tuple):
        hints = typing.get_type_hints(kind)
        return kind(*(value_for(hints[field], field) for field in kind._fields))
    return None


def built(function: Callable[..., Any], dialect: str, mapping: dict[str, str]) -> Any:
    """The statement with some arguments, or None where the function makes none (a part of one, a value)."""
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters
    values = {name: value_for(hints[name], name) for name in parameters}
    given = {"dialect": dialect}
    values = {name: given.get(name, mapping if isinstance(value, dict) else value) for name, value in values.items()}
    by_place = [values[n] for n, p in parameters.items() if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    by_name = {n: values[n] for n, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}
    made = function(*by_place, **by_name)
    return made if isinstance(made, Executable) and hasattr(made, "compile") else None


def sql(function: Callable[..., Any], dialect: str) -> str:
    """The statement as text; empty where the function makes none. Small tables have no `device_id` to be written."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for values in ({"device_id": "d"}, {}):
            statement = built(function, dialect, values)
            try:
                return (
                    "" if statement is None else re.sub(r"\s+", " ", str(statement.compile(dialect=DIALECTS[dialect])))
                )
            except CompileError:
                continue
    raise AssertionError(f"{function.__name__} cannot be written in {dialect}")


def why_over_the_fleet(function: Callable[..., Any]) -> str:
    name = function.__module__.rsplit(".", 1)[1]
    said: dict[str, str] = getattr(import_module(function.__module__), "OVER_THE_FLEET", {})
    return said.get(function.__name__, "") or MEANT.get((name, function.__name__), "") or EARLIER.get(name, "")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("function", functions(), ids=lambda one: f"{one.__module__.rsplit('.', 1)[1]}.{one.__name__}")
def test_a_query_is_about_devices_or_says_why_not(function: Callable[..., Any], dialect: str) -> None:
    text = sql(function, dialect)
    touched = [table for table in FLEET_TABLES if re.search(rf'\b(FROM|INTO|UPDATE|JOIN) "?{table}"?\b', text)]
    if not touched or why_over_the_fleet(function):
        return
    if text.startswith("INSERT"):
        assert re.search(r"\((\w+, )*device_id\b", text), text
    else:
        assert re.search(rf"WHERE .*\b({'|'.join(touched)})\.device_id (=|IN) ", text), text


def test_what_is_said_to_be_over_the_fleet_is_a_query() -> None:
    names = {(one.__module__.rsplit(".", 1)[1], one.__name__) for one in functions()}
    assert {one for one in MEANT if one[0] in MODULES} <= names


def test_every_table_that_grows_with_the_fleet_begins_its_key_with_the_device() -> None:
    for name in FLEET_TABLES:
        assert next(iter(metadata.tables[name].primary_key.columns)).name == "device_id", name

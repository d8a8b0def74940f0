"""A policy's text → the model, or every problem with its line."""

from __future__ import annotations

from pathlib import Path  # noqa: TID251  # named in a signature only; source.py is what reads

from pydantic import ValidationError

from policy_schema.document.complaints import problems_of
from policy_schema.document.include import Reader, included_path, with_included
from policy_schema.document.policy import Policy
from policy_schema.document.problems import Problem
from policy_schema.document.source import MAX_BYTES, read_document
from policy_schema.document.yaml_tree import parse_yaml
from policy_schema.errors import BadDocument, BadFile


def load_policy(path: Path) -> Policy:
    """Reads and checks the form of a policy and of what it includes. What it means is checked by lint and close.

    Raises:
        BadFile: it cannot be read, or is too large to be a policy.
        BadDocument: it is no policy; `problems` tell where and why.
    """
    return parse_policy(decode(read_document(path), str(path)), str(path), beside(path))


def beside(path: Path) -> Reader:
    """Reads what the policy at `path` includes."""

    def read(name: str) -> str:
        return decode(read_document(path.parent / name), included_path(str(path), name))

    return read


def parse_policy(text: str, name: str, read: Reader | None = None) -> Policy:
    """The same for a text at hand. `name` stands for the file in problems, `read` gives what is included.

    Raises:
        BadDocument: it is no policy.
    """
    if len(text) > MAX_BYTES:
        problem = Problem(name, 0, "", f"has {len(text):,} characters, and {MAX_BYTES:,} are allowed", "split it")
        raise BadDocument([problem])
    document = with_included(parse_yaml(text, name), read or _nothing_beside)
    try:
        policy = Policy.model_validate(document.tree)
    except ValidationError as error:
        raise BadDocument(problems_of(error, document.places, Policy)) from error
    return policy.standing_at(document.places)


def _nothing_beside(name: str) -> str:
    raise BadFile(f"{name}: cannot be read from here", "save the policy as a file beside it")


def decode(data: bytes, name: str) -> str:
    """UTF-8, with or without a byte order mark.

    Raises:
        BadDocument: another encoding.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        problem = Problem(name, line, "", "is not UTF-8 text", "save it as UTF-8")
        raise BadDocument([problem]) from error

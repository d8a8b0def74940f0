"""What container engines write about their containers and where they keep them. Pure; any bytes in, a value or a
ValueError out.

Rules: the on-disk layout of containers/storage (podman, buildah), and of Docker's image store.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from agent.inventory.json_object import read_json, read_object, text_of
from agent.inventory.toml_subset import read_toml

MAX_CONTAINERS = 2_000
MAX_LOWER = 500
_ID = re.compile(r"[0-9a-f]{12,64}")
_LINK = re.compile(r"l/[A-Z0-9]{26}|[A-Z0-9]{26}")
_NAME_LENGTH = 100


class Made(NamedTuple):
    """A container: its id, the name people know, and the id of its own layer (empty where it stands elsewhere)."""

    id: str
    name: str
    layer: str
    driver: str = ""


def parse_containers(data: bytes) -> list[Made]:
    """`containers.json` of containers/storage: a list.

    Raises:
        ValueError: no JSON list.
    """
    rows = read_json(data)
    if not isinstance(rows, list):
        raise ValueError("not a list of containers")
    found: list[Made] = []
    for row in rows[:MAX_CONTAINERS]:
        fields = row if isinstance(row, dict) else {}
        container, layer, names = fields.get("id"), fields.get("layer"), fields.get("names")
        if is_id(container) and is_id(layer):
            name = names[0] if isinstance(names, list) and names else ""
            found.append(Made(str(container), text_of(name, _NAME_LENGTH) or str(container)[:12], str(layer)))
    return found


def parse_docker_container(data: bytes) -> Made:
    """`config.v2.json` of one container of Docker's. Nothing else of it (its environment holds secrets) is kept.

    Raises:
        ValueError: no JSON object, or without an id.
    """
    fields = read_object(data)
    container = fields.get("ID")
    if not is_id(container):
        raise ValueError("no usable id in it")
    name = text_of(fields.get("Name"), _NAME_LENGTH).lstrip("/") or str(container)[:12]
    return Made(str(container), name, "", text_of(fields.get("Driver"), 40))


def parse_layer_id(data: bytes) -> str:
    """The one line of Docker's `mount-id`.

    Raises:
        ValueError: it is no id.
    """
    text = data.decode("utf-8", "replace").strip()
    if not is_id(text):
        raise ValueError("no usable id in it")
    return text


def parse_lower(data: bytes) -> list[str]:
    """`lower`: the layers below, the upper first, as names in the folder `l`.

    Raises:
        ValueError: something else stands in it, or more than any driver allows.
    """
    parts = data.decode("utf-8", "replace").strip().split(":")
    if not all(_LINK.fullmatch(part) for part in parts):
        raise ValueError("not a list of layers")
    if len(parts) > MAX_LOWER:
        raise ValueError(f"more than {MAX_LOWER} layers")
    return [part.removeprefix("l/") for part in parts]


def parse_docker_settings(data: bytes) -> str:
    """The folder that `daemon.json` names for everything (`data-root`, once `graph`); empty if it names none.

    Raises:
        ValueError: no JSON object.
    """
    fields = read_object(data)
    return _folder(fields.get("data-root") or fields.get("graph"))


def parse_storage_settings(data: bytes) -> list[str]:
    """The folders that `storage.conf` names: `graphroot` and `rootless_storage_path`.

    Raises:
        ValueError: not TOML as it is read here.
    """
    storage = read_toml(data).get("storage")
    fields = storage if isinstance(storage, dict) else {}
    return [path for key in ("graphroot", "rootless_storage_path") if (path := _folder(fields.get(key)))]


def is_id(value: object) -> bool:
    """True for the hexadecimal names that engines give to containers and layers."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _folder(value: object) -> str:
    text = text_of(value, 1000)
    return text if text.startswith(("/", "$HOME/", "~/")) else ""

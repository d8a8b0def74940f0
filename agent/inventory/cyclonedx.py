"""An inventory as a CycloneDX 1.6 document, the software bill of materials that other tools read. Pure.

One component a thing (package, extension, app, program), however many copies of it there are: each copy is an
occurrence with its path. Settings and residue are no software and are left out. A look that was not complete says so
as the standard has it (`compositions`), and names each place that could not be looked at.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from agent.host.files import printable
from agent.inventory.interface import Look
from policy_schema.rules.instant import Instant, format_instant
from policy_schema.rules.observation import Face, Observation

SPEC = "1.6"
_TYPES: Mapping[Face, str] = {
    Face.PACKAGE: "library",
    Face.EXTENSION: "application",
    Face.APP: "application",
    Face.EXECUTABLE: "application",
}
"""What is a component, and what CycloneDX calls it. Its `library` is also what packages are called by other tools."""
_NAMESPACE = uuid.UUID("b0a0c9f2-6a0f-5d0e-9d0c-8f3c4c1d7a11")
"""Of serial numbers: the same look at the same second has the same number, and no other has."""


class _Key(NamedTuple):
    """What makes two things the same component."""

    type: str
    name: str
    version: str
    purl: str
    id: str
    """Extension or app key; empty for a package or program."""


def cyclonedx(found: Look, *, version: str, os: str, kind: str, now: Instant) -> dict[str, object]:
    """The document, ready for JSON. `version` is Interdict's own; `os` and `kind` are the device's."""
    copies: dict[_Key, list[Observation]] = {}
    for seen in _software(found):
        copies.setdefault(_key(seen), []).append(seen)
    components = [_component(key, rows) for key, rows in sorted(copies.items())]
    references = [str(component["bom-ref"]) for component in components]
    stamp = format_instant(now)
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, ' '.join([stamp, *references]))}",
        "version": 1,
        "metadata": {
            "timestamp": stamp,
            "tools": {"components": [{"type": "application", "name": "interdict", "version": version}]},
            "component": {"type": "device", "bom-ref": "device", "name": f"{os} {kind}"},
            "properties": list(_coverage(found)),
        },
        "components": components,
        "compositions": [
            {"aggregate": "complete" if found.complete else "incomplete", "assemblies": ["device", *references]}
        ],
    }


def _software(found: Look) -> Iterable[Observation]:
    return (seen for rows in found.observations.values() for seen in rows if seen.face in _TYPES)


def _key(seen: Observation) -> _Key:
    name = seen.name or seen.path.rpartition("/")[2]
    purl = printable(seen.purl)
    return _Key(
        _TYPES[seen.face], printable(name), printable(seen.version), purl, printable(seen.extension or seen.app)
    )


def _component(key: _Key, rows: list[Observation]) -> dict[str, object]:
    body: dict[str, object] = {
        "type": key.type,
        "bom-ref": str(uuid.uuid5(_NAMESPACE, "\0".join(key))),
        "name": key.name,
    }
    if key.version:
        body["version"] = key.version
    if key.purl:
        body["purl"] = key.purl
    hashes = sorted({seen.sha256 for seen in rows if seen.sha256})
    if len(hashes) == 1:
        body["hashes"] = [{"alg": "SHA-256", "content": hashes[0]}]
    places = sorted({printable(seen.path) for seen in rows})
    body["evidence"] = {"occurrences": [{"location": place} for place in places]}
    body["properties"] = list(_properties(key, rows))
    return body


def _properties(key: _Key, rows: list[Observation]) -> Iterable[dict[str, str]]:
    facts = {("source", seen.source) for seen in rows} | {("owner", printable(seen.owner)) for seen in rows}
    facts |= {("manager", seen.manager) for seen in rows} | {("id", key.id)}
    facts |= {("project", printable(seen.path)) for seen in rows if seen.project}
    yield from (_property(name, value) for name, value in sorted(facts) if value)


def _coverage(found: Look) -> Iterable[dict[str, str]]:
    for row in found.coverage:
        yield _property("looked", f"{row.source}: {row.items} in {len(row.roots)} places")
        for place in row.unknown:
            yield _property("could-not-look", f"{row.source}: {printable(place.where)}: {place.reason}")


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": f"interdict:{name}", "value": value}

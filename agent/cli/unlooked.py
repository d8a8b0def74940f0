"""Where a look could not look, as sentences; what every source says alike (somebody else's home) is said once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.host.oserrors import printable
from policy_schema.rules.observation import Coverage


def unlooked(coverage: Sequence[Coverage]) -> Iterator[str]:
    """A sentence for each place that could not be looked at."""
    common = set(coverage[0].unknown).intersection(*(row.unknown for row in coverage)) if len(coverage) > 1 else set()
    for place in dict.fromkeys(place for row in coverage[:1] for place in row.unknown if place in common):
        yield f"Could not look: every source: {printable(place.where)}: {place.reason}"
    for row in coverage:
        for place in row.unknown:
            if place not in common:
                yield f"Could not look: {row.source}: {printable(place.where)}: {place.reason}"

"""The conformance suite has its own settings and fixtures and is run by `make conformance`, never by `make test`."""

from __future__ import annotations

collect_ignore = ["suite", "patient.py"]

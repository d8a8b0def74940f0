"""The same policy for other engines: a closed policy in, files and what they cannot say out. Pure, like `rules`."""

from __future__ import annotations

from typing import Final

ENGINES: Final = {
    "applocker": "policy_schema.engines.applocker",
    "fapolicyd": "policy_schema.engines.fapolicyd",
    "macos-managed-binaries": "policy_schema.engines.macos_managed_binaries",
    "osquery": "policy_schema.engines.osquery",
    "santa": "policy_schema.engines.santa",
    "vendor-settings": "policy_schema.engines.vendor_settings",
}
"""Loaded by name when asked for."""

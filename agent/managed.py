"""Settings that a device management hands over: macOS' managed preferences, Windows' policy key. Pure.

The names are those of the settings file (`docs/settings.md`). Values come in the forms that each system's management
can write, and leave in those of the file, so that one function checks all three.
"""

from __future__ import annotations

import plistlib
from collections.abc import Mapping
from xml.parsers.expat import ExpatError

from agent.errors import BadSettings
from agent.settings import LISTS

PREFERENCES_DOMAIN = "com.interdict.agent"
"""The name of the preferences on macOS: a configuration profile fills it."""
POLICY_KEY = r"SOFTWARE\Policies\Interdict"
r"""Below `HKEY_LOCAL_MACHINE`: where Group Policy and Intune write. Only administrators can change what is below it."""
_SWITCHES = frozenset({"system"})
_NUMBERS = frozenset({"process_poll"})
_OF_THE_SYSTEM = frozenset({"PayloadUUID", "PayloadIdentifier", "PayloadType", "PayloadVersion", "PayloadDisplayName"})
"""What a configuration profile may leave among the values."""


def from_preferences(data: bytes, name: str) -> Mapping[str, object]:
    """The values of a managed preferences file, in XML or binary.

    Raises:
        BadSettings: it is no property list, or not a dictionary.
    """
    try:
        values = plistlib.loads(data)
    except (plistlib.InvalidFileException, ExpatError, ValueError, OverflowError, RecursionError) as error:
        raise BadSettings(f"{name}: not a property list: {error}", "Install the profile again.") from error
    if not isinstance(values, dict):
        raise BadSettings(f"{name}: not a dictionary", "Install the profile again.")
    return {str(key): _plain(value) for key, value in values.items() if key not in _OF_THE_SYSTEM}


def from_policy_key(values: Mapping[str, str | int | list[str]]) -> Mapping[str, object]:
    """The values of the policy key: texts, lists of texts (`REG_MULTI_SZ`, or with commas), numbers for switches."""
    return {key: _of_registry(key, value) for key, value in values.items()}


def _of_registry(key: str, value: str | int | list[str]) -> object:
    if key in _SWITCHES and value in (0, 1, "0", "1"):
        return value in (1, "1")
    if key in _NUMBERS and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    if key in LISTS and isinstance(value, str):
        # What an installer's property or a plain text can hold; a folder's name with a comma needs a real list.
        value = value.split(",")
    # An empty line is what an editor leaves at the end of a list.
    return [line.strip() for line in value if line.strip()] if isinstance(value, list) else value


def _plain(value: object) -> object:
    """Only what a settings file could hold; anything else stays as it is and is refused by its name."""
    return [_plain(item) for item in value] if isinstance(value, list) else value

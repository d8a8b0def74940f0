r"""The running Windows' registry: keys below one key, of the machine and of the people who are logged in.

A thin door: what the values mean is read elsewhere, on every system (`agent/inventory/windows_formats.py`). On other
systems there is nothing behind it. Both views of a 64-bit Windows are looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from agent.errors import TooBig
from agent.host.oserrors import translated

MAX_KEYS = 20_000
MAX_VALUES = 300
_PROFILES = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"


class RegistryKey(NamedTuple):
    """One key: its name, its texts and whole numbers (as text) by name."""

    name: str
    values: Mapping[str, str]


if sys.platform == "win32":
    import winreg

    def machine_keys(below: str, wide: bool) -> Iterator[RegistryKey]:
        r"""The keys in `HKEY_LOCAL_MACHINE\BELOW`, in the 64-bit or the 32-bit view.

        Raises:
            Gone: there is no such key.
            InterdictError: it may not be read, or there are more than MAX_KEYS.
        """
        yield from _keys(winreg.HKEY_LOCAL_MACHINE, below, wide)

    def user_keys(sid: str, below: str) -> Iterator[RegistryKey]:
        r"""The keys in `HKEY_USERS\SID\BELOW`. Raises as `machine_keys`."""
        yield from _keys(winreg.HKEY_USERS, rf"{sid}\{below}", True)

    def loaded_homes() -> Mapping[str, str]:
        r"""From the homes (`C:\Users\li`) of those whose registry is loaded to their ids. Raises InterdictError."""
        with translated("HKEY_USERS"):
            count = min(winreg.QueryInfoKey(winreg.HKEY_USERS)[0], MAX_KEYS)
            loaded = {winreg.EnumKey(winreg.HKEY_USERS, index).casefold() for index in range(count)}
        rows = [row for row in machine_keys(_PROFILES, True) if row.name.casefold() in loaded]
        return {path: row.name for row in rows if (path := row.values.get("ProfileImagePath", ""))}

    def _keys(hive: int, path: str, wide: bool) -> Iterator[RegistryKey]:
        access = winreg.KEY_READ | (winreg.KEY_WOW64_64KEY if wide else winreg.KEY_WOW64_32KEY)
        with translated(path), winreg.OpenKeyEx(hive, path, 0, access) as above:
            count = winreg.QueryInfoKey(above)[0]
            if count > MAX_KEYS:
                raise TooBig(f"{path}: more than {MAX_KEYS} keys")
            for index in range(count):
                name = winreg.EnumKey(above, index)
                with winreg.OpenKeyEx(above, name, 0, access) as key:
                    yield RegistryKey(name, dict(_values(key)))

    def _values(key: winreg.HKEYType) -> Iterator[tuple[str, str]]:
        for index in range(min(winreg.QueryInfoKey(key)[1], MAX_VALUES)):
            name, value, kind = winreg.EnumValue(key, index)
            if kind == winreg.REG_EXPAND_SZ and isinstance(value, str):
                yield name, winreg.ExpandEnvironmentStrings(value)
            elif isinstance(value, (str, int)):
                yield name, str(value)

else:

    def machine_keys(below: str, wide: bool) -> Iterator[RegistryKey]:
        """Nothing: this system has no registry."""
        return iter(())

    def user_keys(sid: str, below: str) -> Iterator[RegistryKey]:
        """Nothing: this system has no registry."""
        return iter(())

    def loaded_homes() -> Mapping[str, str]:
        """Nobody's: this system has no registry."""
        return {}

r"""The door to what a device management has set: a file of macOS, a key of Windows' registry. Nothing elsewhere.

What the values mean is read in `agent.managed`, on every system.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from agent.errors import BadSettings
from agent.host.own_files import own_uid
from agent.managed import POLICY_KEY, PREFERENCES_DOMAIN, from_policy_key, from_preferences

PREFERENCES = f"/Library/Managed Preferences/{PREFERENCES_DOMAIN}.plist"
MOST_VALUES = 100
_MAX_BYTES = 256 * 1024

if sys.platform == "win32":
    import winreg

    WHERE = "HKLM\\" + POLICY_KEY

    def managed_values() -> Mapping[str, object]:
        """What management has set; empty when it has set nothing.

        Raises:
            BadSettings: it may not be read.
        """
        try:
            with winreg.OpenKeyEx(winreg.HKEY_LOCAL_MACHINE, POLICY_KEY, 0, _ACCESS) as key:
                count = min(winreg.QueryInfoKey(key)[1], MOST_VALUES)
                rows = [winreg.EnumValue(key, index)[:2] for index in range(count)]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise BadSettings(f"{WHERE}: {error.strerror or error}", "Run it as an administrator.") from error
        return from_policy_key({name: value for name, value in rows if isinstance(value, (str, int, list))})

    def managed_mark() -> object:
        """Changes whenever a value does."""
        try:
            with winreg.OpenKeyEx(winreg.HKEY_LOCAL_MACHINE, POLICY_KEY, 0, _ACCESS) as key:
                return winreg.QueryInfoKey(key)[2]
        except OSError:
            return None

    _ACCESS = winreg.KEY_READ | winreg.KEY_WOW64_64KEY

elif sys.platform == "darwin":
    WHERE = PREFERENCES

    def managed_values() -> Mapping[str, object]:
        """What a configuration profile has set; empty when there is none.

        Raises:
            BadSettings: it may not be read, or is no property list.
        """
        return read_preferences(PREFERENCES)

    def managed_mark() -> object:
        """Changes whenever the profile does."""
        try:
            status = os.stat(PREFERENCES)
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

else:
    WHERE = ""

    def managed_values() -> Mapping[str, object]:
        """Nothing: on this system the settings file is the one place."""
        return {}

    def managed_mark() -> object:
        """Nothing that could change."""
        return None


def read_preferences(path: str) -> Mapping[str, object]:
    """The values of one managed preferences file; empty when it is not there.

    Raises:
        BadSettings: it may not be read, is not the system's own, or is no property list.
    """
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadSettings(f"{path}: {error.strerror or error}", "Install the profile again.") from error
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if status.st_mode & 0o022 or status.st_uid not in (0, own_uid()):
            raise BadSettings(
                f"{path}: not the system's own", "Only the system writes there; install the profile again."
            )
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise BadSettings(f"{path}: larger than {_MAX_BYTES // 1024} KB", "Settings are a few values.")
    return from_preferences(data, path)

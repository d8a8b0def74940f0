"""What of a person's own environment goes along to a package manager that they asked to be run, as themselves."""

from __future__ import annotations

import os
import sys

_NAMES = frozenset(
    """HOME USER LOGNAME LANG LC_ALL PATH TMPDIR SHELL HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy
    ALL_PROXY all_proxy SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME
    NVM_DIR CARGO_HOME RUSTUP_HOME""".split()
)
_BEGINNINGS = ("npm_config_", "NPM_CONFIG_", "HOMEBREW_", "UV_", "PIP_")
_WINDOWS = frozenset("SYSTEMROOT WINDIR COMSPEC PATHEXT TEMP TMP USERPROFILE APPDATA LOCALAPPDATA PROGRAMFILES".split())


def managers_environment() -> dict[str, str]:
    """The place of things, the proxy and the manager's own settings; nothing else that happens to be set."""
    names = _NAMES | _WINDOWS if sys.platform == "win32" else _NAMES
    return {key: value for key, value in os.environ.items() if key in names or key.startswith(_BEGINNINGS)}

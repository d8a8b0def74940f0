"""Which tests this machine runs: the tiers, what each needs, and what is said about those left out.

A tier is a marker, one of TIERS. `--tiers` chooses: names, `all`, `none`, or `auto`: the ones that this machine can
run, without `online` and `slow`, which are only run when asked for.
With CI=true `auto` means all but `slow`, and what is chosen and cannot run fails: nothing is left out silently there.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from glob import glob
from typing import NamedTuple


class Tier(NamedTuple):
    """One tier. `lacks` names what is missing on this machine for it (empty: it can run)."""

    name: str
    lacks: Callable[[], str]
    on_request: bool
    how: str


def _missing(*programs: str) -> str:
    return ", ".join(p for p in programs if shutil.which(p) is None)


def _no_root() -> str:
    if not sys.platform.startswith("linux"):
        return "Linux"
    return "" if os.geteuid() == 0 else "uid 0"


_ON_A_DESKTOP = (
    *("Xorg", "Xvfb", "dbus-daemon", "dunst", "dunstctl", "gdbus", "notify-send"),
    *("xdotool", "xfconf-query", "xrandr", "xterm", "zsh"),
)
_FILES_OF_A_DESKTOP = {
    "xfce4-notifyd": "/usr/lib/*/xfce4/notifyd/xfce4-notifyd",
    "dummy_drv.so": "/usr/lib/xorg/modules/drivers/dummy_drv.so",
    "a font with Chinese": "/usr/share/fonts/**/*CJK*",
}


def _no_desktop() -> str:
    files = [name for name, where in _FILES_OF_A_DESKTOP.items() if not glob(where, recursive=True)]
    return ", ".join([*files, *filter(None, [_missing(*_ON_A_DESKTOP)])])


def _no_postgres() -> str:
    return "" if shutil.which("initdb") or glob("/usr/lib/postgresql/*/bin/initdb") else "initdb"


TIERS: tuple[Tier, ...] = (
    Tier(
        "desktop",
        _no_desktop,
        False,
        "apt-get install dbus dunst fonts-noto-cjk libglib2.0-bin libnotify-bin x11-xserver-utils xdotool "
        "xfce4-notifyd xfconf xserver-xorg-core xserver-xorg-video-dummy xterm xvfb zsh",
    ),
    Tier(
        "engines",
        lambda: _missing("curl", "fapolicyd", "ip", "jq", "nginx", "rsync", "unshare", "xmllint"),
        False,
        "apt-get install curl fapolicyd iproute2 jq libxml2-utils nginx-light rsync util-linux",
    ),
    Tier(
        "managers",
        lambda: _missing(
            "buildah", "cargo", "dpkg", "gem", "go", "nix", "pacman", "podman", "rpm", "rpmbuild", "softhsm2-util"
        ),
        False,
        "apt-get install buildah cargo golang-go nix-bin pacman-package-manager podman rpm ruby softhsm2",
    ),
    Tier("node", lambda: _missing("node"), False, "apt-get install nodejs"),
    Tier("online", lambda: _missing("node", "npm"), True, "make test ARGS=--tiers=online"),
    Tier(
        "packages",
        lambda: _missing(
            "ansible-lint",
            "ansible-playbook",
            "createrepo_c",
            "debootstrap",
            "dpkg-deb",
            "gpg",
            "lintian",
            "msibuild",
            "msiextract",
            "osslsigncode",
            "patchelf",
            "plistutil",
            "readelf",
            "rpmbuild",
            "rpmlint",
            "ruby",
            "shellcheck",
            "strip",
            "wixl",
        ),
        False,
        "apt-get install ansible-core ansible-lint apt-utils binutils createrepo-c debootstrap gpg libplist-utils "
        "lintian msitools osslsigncode patchelf rpm rpmlint ruby shellcheck wixl",
    ),
    Tier("postgres", _no_postgres, False, "apt-get install postgresql"),
    Tier("root", _no_root, False, "sudo make test"),
    Tier("slow", lambda: "", True, "make soak"),
)
NAMES = tuple(tier.name for tier in TIERS)


def chosen(option: str, marker_expression: str, environment: Mapping[str, str]) -> frozenset[str]:
    """The tiers to run, from `--tiers`, `-m` (a tier named there was asked for) and CI.

    Raises:
        ValueError: `--tiers` names something that is no tier.
    """
    words = set(marker_expression.replace("(", " ").replace(")", " ").split())
    named = {tier.name for tier in TIERS if tier.name in words}
    if option == "all":
        return frozenset(NAMES)
    if option == "none":
        return frozenset(named)
    if option != "auto":
        asked = set(filter(None, option.split(",")))
        if unknown := asked - set(NAMES):
            raise ValueError(f"--tiers: {', '.join(sorted(unknown))}: no such tier; there are {', '.join(NAMES)}")
        return frozenset(asked | named)
    if in_ci(environment):
        return frozenset(named | set(NAMES) - {"slow"})
    return frozenset(named | {tier.name for tier in TIERS if not tier.on_request and not tier.lacks()})


def in_ci(environment: Mapping[str, str]) -> bool:
    """True where nothing may be left out silently."""
    return environment.get("CI", "").lower() in {"1", "true", "yes"}


def lacking(tiers: Iterable[str]) -> str:
    """What this machine lacks for these tiers, in words; empty when they can run."""
    found = [f"tier {tier.name} needs {lack}" for tier in TIERS if tier.name in tiers if (lack := tier.lacks())]
    return "; ".join(found)


def left_out_lines(counts: Mapping[str, int]) -> list[str]:
    """The sentences at the end of a run: each tier left out, how many tests, how to get them."""
    return [
        f"left out: {counts[tier.name]} of tier {tier.name} ({tier.how})" for tier in TIERS if counts.get(tier.name)
    ]

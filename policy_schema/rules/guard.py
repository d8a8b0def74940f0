"""What no policy can touch: programs without which a machine cannot be used, managed or mended.

Lint and agent compare what a tool is said to be with the lists (`touched`); the agent also runs every rule, content
included, over the programs that its machine really has when it adopts a policy, and refuses to act on what lies at a
protected place (`protected_place`). A signed policy is no reason to brick a workstation (the Santa issues that lost the
device management and the VPN are the model of what to prevent).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policy_schema.rules.protected import (
    APPLES_OWN,
    PROTECTED_APPS,
    PROTECTED_NAMES,
    PROTECTED_PACKAGES,
    PROTECTED_PROGRAMS,
    PROTECTED_SIGNERS,
    SHARED_FOLDERS,
    SYSTEM_PACKAGES,
    SYSTEM_TYPES,
)

__all__ = [
    "PROTECTED_NAMES",
    "PROTECTED_PACKAGES",
    "PROTECTED_PROGRAMS",
    "SHARED_FOLDERS",
    "protected_name",
    "protected_package",
    "protected_place",
    "touched",
]

_PLACES: frozenset[str] = frozenset(
    "/ /bin /boot /dev /etc /home /lib /lib32 /lib64 /libx32 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp "
    "/usr /usr/bin /usr/lib /usr/lib32 /usr/lib64 /usr/local /usr/local/bin /usr/local/lib /usr/local/sbin /usr/sbin "
    "/usr/share /var /var/cache /var/lib /var/tmp /Applications /Library /System /Users /Volumes /private".split()
)
_BELOW: tuple[str, ...] = ("/boot/", "/dev/", "/etc/", "/proc/", "/sys/", "/System/", "/usr/sbin/", "/sbin/", "/run/")


def protected_name(name: str) -> bool:
    """Is this an executable name that no policy may ban? `python3.12` is one as `python3` is; `*` is all of them."""
    folded = name.casefold()
    folded = folded[:-4] if folded.endswith(".exe") else folded
    return "*" in folded or folded in PROTECTED_NAMES or folded.rstrip("0123456789.-") in PROTECTED_NAMES


def protected_package(key: str) -> bool:
    """Is this package (`npm/npm`, `deb/bash`) one that no policy may ban?"""
    kind, _, name = key.partition("/")
    of_system = kind in SYSTEM_TYPES and (name in SYSTEM_PACKAGES or protected_name(name))
    return "*" in key or key in PROTECTED_PACKAGES or of_system


def touched(
    *,
    names: Iterable[str] = (),
    packages: Iterable[str] = (),
    folders: Iterable[str] = (),
    apps: Iterable[str] = (),
    signers: Iterable[str] = (),
    own: tuple[str, ...] = (),
) -> Iterator[str]:
    """What of these faces (keys as in the rulebook's tables) no policy may ban, each as a few words.

    `own` are Interdict's own folders, where they are known.
    """
    yield from (f"the program {name}" for name in names if protected_name(name))
    yield from (f"the package {key}" for key in packages if protected_package(key))
    for folder in folders:
        if why := protected_place(folder, own) or (folder.rstrip("/") in SHARED_FOLDERS and "everybody's folder"):
            yield f"{folder or '/'} ({why})"
    yield from (f"the application {key.partition(':')[2]}" for key in apps if key in PROTECTED_APPS or "*" in key)
    yield from (f"what {_signer(key)} signs" for key in signers if _of_system(key))


def _of_system(signer: str) -> bool:
    return "*" in signer or signer.startswith(PROTECTED_SIGNERS) or APPLES_OWN in signer


def _signer(key: str) -> str:
    return key.partition(":")[2].replace("/", " / ").strip(" /")


def protected_place(path: str, own: tuple[str, ...] = ()) -> str:
    """Why nothing at this place may be moved, or nothing. `own` are Interdict's own folders."""
    clean = path.rstrip("/") or "/"
    if clean in _PLACES or clean.startswith(_BELOW):
        return "a folder of the system itself"
    for folder in own:
        if clean == folder or clean.startswith(folder.rstrip("/") + "/") or folder.startswith(clean + "/"):
            return "part of Interdict itself"
    return "a protected program" if clean in PROTECTED_PROGRAMS else ""

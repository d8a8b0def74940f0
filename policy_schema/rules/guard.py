"""What no policy can touch: programs without which a machine cannot be used, managed or mended.

Lint compares names (`protected_name`); the agent runs every rule, content included, over `PROTECTED_PROGRAMS` when it
adopts a policy and refuses to act on what lies at a protected place (`protected_place`). A signed policy is no reason
to brick a workstation (the Santa issues that lost the device management and the VPN are the model of what to prevent).
"""

from __future__ import annotations

PROTECTED_NAMES: frozenset[str] = frozenset(
    """
    interdict interdict-policy interdict-console interdict-gate
    sh bash dash zsh fish ksh tcsh csh busybox cmd powershell pwsh
    python python2 python3 node nodejs bun deno ruby perl php java lua env
    npm npx pnpm yarn pip pip3 pipx uv uvx conda mamba gem cargo brew port
    apt apt-get dpkg rpm dnf yum zypper pacman apk snap flatpak winget choco scoop msiexec
    systemd init launchd smss csrss wininit services lsass svchost winlogon explorer loginwindow
    systemd-logind systemd-udevd dbus-daemon dbus-broker udevd polkitd networkmanager wpa_supplicant dhclient
    login sudo su doas pkexec sshd ssh agetty getty cron crond atd rsyslogd journald auditd
    xorg x xwayland gnome-shell gdm sddm lightdm kwin_wayland kwin_x11 plasmashell mutter windowserver finder dock
    ld.so ld-linux-x86-64.so.2 ld-linux-aarch64.so.1 modprobe mount umount fsck mkinitramfs dracut update-initramfs
    jamf mdmclient fleetd orbit osqueryd intune-agent microsoft-identity-broker puppet chef-client salt-minion ansible
    openvpn wireguard wg-quick charon strongswan globalprotect vpnagentd tailscaled zscaler falcon-sensor
    git make docker dockerd containerd runc
    """.split()
)
"""Executable names (folded, without `.exe`) that a policy may not ban."""

PROTECTED_PACKAGES: frozenset[str] = frozenset(
    {"npm/npm", "npm/corepack", "npm/pnpm", "npm/yarn", "pypi/pip", "pypi/setuptools", "pypi/wheel", "pypi/uv"}
)
"""Package keys that a policy may not ban: without them nothing can be put back."""

PROTECTED_PROGRAMS: tuple[str, ...] = (
    "/bin/sh",
    "/bin/bash",
    "/usr/bin/dash",
    "/usr/bin/env",
    "/usr/bin/python3",
    "/usr/bin/node",
    "/usr/bin/perl",
    "/usr/bin/sudo",
    "/usr/bin/su",
    "/usr/bin/login",
    "/bin/login",
    "/usr/sbin/sshd",
    "/usr/sbin/agetty",
    "/sbin/init",
    "/lib/systemd/systemd",
    "/lib/systemd/systemd-logind",
    "/lib/systemd/systemd-udevd",
    "/usr/bin/dbus-daemon",
    "/usr/bin/dbus-broker",
    "/usr/bin/dpkg",
    "/usr/bin/apt-get",
    "/usr/bin/rpm",
    "/usr/bin/dnf",
    "/usr/bin/gnome-shell",
    "/usr/bin/Xwayland",
    "/usr/lib/xorg/Xorg",
    "/usr/sbin/NetworkManager",
    "/sbin/modprobe",
    "/sbin/unix_chkpwd",
    "/usr/sbin/unix_chkpwd",
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/aarch64-linux-gnu/libc.so.6",
    "/usr/lib64/libc.so.6",
)
"""Files that every rule is run over when a policy is adopted; those that a machine does not have do not count."""

_PLACES: frozenset[str] = frozenset(
    "/ /bin /boot /dev /etc /home /lib /lib32 /lib64 /libx32 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp "
    "/usr /usr/bin /usr/lib /usr/lib32 /usr/lib64 /usr/local /usr/local/bin /usr/local/lib /usr/local/sbin /usr/sbin "
    "/usr/share /var /var/cache /var/lib /var/tmp /Applications /Library /System /Users /Volumes /private".split()
)
_BELOW: tuple[str, ...] = ("/boot/", "/dev/", "/etc/", "/proc/", "/sys/", "/System/", "/usr/sbin/", "/sbin/", "/run/")


def protected_name(name: str) -> bool:
    """Is this an executable name that no policy may ban?"""
    folded = name.casefold()
    return (folded[:-4] if folded.endswith(".exe") else folded) in PROTECTED_NAMES


def protected_package(key: str) -> bool:
    """Is this package (`npm/npm`) one that no policy may ban?"""
    return key in PROTECTED_PACKAGES


def protected_place(path: str, own: tuple[str, ...] = ()) -> str:
    """Why nothing at this place may be moved, or nothing. `own` are Interdict's own folders."""
    clean = path.rstrip("/") or "/"
    if clean in _PLACES or clean.startswith(_BELOW):
        return "a folder of the system itself"
    for folder in own:
        if clean == folder or clean.startswith(folder.rstrip("/") + "/") or folder.startswith(clean + "/"):
            return "part of Interdict itself"
    return "a protected program" if clean in PROTECTED_PROGRAMS else ""

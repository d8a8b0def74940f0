"""The lists behind the guard: programs, packages, applications and signers that no policy can touch.

By what a machine cannot do without: its first process and session, shells, interpreters, package managers, remote and
local login, display, device management and VPN, the loader and the C library, and Interdict itself.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OWN_NAMES = _words("interdict interdict-policy interdict-console interdict-gate interdict-notifier")
SHELLS = _words(
    """
    sh bash rbash dash zsh fish ksh mksh tcsh csh ash yash busybox toybox tmux screen cmd powershell pwsh conhost
    """
)
INTERPRETERS = _words(
    """
    python python2 python3 pypy pypy3 pythonw py node nodejs bun deno ruby irb perl php java javaw lua luajit env awk
    gawk mawk sed grep tclsh guile wscript cscript rundll32 osascript dotnet mono
    """
)
PACKAGE_MANAGERS = _words(
    """
    npm npx pnpm pnpx yarn yarnpkg corepack pip pip3 pipx uv uvx conda mamba micromamba poetry gem bundle cargo rustup
    go brew port apt apt-get apt-cache aptitude apt-key dpkg dpkg-deb dpkg-query rpm dnf dnf5 microdnf yum zypper
    pacman apk emerge xbps-install nix nix-env nix-store nix-daemon guix snap snapd flatpak packagekitd rpm-ostree
    bootc unattended-upgrade winget choco scoop msiexec tiworker trustedinstaller wusa installer softwareupdate
    softwareupdated pkgutil
    """
)
SYSTEM = _words(
    """
    systemd init openrc-init runit s6-svscan launchd smss csrss wininit services lsass svchost winlogon dwm explorer
    sihost userinit logonui fontdrvhost taskmgr loginwindow windowserver finder dock launchservicesd securityd
    opendirectoryd systemd-logind systemd-journald systemd-udevd systemd-networkd systemd-resolved systemd-timesyncd
    systemd-homed systemctl journalctl loginctl dbus-daemon dbus-broker dbus-broker-launch udevd udevadm elogind
    polkitd pkexec networkmanager nm-dispatcher wpa_supplicant iwd dhclient dhcpcd connmand netplan ifup ip resolvconf
    modprobe kmod insmod mount umount fsck swapon cryptsetup lvm mdadm blkid mkinitramfs dracut update-initramfs
    update-grub grub-install reboot shutdown poweroff halt kill ps ls cp mv rm cat chmod chown ln mkdir tar gzip
    ldconfig cron crond anacron atd rsyslogd syslogd auditd chronyd ntpd cupsd fwupd git make docker dockerd
    containerd runc podman
    """
)
LOGIN = _words(
    """
    login sudo sudoedit su doas run0 passwd chsh agetty getty sshd sshd-session sshd-auth ssh ssh-agent sftp-server
    unix_chkpwd unix_update pam_timestamp_check pam_tally2 faillock mkhomedir_helper pwhistory_helper
    gnome-keyring-daemon sssd sssd_be sssd_pam winbindd nscd nslcd krb5kdc gpg-agent authd authorizationhost
    securityagent
    """
)
DISPLAY = _words(
    """
    xorg x xwayland xinit startx gnome-shell gnome-session gnome-session-binary gdm gdm3 gdm-session-worker sddm
    sddm-helper lightdm lxdm greetd mutter muffin cinnamon kwin_wayland kwin_x11 plasmashell ksmserver
    startplasma-wayland weston sway hyprland xfwm4 xfce4-session mate-session lxqt-session labwc wayfire pipewire
    wireplumber pulseaudio
    """
)
MANAGEMENT = _words(
    """
    jamf jamfagent jamfdaemon jamfselfservice mdmclient mdmd profiles mosyleagent kandji kandji-daemon addigy-agent
    munki managedsoftwareupdate fleetd orbit osqueryd osqueryi santad santactl intune-agent intune-portal
    intune-daemon intunemdmagent microsoft-identity-broker microsoft-identity-device-broker intunemanagementextension
    omadmclient ccmexec deviceenroller mdatp wdavdaemon msmpeng mssense falcon-sensor falcond falconctl
    csfalconservice sentinelone sentinelctl sentineld sentinelagent cbagentd cbdaemon elastic-agent elastic-endpoint
    wazuh-agentd wazuh-execd qualys-cloud-agent nessusd puppet puppet-agent pxp-agent chef-client cinc-client
    salt-minion ansible ansible-playbook cfengine cf-agent landscape-client tacticalagent nable rudder fapolicyd
    """
)
VPN = _words(
    """
    openvpn openvpn3 wireguard wg wg-quick boringtun charon charon-systemd strongswan ipsec swanctl racoon pppd xl2tpd
    openconnect globalprotect pangpa pangps pangpd vpnagentd vpnui vpnagent acvpnagent csc_vpnagent tailscale
    tailscaled zscaler zstunnel zsatunnel zsatraymanager zerotier-one nebula netbird warp-svc warp-cli cloudflared
    f5vpn forticlient fortitray fctsched nordlayer twingate twingated pritunl-client netskope nsclient stagentsvc
    teleport tsh
    """
)
LOADER = _words(
    """
    ld.so ld-linux.so.2 ld-linux-x86-64.so.2 ld-linux-aarch64.so.1 libc.so.6 libpam.so.0 dyld libsystem.b.dylib
    ntdll.dll
    """
)

PROTECTED_NAMES: frozenset[str] = (
    OWN_NAMES | SHELLS | INTERPRETERS | PACKAGE_MANAGERS | SYSTEM | LOGIN | DISPLAY | MANAGEMENT | VPN | LOADER
)
"""Executable names (folded, without `.exe`) that a policy may not ban."""

PROTECTED_PACKAGES: frozenset[str] = _words(
    """
    npm/npm npm/corepack npm/pnpm npm/yarn npm/node npm/bun npm/deno npm/node-gyp pypi/pip pypi/setuptools pypi/wheel
    pypi/uv pypi/pipx pypi/poetry pypi/conda pypi/interdict gem/bundler gem/rubygems-update cargo/rustup snap/core
    snap/core18 snap/core20 snap/core22 snap/core24 snap/bare snap/snapd
    """
)
"""Package keys that a policy may not ban: without them nothing can be put back."""
SYSTEM_TYPES: frozenset[str] = _words("deb rpm apk alpm brew nix winget choco scoop snap macos-pkg")
"""Types of packages that hold the system itself: there every protected program's name is a package's too."""
SYSTEM_PACKAGES: frozenset[str] = _words(
    """
    libc6 libc-bin glibc glibc-common musl libpam0g libpam-modules libpam-modules-bin libpam-runtime pam linux-pam
    libpam-systemd systemd-sysv systemd-libs sysvinit-core base-files base-passwd filesystem setup coreutils
    util-linux util-linux-core findutils login passwd shadow shadow-utils openssh openssh-server openssh-client
    openssh-clients openssh-sftp-server sudo-rs dash bash zsh kernel kernel-core linux linux-lts linux-image-amd64
    linux-image-arm64 grub grub2 grub-efi-amd64 grub-pc grub2-common shim-signed initramfs-tools dbus dbus-x11
    dbus-broker udev network-manager networkmanager xserver-xorg-core xorg-server xorg-x11-server-xorg xwayland
    xserver-common wayland gdm gdm3 sddm lightdm gnome-shell apt dpkg libapt-pkg6.0 rpm rpm-libs dnf libdnf pacman
    apk-tools zypper libzypp perl-base perl python3 python3-minimal python3.11 python3.12 python3.13 libpython3-stdlib
    python nodejs nodejs-lts microsoft.powershell microsoft.windowsterminal microsoft.appinstaller openjs.nodejs
    openjs.nodejs.lts chocolatey
    """
)
"""Packages of the system whose name is no program's."""

PROTECTED_APPS: frozenset[str] = _words(
    """
    macos:com.apple.finder macos:com.apple.dock macos:com.apple.loginwindow macos:com.apple.systempreferences
    macos:com.apple.Terminal macos:com.apple.windowserver macos:com.apple.appstore macos:com.apple.keychainaccess
    macos:com.apple.DiskUtility macos:com.apple.ActivityMonitor macos:com.jamf.management.Jamf
    macos:com.jamfsoftware.selfservice macos:com.jamfsoftware.selfservice.mac macos:com.microsoft.CompanyPortalMac
    macos:io.kandji.KandjiAgent macos:com.googlecode.munki.ManagedSoftwareCenter macos:com.crowdstrike.falcon.App
    macos:com.microsoft.wdav macos:com.cisco.secureclient.gui macos:com.cisco.anyconnect.gui
    macos:com.paloaltonetworks.GlobalProtect.client macos:com.zscaler.zscaler macos:com.wireguard.macos
    macos:net.tunnelblick.tunnelblick macos:io.tailscale.ipn.macos macos:io.tailscale.ipn.macsys
    macos:com.fortinet.FortiClient macos:com.cloudflare.1dot1dot1dot1.macos
    windows:Microsoft.DesktopAppInstaller_8wekyb3d8bbwe windows:Microsoft.CompanyPortal_8wekyb3d8bbwe
    windows:Microsoft.WindowsTerminal_8wekyb3d8bbwe windows:Microsoft.WindowsStore_8wekyb3d8bbwe windows:Interdict
    windows:OpenVPN windows:WireGuard windows:Tailscale windows:Zscaler windows:GlobalProtect linux:org.gnome.Shell
    linux:org.gnome.Terminal linux:org.kde.konsole linux:org.kde.plasmashell
    """
)
"""Keys of applications (`KIND:ID`) that a policy may not ban."""
APPLES_OWN = "/com.apple."
"""What Apple signs for its own system has an identifier that begins so, whatever team stands before it."""
PROTECTED_SIGNERS: tuple[str, ...] = (
    "authenticode:Microsoft Windows/",
    "authenticode:Microsoft Windows Publisher/",
    "authenticode:Microsoft Corporation/Microsoft® Windows® Operating System",
)
"""How the key of a signer begins who signs the system itself."""

LINUX_PROGRAMS: tuple[str, ...] = (
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
    "/usr/lib/systemd/systemd",
    "/lib/systemd/systemd-logind",
    "/lib/systemd/systemd-udevd",
    "/usr/bin/dbus-daemon",
    "/usr/bin/dbus-broker",
    "/usr/bin/dpkg",
    "/usr/bin/apt",
    "/usr/bin/apt-get",
    "/usr/bin/rpm",
    "/usr/bin/dnf",
    "/usr/bin/gnome-shell",
    "/usr/bin/Xwayland",
    "/usr/lib/xorg/Xorg",
    "/usr/libexec/Xorg",
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
MACOS_PROGRAMS: tuple[str, ...] = (
    "/bin/sh",
    "/bin/bash",
    "/bin/zsh",
    "/usr/bin/env",
    "/usr/bin/login",
    "/usr/bin/sudo",
    "/usr/bin/su",
    "/usr/bin/python3",
    "/usr/bin/perl",
    "/usr/bin/ruby",
    "/usr/sbin/installer",
    "/usr/sbin/softwareupdate",
    "/usr/sbin/sshd",
    "/usr/libexec/sshd-session",
    "/usr/libexec/mdmclient",
    "/usr/libexec/opendirectoryd",
    "/usr/local/bin/jamf",
    "/usr/local/jamf/bin/jamf",
    "/sbin/launchd",
    "/usr/lib/dyld",
    "/System/Library/CoreServices/Finder.app/Contents/MacOS/Finder",
    "/System/Library/CoreServices/Dock.app/Contents/MacOS/Dock",
    "/System/Library/CoreServices/loginwindow.app/Contents/MacOS/loginwindow",
    "/System/Library/PrivateFrameworks/SkyLight.framework/Resources/WindowServer",
)
_SYSTEM32 = "smss csrss wininit services lsass svchost winlogon dwm userinit sihost LogonUI cmd conhost msiexec taskmgr"
WINDOWS_PROGRAMS: tuple[str, ...] = (
    *(rf"C:\Windows\System32\{name}.exe" for name in _SYSTEM32.split()),
    r"C:\Windows\System32\ntdll.dll",
    r"C:\Windows\System32\OpenSSH\sshd.exe",
    r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
    r"C:\Windows\explorer.exe",
    r"C:\Windows\servicing\TrustedInstaller.exe",
    r"C:\Program Files (x86)\Microsoft Intune Management Extension\IntuneManagementExtension.exe",
)
PROTECTED_PROGRAMS: tuple[str, ...] = tuple(dict.fromkeys((*LINUX_PROGRAMS, *MACOS_PROGRAMS, *WINDOWS_PROGRAMS)))
"""Files that every rule is run over when a policy is adopted; those that a machine does not have do not count. What a
machine has beside them is found by the agent (`agent.host.essentials`)."""

SHARED_FOLDERS: frozenset[str] = _words(
    """
    ~ ~/.cache ~/.config ~/.local ~/.local/bin ~/.local/lib ~/.local/share ~/.local/state ~/.npm ~/.nvm ~/.venv ~/bin
    ~/AppData ~/AppData/Local ~/AppData/Local/Programs ~/AppData/Roaming ~/Applications ~/Desktop ~/Documents
    ~/Downloads ~/Library /opt/homebrew /opt/homebrew/bin /opt/homebrew/Caskroom /opt/homebrew/Cellar
    /opt/homebrew/lib /usr/local/Caskroom /usr/local/Cellar /home/linuxbrew
    """
) | {"~/Library/Application Support"}
"""Folders of everybody: whatever lies in them is not one tool's."""

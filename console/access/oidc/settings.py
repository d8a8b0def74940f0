"""The table `[oidc]` of the settings: which provider, and which of its groups is which role here."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from console.access.roles import Role, fitting, role_named
from console.config import Config, Section
from console.errors import BadFile
from console.settings import is_loopback

CALLBACK: Final = "/login/oidc/callback"
LONGEST_SKEW: Final = 300


class Mapped(NamedTuple):
    """A group of the provider and what it is here."""

    group: str
    role: Role
    devices: frozenset[str] | None
    """Device groups; None: all devices."""


class OidcSettings(NamedTuple):
    """How people sign in by the provider. Durations in seconds."""

    issuer: str
    client_id: str
    client_secret: str
    """Empty for a public client, which PKCE alone protects."""
    public_url: str
    """Where browsers find the console; the provider sends them back there."""
    roles: tuple[Mapped, ...]
    name: str = "Single sign-on"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    groups_claim: str = "groups"
    name_claim: str = "preferred_username"
    clock_skew: int = 60
    timeout: int = 10
    proxy: str = ""
    ca_file: str = ""

    @property
    def redirect(self) -> str:
        """The address that is registered with the provider."""
        return self.public_url.rstrip("/") + CALLBACK


class Standing(NamedTuple):
    """What somebody is here."""

    role: Role
    groups: frozenset[str] | None


def oidc_settings(config: Config) -> OidcSettings | None:
    """The table, or None when there is none.

    Raises:
        BadFile: something in it cannot be used.
    """
    section = config.section("oidc")
    if not section:
        return None
    settings = OidcSettings(
        issuer=section.text("issuer"),
        client_id=section.text("client_id"),
        client_secret=section.secret("client_secret_file"),
        public_url=section.text("public_url"),
        roles=tuple(_mapped(one, config.where) for one in section.tables("roles")),
        name=section.text("name", "Single sign-on"),
        scopes=section.texts("scopes", ("openid", "profile", "email")),
        groups_claim=section.text("groups_claim", "groups"),
        name_claim=section.text("name_claim", "preferred_username"),
        clock_skew=section.seconds("clock_skew", 60),
        timeout=section.seconds("timeout", 10),
        proxy=section.text("proxy", ""),
        ca_file=section.text("ca_file", ""),
    )
    section.done()
    return _checked(settings, config.where)


def standing(groups: Collection[str], mapped: tuple[Mapped, ...]) -> Standing | None:
    """What these groups are: the highest of their roles, for the devices of that role alone.

    A viewer of everything who approves for one group is an approver of that group and sees that group: a higher role
    never widens to what a lower one could see.
    """
    theirs = [one for one in mapped if one.group in groups]
    if not theirs:
        return None
    role = max((one.role for one in theirs), key=lambda role: role.rank)
    devices = [one.devices for one in theirs if one.role is role]
    everything = any(one is None for one in devices)
    return Standing(role, None if everything else frozenset().union(*(one for one in devices if one is not None)))


def is_safe(url: str) -> bool:
    """Whether a secret may go there: https, or a provider on this machine, as in tests."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    )


def _mapped(section: Section, where: str) -> Mapped:
    group, named = section.text("group"), section.text("role")
    devices = section.texts("device_groups", ())
    section.done()
    try:
        return Mapped(group, *fitting(role_named(named), frozenset(devices) or None))
    except ValueError as error:
        raise BadFile(f"{where}: role in [[oidc.roles]]: {error}", "Take one that is.") from error


def _checked(settings: OidcSettings, where: str) -> OidcSettings:
    for key, url in (("issuer", settings.issuer), ("public_url", settings.public_url)):
        if not is_safe(url):
            raise BadFile(f"{where}: {key} in [oidc] is no https address", 'Write "https://…".')
    if not settings.roles:
        raise BadFile(f"{where}: [oidc] gives nobody a role", "Add [[oidc.roles]] with group and role.")
    if "openid" not in settings.scopes:
        raise BadFile(f"{where}: scopes in [oidc] lacks openid", 'Add "openid".')
    if settings.clock_skew > LONGEST_SKEW:
        raise BadFile(f"{where}: clock_skew in [oidc] is more than five minutes", "Mend the clocks.")
    return settings

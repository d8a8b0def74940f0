"""What an ID token must be to be believed, which groups are which role, and what the settings file may say."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from console.access import Role
from console.access.oidc.claims import Expected, UnknownKey, checked, groups_of, name_of
from console.access.oidc.flow import prepare_farewell
from console.access.oidc.refused import SignInRefused, Why
from console.access.oidc.settings import Mapped, OidcSettings, is_safe, standing
from console.access.settings import access_settings
from console.config import load
from console.errors import BadFile
from console.web.pages.oidc import SENTENCES

NOW = 1_783_818_000
NONCE = "a-nonce"
ACCESS = "an access token"
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}, private=True)
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"}, private=True)
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}, private=True)
SECRET = OctKey.import_key("the client secret, which the console knows as well", {"kid": "rsa"})
KEYS = {"keys": [RSA.as_dict(private=False), EC.as_dict(private=False), {"kty": "of tomorrow"}, "no key", {}]}
SETTINGS = OidcSettings(
    issuer="https://login.example.com",
    client_id="interdict",
    client_secret="x",
    public_url="https://interdict.example.com",
    roles=(),
)
CLAIMS = {
    "iss": SETTINGS.issuer,
    "aud": "interdict",
    "sub": "s-1",
    "iat": NOW - 5,
    "exp": NOW + 300,
    "nonce": NONCE,
}
EXPECTED = Expected(NONCE, ACCESS, NOW)


def token(key: Any = RSA, algorithm: str = "RS256", **changes: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key, algorithms=[algorithm])


@pytest.mark.parametrize(
    "text",
    [
        token(),
        token(EC, "ES256"),
        token(RSA, "PS256"),
        token(aud=["interdict"]),
        token(aud=["interdict", "another"], azp="interdict"),
        token(exp=NOW - 59),
        token(iat=NOW + 59),
        token(groups=["it"], anything={"else": 1}),
    ],
    ids=[
        "RSA",
        "an elliptic curve",
        "RSA with PSS",
        "a list of one",
        "several, and for us",
        "run out a moment ago",
        "a clock a moment ahead",
        "more claims",
    ],
)
def test_a_token_is_believed(text: str) -> None:
    assert checked(text, KEYS, EXPECTED, SETTINGS)["sub"] == "s-1"


REFUSED: dict[str, tuple[str, Why]] = {
    "another issuer": (token(iss="https://evil.example"), Why.TOKEN),
    "no issuer": (token(iss=None), Why.TOKEN),
    "an issuer that only begins alike": (token(iss=SETTINGS.issuer + ".evil.example"), Why.TOKEN),
    "for somebody else": (token(aud="another"), Why.TOKEN),
    "for nobody": (token(aud=None), Why.TOKEN),
    "for several, ordered by another": (token(aud=["interdict", "another"], azp="another"), Why.TOKEN),
    "for several, and nobody knows who ordered it": (token(aud=["interdict", "another"]), Why.TOKEN),
    "nobody": (token(sub=None), Why.TOKEN),
    "run out": (token(exp=NOW - 61), Why.EXPIRED),
    "endless": (token(exp=None), Why.TOKEN),
    "without a time": (token(iat=None), Why.TOKEN),
    "from the future": (token(iat=NOW + 61), Why.TOKEN),
    "not valid yet": (token(nbf=NOW + 61), Why.TOKEN),
    "another nonce": (token(nonce="of another sign-in"), Why.NONCE),
    "no nonce": (token(nonce=None), Why.NONCE),
    "of another access token": (token(at_hash="AAAAAAAAAAAAAAAAAAAAAA"), Why.TOKEN),
    "times that are no numbers": (token(exp="tomorrow"), Why.TOKEN),
    "a list as its issuer": (token(iss=[SETTINGS.issuer]), Why.TOKEN),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_token_is_refused_that_is(name: str) -> None:
    text, why = REFUSED[name]
    with pytest.raises(SignInRefused) as refused:
        checked(text, KEYS, EXPECTED, SETTINGS)
    assert refused.value.why is why


def unsigned() -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, CLAIMS))
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


@pytest.mark.parametrize(
    "text",
    [
        token(STRANGER),
        token(SECRET, "HS256"),
        unsigned(),
        token().rsplit(".", 1)[0] + ".",
        "",
        "x",
        "a.b.c",
        "a.b.c.d.e",
        token()[:-4] + "AAAA",
    ],
    ids=[
        "a stranger's",
        "one made with the client's secret",
        "unsigned",
        "cut off",
        "nothing",
        "x",
        "three",
        "five",
        "changed",
    ],
)
def test_no_key_of_the_provider_made_this(text: str) -> None:
    with pytest.raises(UnknownKey):
        checked(text, KEYS, EXPECTED, SETTINGS)


@given(st.text(max_size=300) | st.from_regex(r"[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,40}", fullmatch=True))
def test_whatever_stands_in_its_place_is_refused(text: str) -> None:
    with pytest.raises((UnknownKey, SignInRefused)):
        checked(text, KEYS, EXPECTED, SETTINGS)


def test_a_public_key_is_no_secret() -> None:
    """A token signed with HMAC by the text of the provider's public key."""
    parts = (json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "rsa"}, CLAIMS))
    signed = ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    made = hmac.digest(RSA.as_pem(private=False), signed.encode(), "sha256")
    with pytest.raises(UnknownKey):
        checked(f"{signed}.{urlsafe_b64encode(made).decode().rstrip('=')}", KEYS, EXPECTED, SETTINGS)


@pytest.mark.parametrize(
    ("claim", "claims", "groups"),
    [
        ("groups", {"groups": ["a", "b"]}, {"a", "b"}),
        ("groups", {"groups": "a"}, {"a"}),
        ("groups", {"groups": []}, set()),
        ("groups", {}, None),
        ("groups", {"groups": ["a", 1, None, {"x": 1}]}, {"a"}),
        ("realm_access.roles", {"realm_access": {"roles": ["a"]}}, {"a"}),
        ("https://example.com/groups", {"https://example.com/groups": ["a"]}, {"a"}),
        ("realm_access.roles", {"realm_access": "x"}, None),
    ],
)
def test_groups_are_read(claim: str, claims: dict[str, Any], groups: set[str] | None) -> None:
    assert groups_of(claims, SETTINGS._replace(groups_claim=claim)) == groups


@pytest.mark.parametrize("value", [{"a": 1}, 7, ["x"] * 10_001], ids=["an object", "a number", "endless"])
def test_groups_that_are_none_are_refused(value: object) -> None:
    with pytest.raises(SignInRefused):
        groups_of({"groups": value}, SETTINGS)


@pytest.mark.parametrize("verified", [False, None, "true"])
def test_an_address_that_nobody_verified_is_no_name(verified: object) -> None:
    settings = SETTINGS._replace(name_claim="email")
    assert name_of({"email": "li@example.com", "email_verified": True}, settings) == "li@example.com"
    with pytest.raises(SignInRefused):
        name_of({"email": "li@example.com", "email_verified": verified}, settings)


A, B = frozenset({"a"}), frozenset({"b"})
MAPPED = (
    Mapped("admins", Role.ADMIN, None),
    Mapped("all", Role.VIEWER, None),
    Mapped("a", Role.APPROVER, A),
    Mapped("b", Role.APPROVER, B),
    Mapped("view-b", Role.VIEWER, B),
)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ((), None),
        (("others",), None),
        (("all",), (Role.VIEWER, None)),
        (("view-b",), (Role.VIEWER, B)),
        (("all", "view-b"), (Role.VIEWER, None)),
        (("a", "b"), (Role.APPROVER, A | B)),
        (("all", "a"), (Role.APPROVER, A)),
        (("admins", "a", "all"), (Role.ADMIN, None)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) and all(isinstance(x, str) for x in value) else "",
)
def test_groups_give_a_role(groups: tuple[str, ...], expected: tuple[Role, frozenset[str] | None] | None) -> None:
    assert standing(groups, MAPPED) == expected


@given(st.frozensets(st.sampled_from(["admins", "all", "a", "b", "view-b", "x"])), st.sampled_from(["a", "b", "all"]))
def test_one_more_group_never_lowers_the_role(groups: frozenset[str], more: str) -> None:
    before, after = standing(groups, MAPPED), standing(groups | {more}, MAPPED)
    assert before is None or (after is not None and after.role.rank >= before.role.rank)


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://login.example.com", True),
        ("http://127.0.0.1:1", True),
        ("http://[::1]/x", True),
        ("http://login.example.com", False),
        ("http://127.0.0.1.evil.example", False),
        ("ftp://127.0.0.1", False),
        ("", False),
        ("https://", False),
        ("javascript:alert(1)", False),
    ],
)
def test_secrets_travel_to_safe_addresses_alone(url: str, safe: bool) -> None:
    assert is_safe(url) is safe


def test_the_farewell_keeps_what_stood_in_the_address() -> None:
    assert prepare_farewell("https://x/end?a=1", "id", "https://y/login").startswith("https://x/end?a=1&client_id=id&")


def test_there_is_a_sentence_for_every_refusal() -> None:
    assert set(SENTENCES) == set(Why)


GOOD = """
[access]
session = "8h"
idle = "30m"

[oidc]
issuer = "https://login.example.com"
client_id = "interdict"
client_secret_file = "{secret}"
public_url = "https://interdict.example.com/"

[[oidc.roles]]
group = "interdict-admins"
role = "admin"

[[oidc.roles]]
group = "it-berlin"
role = "viewer"
device_groups = ["berlin", "potsdam"]
"""


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    return file


def test_a_settings_file_is_read(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "console.toml").write_text(GOOD.format(secret=secret))
    settings = access_settings(load(None, tmp_path, {}))
    assert (settings.session, settings.idle) == (8 * 3600, 1800)
    assert settings.oidc is not None
    assert settings.oidc.client_secret == "s3cret"
    assert settings.oidc.redirect == "https://interdict.example.com/login/oidc/callback"
    assert settings.oidc.roles[1] == Mapped("it-berlin", Role.VIEWER, frozenset({"berlin", "potsdam"}))


def test_the_environment_goes_before_the_file(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "console.toml").write_text(GOOD.format(secret=secret))
    environment = {
        "INTERDICT_CONSOLE_OIDC_ISSUER": "https://other.example",
        "INTERDICT_CONSOLE_OIDC_SCOPES": "openid groups",
    }
    settings = access_settings(load(None, tmp_path, environment)).oidc
    assert settings is not None
    assert (settings.issuer, settings.scopes) == ("https://other.example", ("openid", "groups"))


def test_without_a_file_there_are_local_accounts(tmp_path: Path) -> None:
    assert access_settings(load(None, tmp_path, {})).oidc is None


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[oidc]", "[oidc", "no TOML"),
        ('client_id = "interdict"', "", "client_id in [oidc] is missing"),
        ('client_id = "interdict"', "client_id = 7", "is not a text"),
        ('client_id = "interdict"', 'client_idd = "x"\nclient_id = "y"', "client_idd in [oidc] is no setting"),
        ("https://login", "http://login", "issuer in [oidc] is no https address"),
        ('role = "admin"', 'role = "root"', "'root' is no role; there are viewer, approver, admin"),
        ('role = "admin"', 'role = "admin"\ngruop = "x"', "gruop in [oidc.roles] is no setting"),
        ('"30m"', '"soon"', "idle in [access] is no duration"),
        ('"30m"', '"0s"', "is no time at all"),
        ("client_secret_file = ", 'client_secret_file = "/no/such/file"\nx = ', "cannot be read"),
        ('device_groups = ["berlin", "potsdam"]', "device_groups = [1]", "is not a list of texts"),
        ("[[oidc.roles]]", "[oidc.roles]", "no TOML"),
        (
            'public_url = "https://interdict.example.com/"',
            'public_url = "https://x"\nclock_skew = "1h"',
            "five minutes",
        ),
        (
            'public_url = "https://interdict.example.com/"',
            'public_url = "https://x"\nscopes = ["email"]',
            "lacks openid",
        ),
    ],
)
def test_a_settings_file_that_cannot_be_used_is_one_line(
    tmp_path: Path, secret: Path, old: str, new: str, says: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD.format(secret=secret).replace(old, new))
    with pytest.raises(BadFile) as refused:
        access_settings(load(file, tmp_path, {}))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.advice()


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read"):
        load(tmp_path / "none.toml", tmp_path, {})

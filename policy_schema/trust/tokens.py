"""Keys in a PKCS#11 token (a smart card, a USB key, an HSM): made there, used there, never read out.

A token is named by its URI (RFC 7512): `pkcs11:token=li?module-path=/usr/lib/softhsm/libsofthsm2.so`. Among the
key files lies one with the URI of the key in place of the key, ending in `.pkcs11`; the PIN is asked like a passphrase.
Keys are Ed25519, as all of ours, so a token must know Edwards curves (PKCS#11 3.0; SoftHSM and recent smart cards do).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple, NoReturn
from urllib.parse import quote, unquote, unquote_to_bytes

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from policy_schema.errors import BadCommand
from policy_schema.trust.keys import BadKey, Use, owner, public_key, unlock
from policy_schema.trust.library import Key, SecretsHandler, Signature, Signer

SCHEME = "pkcs11:"
CURVE = b"\x13\x0cedwards25519"
"""The parameters of an Ed25519 key as a DER PrintableString (PKCS#11 3.0, section 6.3.5)."""
PUBLIC_BYTES = 32
IN_TOKEN = "pkcs11"
"""The ending of a file that says in which token a key is."""
EXAMPLE = "pkcs11:token=NAME?module-path=/usr/lib/softhsm/libsofthsm2.so"


class Place(NamedTuple):
    """A token, or one key in it (`id` is not empty)."""

    module: str
    token: str
    id: bytes = b""
    label: str = ""

    @property
    def uri(self) -> str:
        """As it is written (RFC 7512)."""
        number = "".join(f"%{byte:02X}" for byte in self.id)
        parts = [f"token={quote(self.token)}", f"id={number}" if number else "", f"object={quote(self.label)}"]
        used = [part for part in parts if part and part != "object="]
        return f"{SCHEME}{';'.join(used)}?module-path={quote(self.module)}"


def parse_uri(text: str) -> Place:
    """Reads a URI.

    Raises:
        BadCommand: it is none, names no token or no module, or holds a PIN.
    """
    scheme, path, query = text[: len(SCHEME)], *text[len(SCHEME) :].strip().partition("?")[::2]
    fields = dict(part.partition("=")[::2] for part in [*path.split(";"), *query.split("&")] if part)
    if any(name.startswith("pin-") for name in fields):
        raise BadCommand("the PKCS#11 URI holds a PIN", "leave it out: it is asked, or give --passphrase-file")
    if scheme != SCHEME or not fields.get("token") or not fields.get("module-path"):
        raise BadCommand(f"{text[:200]!r} names no PKCS#11 token and module", f"write {EXAMPLE}")
    return Place(
        unquote(fields["module-path"]),
        unquote(fields["token"]),
        unquote_to_bytes(fields.get("id", "")),
        unquote(fields.get("object", "")),
    )


class TokenSigner(Signer):
    """Signs in the token: the PIN opens it anew for each signature."""

    def __init__(self, place: Place, public: Key, pin: str) -> None:
        self._place = place
        self._public = public
        self._pin = pin

    @property
    def public_key(self) -> Key:
        """The public half."""
        return self._public

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> TokenSigner:
        """The signer of a key; the handler is asked for the PIN."""
        return cls(parse_uri(priv_key_uri), public_key, secrets_handler("PIN") if secrets_handler else "")

    def sign(self, payload: bytes) -> Signature:
        """Signs.

        Raises:
            BadKey: the token refuses, or holds another key under this id.
        """
        with _opened(self._place, self._pin) as (pkcs11, session):
            private = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, id=self._place.id)
            signature = bytes(private.sign(payload, mechanism=pkcs11.Mechanism.EDDSA))
        made = Signature(self._public.keyid, signature.hex())
        try:
            self._public.verify_signature(made, payload)
        except Exception:
            raise BadKey(f"the key in the token {self._place.token} is not that of {owner(self._public)}") from None
        return made


def open_content(content: bytes, in_token: bool, key: Key, passphrase: str) -> Signer:
    """The signer of a key whose file has this content: a locked key, or the place of one in a token (with its PIN).

    Raises:
        BadKey: the passphrase is wrong, or the file holds another key.
        BadCommand: it names no token.
    """
    if in_token:
        return TokenSigner(parse_uri(content.decode("utf-8", "replace")), key, passphrase)
    return unlock(content, passphrase, key)


def new_token_key(token: Place, name: str, use: Use, pin: str) -> tuple[Key, Place]:
    """Makes a key in the token, which never leaves it: its public half, and where it is.

    Raises:
        BadCommand: the package for tokens is not installed.
        BadKey: the token refuses.
    """
    place = token._replace(id=secrets.token_bytes(8), label=f"interdict {use} {name}")
    with _opened(token, pin, write=True) as (pkcs11, session):
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC_EDWARDS, {pkcs11.Attribute.EC_PARAMS: CURVE}, local=True
        )
        public, _ = parameters.generate_keypair(
            mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, id=place.id, label=place.label
        )
        # An OCTET STRING around the point, or the point alone: its last 32 bytes either way.
        point = bytes(public[pkcs11.Attribute.EC_POINT])[-PUBLIC_BYTES:]
    return public_key(Ed25519PublicKey.from_public_bytes(point), name), place


@contextmanager
def _opened(place: Place, pin: str, *, write: bool = False) -> Iterator[tuple[Any, Any]]:
    try:
        pkcs11 = import_module("pkcs11")
    except ImportError:
        raise BadCommand("keys in tokens need one more package", 'pip install "interdict[pkcs11]"') from None
    try:
        token = pkcs11.lib(place.module).get_token(token_label=place.token)
        with token.open(rw=write, user_pin=pin) as session:
            yield pkcs11, session
    except (pkcs11.PKCS11Error, RuntimeError) as error:
        _refuse(place, error)


def _refuse(place: Place, error: Exception) -> NoReturn:
    kind = type(error).__name__
    known = {
        "PinIncorrect": (f"the PIN of the token {place.token} is wrong", "after some wrong ones a token locks itself"),
        "PinLocked": (f"the token {place.token} has locked itself", "its owner unlocks it with the token's own tool"),
        "NoSuchToken": (f"there is no token {place.token} at {place.module}", "insert it, and check its name"),
        "NoSuchKey": (f"the token {place.token} does not hold this key", "insert the token that it was made in"),
        "MultipleTokensReturned": (f"two tokens are called {place.token}", "take one of them out"),
        "MechanismInvalid": (f"the token {place.token} has no Ed25519 keys", "take another one, or a key file"),
    }
    what, mend = known.get(kind, (f"the token {place.token} refuses: {kind} {error}".strip(), f"check {place.module}"))
    raise BadKey(what, mend) from None

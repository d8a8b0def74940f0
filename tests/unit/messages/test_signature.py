"""Signatures: what is accepted, and each way of being refused."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms
from hypothesis import given
from hypothesis import strategies as st

from policy_schema.messages import signature
from policy_schema.messages.enrol import device_id
from policy_schema.messages.signature import MAX_AGE, Refusal, SignatureRefused

NOW = 1_783_818_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
DEVICE = device_id(signature.raw_public_key(KEY))
PATH = "/api/v1/reports"
BODY = b"a body after gzip"

Headers = list[tuple[str, str]]


def good() -> Headers:
    signed = signature.sign(KEY, device=DEVICE, method="POST", path=PATH, sequence=7, body=BODY, now=NOW)
    return list(signed.items())


def find(device: str) -> bytes | None:
    return signature.raw_public_key(KEY) if device == DEVICE else None


def check(
    headers: Headers, *, method: str = "POST", path: str = PATH, body: bytes = BODY, now: int = NOW
) -> signature.Verified:
    return signature.verify(method=method, path=path, headers=headers, body=body, find_key=find, now=now)


def with_library(components: tuple[str, ...], tag: str | None = signature.TAG, body: bytes | None = None) -> Headers:
    """A signature that the library makes gladly and our rules must refuse."""

    class Message:
        def __init__(self) -> None:
            self.method = "POST"
            self.url = f"https://console.example{PATH}"
            self.headers = {signature.SEQUENCE_HEADER: "7"}

    class Keys(HTTPSignatureKeyResolver):
        def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
            return KEY

    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=Keys())
    message = Message()
    created = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    signer.sign(message, key_id=DEVICE, created=created, tag=tag, covered_component_ids=components, body=body)
    message.headers.setdefault("Content-Digest", dict(good())["Content-Digest"])
    return list(message.headers.items())


def changed(name: str, change: Callable[[str], str]) -> Headers:
    return [(key, change(value) if key == name else value) for key, value in good()]


def without(name: str) -> Headers:
    return [(key, value) for key, value in good() if key != name]


def test_a_good_signature_names_device_number_and_time() -> None:
    assert check(good()) == (DEVICE, 7, NOW)


@pytest.mark.parametrize("offset", [-MAX_AGE, 0, MAX_AGE], ids=["five minutes ago", "now", "five minutes ahead"])
def test_a_clock_that_is_off_by_up_to_five_minutes_will_do(offset: int) -> None:
    assert check(good(), now=NOW - offset).sequence == 7


ALL = signature.COMPONENTS
REFUSED: dict[str, tuple[Headers, Refusal]] = {
    "nothing signed": ([], Refusal.MISSING),
    "no digest": (without("Content-Digest"), Refusal.MISSING),
    "no number": (without("Interdict-Sequence"), Refusal.MISSING),
    "no signature input": (without("Signature-Input"), Refusal.MISSING),
    "another number than signed": (changed("Interdict-Sequence", lambda text: "8"), Refusal.WRONG),
    "a number with a sign": (changed("Interdict-Sequence", lambda text: "+7"), Refusal.MALFORMED),
    "a number with a leading zero": (changed("Interdict-Sequence", lambda text: "07"), Refusal.MALFORMED),
    "a number in another script": (changed("Interdict-Sequence", lambda text: "٧"), Refusal.MALFORMED),
    "a header that is there twice": ([*good(), ("interdict-sequence", "7")], Refusal.MALFORMED),
    "an endless header": (changed("Signature", lambda text: text + "a" * 3000), Refusal.MALFORMED),
    "a signature that is not one": (changed("Signature", lambda text: "interdict=:AAAA:"), Refusal.WRONG),
    "a header that is no structure": (changed("Signature-Input", lambda text: "(((("), Refusal.WRONG),
    "a signature moved to later": (
        changed("Signature-Input", lambda text: text.replace(str(NOW), str(NOW + 9))),
        Refusal.WRONG,
    ),
    "no time in the signature": (
        changed("Signature-Input", lambda text: text.replace(f"created={NOW};", "")),
        Refusal.MALFORMED,
    ),
    "an unknown device": (changed("Signature-Input", lambda text: text.replace(DEVICE, "d-0")), Refusal.UNKNOWN_KEY),
    "a signature over nothing": (with_library(()), Refusal.NOT_COVERED),
    "a signature that leaves the path out": (
        with_library(("@method", "interdict-sequence"), body=BODY),
        Refusal.NOT_COVERED,
    ),
    "a signature that leaves the number out": (with_library(("@method", "@path"), body=BODY), Refusal.NOT_COVERED),
    "a signature that leaves the digest out": (
        with_library(("@method", "@path", "interdict-sequence")),
        Refusal.NOT_COVERED,
    ),
    "a signature for another purpose": (with_library(ALL[:2], tag="other", body=BODY), Refusal.WRONG),
    "a signature without a purpose": (with_library(ALL[:2], tag=None, body=BODY), Refusal.WRONG),
}


@pytest.mark.parametrize(("headers", "code"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused(headers: Headers, code: Refusal) -> None:
    with pytest.raises(SignatureRefused) as refused:
        check(headers)
    assert refused.value.code is code
    assert refused.value.advice().endswith(".")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"method": "PUT"}, Refusal.WRONG),
        ({"path": "/api/v1/enrol"}, Refusal.WRONG),
        ({"body": BODY + b"!"}, Refusal.DIGEST),
        ({"body": b""}, Refusal.DIGEST),
        ({"now": NOW + MAX_AGE + 1}, Refusal.CLOCK),
        ({"now": NOW - MAX_AGE - 1}, Refusal.CLOCK),
    ],
    ids=["another method", "another path", "another body", "no body", "too old", "from the future"],
)
def test_a_good_signature_is_refused_for(changes: dict[str, object], code: Refusal) -> None:
    with pytest.raises(SignatureRefused) as refused:
        check(good(), **changes)  # type: ignore[arg-type]
    assert refused.value.code is code


def test_another_devices_key_is_refused() -> None:
    forged = signature.sign(OTHER, device=DEVICE, method="POST", path=PATH, sequence=7, body=BODY, now=NOW)
    with pytest.raises(SignatureRefused) as refused:
        check(list(forged.items()))
    assert refused.value.code is Refusal.WRONG


@given(st.sampled_from([name for name, _ in good()]), st.text(max_size=120))
def test_any_text_in_any_header_is_refused_and_never_crashes(name: str, text: str) -> None:
    if text in dict(good()).values():
        return
    with pytest.raises(SignatureRefused):
        check(changed(name, lambda _: text))


@given(st.text(alphabet='()"=;:,?*@-_ abcdeinrst019\\', max_size=80))
def test_any_structured_looking_input_is_refused_and_never_crashes(text: str) -> None:
    with pytest.raises(SignatureRefused):
        check(changed("Signature-Input", lambda _: f"interdict={text}"))


@pytest.mark.parametrize("text", ["", "AAAA", "!" * 44, "A" * 43, "A" * 44 + "="], ids=str)
def test_what_is_not_a_public_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"key|32|base64|[Ii]ncorrect|Invalid"):
        signature.decode_public_key(text)


def test_a_public_key_comes_back_from_its_text() -> None:
    raw = signature.raw_public_key(KEY)
    assert signature.decode_public_key(signature.encode_public_key(raw)) == raw


def test_the_host_is_not_signed_since_a_proxy_changes_it() -> None:
    assert not {"@authority", "@target-uri", "host"} & set(signature.COMPONENTS)


@given(st.sampled_from([name for name, _ in good()]), st.integers(0, 400), st.characters(codec="ascii"))
def test_our_own_spelling_is_accepted_without_the_library_only_when_the_library_accepts_it(
    name: str, place: int, sign: str
) -> None:
    headers = dict(good())
    value = headers[name]
    headers[name] = value[: place % len(value)] + sign + value[place % len(value) + 1 :]
    wanted = {key.lower(): text for key, text in headers.items()}
    try:
        short = signature._as_written_by_us("POST", PATH, wanted, BODY, find, NOW, signature._fits)
    except KeyError:
        short = None
    if short is not None:
        assert headers == dict(good()), "something was changed and accepted"
        assert short == check(list(headers.items()))


def test_our_own_spelling_needs_no_library() -> None:
    wanted = {key.lower(): text for key, text in good()}
    assert signature._as_written_by_us("POST", PATH, wanted, BODY, find, NOW, signature._fits) == check(good())

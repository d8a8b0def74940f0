"""A private key in a file, locked with a passphrase: PKCS#8 with scrypt (RFC 5958, RFC 7914), as `openssl` reads it.

Written here because the `cryptography` package locks its PKCS#8 files with 2,048 rounds of PBKDF2, which a stolen
file answers at millions of guesses a second. Reading is that package's.
"""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

ROUNDS = (1 << 14, 8, 5)
"""N, r and p of scrypt: the second of the equal settings in the OWASP password storage sheet; 16 MB, 0.2 s."""

PBES2, SCRYPT, AES256_CBC = (
    bytes.fromhex("06092a864886f70d01050d"),
    bytes.fromhex("06092b06010401da47040b"),
    bytes.fromhex("060960864801650304012a"),
)
"""Object identifiers in DER: 1.2.840.113549.1.5.13, 1.3.6.1.4.1.11591.4.11, 2.16.840.1.101.3.4.1.42."""

INTEGER, OCTETS, SEQUENCE = 0x02, 0x04, 0x30


def encrypted_pem(plain_pem: bytes, passphrase: bytes, salt: bytes, start: bytes) -> bytes:
    """The encrypted form of an unencrypted PKCS#8 file. `salt` and `start` are 16 random bytes each."""
    private = load_pem_private_key(plain_pem, None)
    content = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    cost, block, parallel = ROUNDS
    key = Scrypt(salt=salt, length=32, n=cost, r=block, p=parallel).derive(passphrase)
    padder, encryptor = PKCS7(128).padder(), Cipher(algorithms.AES256(key), modes.CBC(start)).encryptor()
    hidden = encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()
    numbers = b"".join(_der(INTEGER, _number(number)) for number in ROUNDS)
    derivation = _der(SEQUENCE, SCRYPT + _der(SEQUENCE, _der(OCTETS, salt) + numbers))
    cipher = _der(SEQUENCE, AES256_CBC + _der(OCTETS, start))
    algorithm = _der(SEQUENCE, PBES2 + _der(SEQUENCE, derivation + cipher))
    return _pem(_der(SEQUENCE, algorithm + _der(OCTETS, hidden)))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 128 | len(length)]) + length + content


def _number(value: int) -> bytes:
    # A leading zero bit keeps the number positive.
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(
        ["-----BEGIN ENCRYPTED PRIVATE KEY-----", *lines, "-----END ENCRYPTED PRIVATE KEY-----", ""]
    ).encode()

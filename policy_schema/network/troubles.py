"""Why a server could not be reached, in words that a person can act on. Standard library only.

The fetcher begins its sentence with one of these; whoever shows it can tell them apart and give the fitting advice.
"""

from __future__ import annotations

from enum import StrEnum


class Trouble(StrEnum):
    """What stood in the way; the value is how the sentence begins."""

    CA_FILE = "the file that the setting ca_file names cannot be used"
    CERTIFICATE = "the certificate that it shows is not trusted on this machine"
    TLS = "it does not speak TLS as expected"
    NAME = "no address is known for its name"
    NOBODY = "nobody takes the connection"
    SLOW = "it did not answer in time"
    PROXY = "the proxy did not let us through"
    OTHER = "the connection failed"


ADVICE = {
    Trouble.CA_FILE: "It must hold certificates (PEM) and be readable for the user of the setting courier_user.",
    Trouble.CERTIFICATE: "A proxy that inspects TLS, or a company's own authority: put its root certificate into the "
    "system's store, or into a file that the setting ca_file names.",
    Trouble.TLS: "Check that the address and its port are those of an https server.",
    Trouble.NAME: "Check the address in the settings, the network, and the name servers.",
    Trouble.NOBODY: "Check the address and port in the settings, and firewalls in between.",
    Trouble.SLOW: "Check the network and the proxy; a firewall may swallow the connection.",
    Trouble.PROXY: "Check the setting proxy; it must let this machine through without a person's sign-in.",
    Trouble.OTHER: "Check the network, the proxy and the address in the settings.",
}


def trouble_in(text: str) -> Trouble | None:
    """Which trouble a sentence of the fetcher's tells of; None where it tells of none of them."""
    return next((one for one in Trouble if one.value in text), None)

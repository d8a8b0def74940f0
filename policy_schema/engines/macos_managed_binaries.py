"""Managed binaries of macOS 27: the declaration `com.apple.configuration.app.settings`, for device management to send.

Keys as Apple documents them (AppSettings, AppSettingsAllowedObject, BinaryIdentifierObject): all fields of one entry of
DeniedBinaries must match. The page on combinations names PathPrefix and SigningState as what may stand beside a
CDHash, TeamID or SigningID for a denied binary; team and identifier together are what the page on matching describes.
DeniedApps is not for macOS. Not tried on a Mac.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from policy_schema.engines.common.faces import apple_signers
from policy_schema.engines.common.words import left_out, nothing, versions_left_out
from policy_schema.engines.interface import File, Options, Order, Orders, Translated

NAME = "macos-managed-binaries"
HELP = "Managed binaries of macOS 27: a declaration for device management."
SAYS = "macOS managed binaries"
TYPE = "com.apple.configuration.app.settings"


def translate(orders: Orders, options: Options) -> Translated:
    """One declaration that denies each signed program of the banned tools."""
    denied: list[dict[str, str]] = []
    cannot: list[str] = []
    for order in orders.orders:
        sure = order.refuses and not order.versions and not order.spared
        made = [{"TeamID": signer.who, "SigningID": signer.what} for signer in apple_signers(order)] if sure else []
        denied += [entry for entry in made if entry not in denied]
        cannot += _cannot(order, bool(made))
    if denied:
        cannot.append("macOS ends at once what runs already and shows its own text: tell people before you send it.")
        cannot.append("macOS before 27 and Macs without supervision ignore the declaration.")
    declaration = {
        "Type": TYPE,
        "Identifier": "interdict.denied-binaries",
        "ServerToken": orders.policy,
        "Payload": {"Allowed": {"DeniedBinaries": denied}},
    }
    content = json.dumps(declaration, ensure_ascii=False, indent=2) + "\n"
    goes_to = "your device management, as a declaration for supervised Macs (macOS 27 or newer)"
    return Translated((File("macos-managed-binaries/app-settings.json", content.encode(), goes_to),), tuple(cannot))


def _cannot(order: Order, made: bool) -> Iterator[str]:
    if not order.refuses:
        yield nothing(order, SAYS, f"its stage is {order.action}, and a declaration refuses")
    elif order.versions:
        yield versions_left_out(order, SAYS)
    elif order.spared:
        spared = order.spared[0].purl or order.spared[0].sha256 or order.spared[0].path
        yield nothing(order, SAYS, f"the exception for {spared} cannot be written")
    elif not made:
        yield nothing(order, SAYS, "its signature for macOS is not known")
    else:
        yield from filter(None, [left_out(order, ("signers",), SAYS)])

"""Santa (macOS): a list of rules, as `santactl rule --import` reads it and sync servers hand it out, and as a profile.

The keys and the order of the rule types (a rule for one file goes before one for a signing identifier) are those of
Santa 2025 to 2026, https://northpole.dev/features/binary-authorization. A team is never banned: a team signs all
products of a vendor, and a ban names tools.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from policy_schema.engines.common.faces import apple_signers, hashes
from policy_schema.engines.common.profile import plain, profile
from policy_schema.engines.common.words import left_out, nothing, spared_left_out, versions_left_out
from policy_schema.engines.interface import File, Options, Order, Orders, Translated

NAME = "santa"
HELP = "Santa on macOS: rules for `santactl rule --import` or a sync server, and the same as a profile."
SAYS = "Santa"
DOMAIN = "com.northpolesec.santa"


def translate(orders: Orders, options: Options) -> Translated:
    """BLOCKLIST rules by signing identifier and by hash, with what the person reads."""
    rules: dict[tuple[str, str], dict[str, str]] = {}
    cannot: list[str] = []
    for order in orders.orders:
        made = list(_rules(order, orders.policy)) if order.refuses and not order.versions else []
        for rule in made:
            rules.setdefault((rule["rule_type"], rule["identifier"]), rule)
        cannot += _cannot(order, bool(made))
    if rules:
        cannot.append("Santa refuses starts; what runs already goes on.")
    return Translated(_files(list(rules.values()), orders.organisation), tuple(cannot))


def _files(rules: list[dict[str, str]], organisation: str) -> tuple[File, ...]:
    """The rules as JSON; where there are any also as static rules of a profile, for Macs without a sync server."""
    content = json.dumps({"rules": rules}, ensure_ascii=False, indent=2) + "\n"
    listed = File("santa/rules.json", content.encode(), "`santactl rule --import`, or a sync server")
    if not rules:
        return (listed,)
    static = [{key: plain(value) for key, value in rule.items()} for rule in rules]
    goes_to = "your device management instead, where no sync server is; merge it into Santa's profile"
    made = profile("santa", organisation, {DOMAIN: {"StaticRules": static}})
    return (listed, File("santa/interdict.mobileconfig", made, goes_to))


def _rules(order: Order, policy: str) -> Iterator[dict[str, str]]:
    shown = {"custom_msg": order.says, "comment": f"Interdict {order.ban}, policy {policy}"}
    if order.url:
        shown["custom_url"] = order.url
    for entry in order.spared:
        if entry.sha256:
            yield {
                "rule_type": "BINARY",
                "policy": "ALLOWLIST",
                "identifier": entry.sha256.lower(),
                "comment": shown["comment"],
            }
    for signer in apple_signers(order):
        yield {"rule_type": "SIGNINGID", "policy": "BLOCKLIST", "identifier": f"{signer.who}:{signer.what}", **shown}
    for digest in hashes(order):
        yield {"rule_type": "BINARY", "policy": "BLOCKLIST", "identifier": digest, **shown}


def _cannot(order: Order, made: bool) -> Iterator[str]:
    if not order.refuses:
        yield nothing(order, SAYS, f"its stage is {order.action}, and a rule refuses")
    elif order.versions:
        yield versions_left_out(order, SAYS)
    elif not made:
        yield nothing(order, SAYS, "neither its signature for macOS nor a hash is known")
    else:
        yield from filter(None, [left_out(order, ("signers", "hashes"), SAYS)])
        yield from (spared_left_out(order, entry.purl or entry.path) for entry in order.spared if not entry.sha256)

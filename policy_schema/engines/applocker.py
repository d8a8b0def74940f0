"""AppLocker (Windows): a policy of deny rules over a rule that allows everything else.

Form and meaning as Microsoft documents them: without an allow rule a collection refuses whatever it does not name; a
deny rule wins over every allow rule; a collection is enforced or audited as a whole. A publisher rule needs the whole
name of the signer (`O=..., L=..., S=..., C=...`), which catalogue entries seldom have. AppLocker's hash of a program
is that of its signature's format, not SHA-256 of the file, so hashes of a policy cannot be used.
"""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence

from policy_schema.engines.common.faces import authenticode_signers, under
from policy_schema.engines.common.words import left_out, nothing, spared_left_out, versions_left_out
from policy_schema.engines.interface import File, Options, Order, Orders, Translated

NAME = "applocker"
HELP = "AppLocker on Windows: a policy in XML for Set-AppLockerPolicy, Group Policy or Intune."
SAYS = "AppLocker"
EVERYONE = "S-1-1-0"
IDS = uuid.UUID("6f1d3f43-6a6c-5a53-9b1c-3a0f9d6a2b11")
"""Rule ids are made from this and what a rule says, so that one policy gives one file."""
ALLOW_ALL = "921cc481-6e17-4653-8f75-050b80acca21"


def translate(orders: Orders, options: Options) -> Translated:
    """One collection for programs. Enforced as soon as one ban refuses; before that it only writes to the event log."""
    enforced = any(order.refuses for order in orders.orders)
    policy = ET.Element("AppLockerPolicy", Version="1")
    mode = "Enabled" if enforced else "AuditOnly"
    collection = ET.SubElement(policy, "RuleCollection", Type="Exe", EnforcementMode=mode)
    everything = _rule(collection, "FilePathRule", "Allow", "Everything else is allowed", "", ALLOW_ALL)
    ET.SubElement(ET.SubElement(everything, "Conditions"), "FilePathCondition", Path="*")
    cannot: list[str] = []
    for order in orders.orders:
        usable = (order.refuses or not enforced) and not order.versions and not order.spared
        made = _denied(collection, order) if usable else 0
        cannot += _cannot(order, made, enforced)
    if orders.orders:
        cannot.append("AppLocker shows a text of its own: the policy's words stand in the rules' descriptions only.")
        cannot.append(
            "Scripts, packaged apps and programs that node or python run are not in the collection for programs."
        )
    ET.indent(policy)
    content = ET.tostring(policy, encoding="utf-8", xml_declaration=True) + b"\n"
    goes_to = "`Set-AppLockerPolicy -Merge`, Group Policy or Intune, with the Application Identity service running"
    return Translated((File("applocker/policy.xml", content, goes_to),), tuple(cannot))


def _denied(collection: ET.Element, order: Order) -> int:
    """Adds the order's rules and says how many."""
    signers = [signer for signer in authenticode_signers(order) if _is_whole_name(signer.who)]
    for signer in signers:
        rule = _rule(
            collection, "FilePublisherRule", "Deny", f"{order.tool_name}, signed", order.says, _id(order, signer)
        )
        named = {"PublisherName": signer.who.upper(), "ProductName": signer.what.upper(), "BinaryName": "*"}
        condition = ET.SubElement(ET.SubElement(rule, "Conditions"), "FilePublisherCondition", named)
        ET.SubElement(condition, "BinaryVersionRange", LowSection="*", HighSection="*")
    paths = list(_paths(under(order, "executables", "folders")))
    for path in paths:
        rule = _rule(
            collection, "FilePathRule", "Deny", f"{order.tool_name} in its folder", order.says, _id(order, path)
        )
        ET.SubElement(ET.SubElement(rule, "Conditions"), "FilePathCondition", Path=path)
    return len(signers) + len(paths)


def _rule(collection: ET.Element, kind: str, action: str, name: str, description: str, made_id: str) -> ET.Element:
    said = {"Id": made_id, "Name": name[:1024], "Description": description[:1024]}
    return ET.SubElement(collection, kind, {**said, "UserOrGroupSid": EVERYONE, "Action": action})


def _id(order: Order, what: object) -> str:
    return str(uuid.uuid5(IDS, f"{order.ban}\n{order.tool_id}\n{what}"))


def _is_whole_name(subject: str) -> bool:
    return subject.upper().startswith("O=")


def _paths(folders: Sequence[str]) -> Iterator[str]:
    """The tool's own folders as AppLocker writes them, without those of other systems."""
    for folder in folders:
        if folder.startswith("~/") and not folder.startswith(("~/Library/", "~/Applications/")):
            yield "%OSDRIVE%\\Users\\*\\" + folder[2:].rstrip("/").replace("/", "\\") + "\\*"
        elif folder[1:3] in (":/", ":\\"):
            yield folder.rstrip("/\\").replace("/", "\\") + "\\*"


def _cannot(order: Order, made: int, enforced: bool) -> Iterator[str]:
    if enforced and not order.refuses:
        yield nothing(order, SAYS, f"its stage is {order.action}, and the collection is enforced for other bans")
    elif order.versions:
        yield versions_left_out(order, SAYS)
    elif order.spared:
        yield spared_left_out(order, order.spared[0].purl or order.spared[0].sha256 or order.spared[0].path).replace(
            f"{order.tool_name} is refused there too", f"{order.tool_name} is left out whole"
        )
    elif not made:
        yield nothing(order, SAYS, "neither a folder of its own on Windows nor the whole name of its signer is known")
    else:
        yield from filter(None, [left_out(order, ("executables",), SAYS)])
    if any(not _is_whole_name(signer.who) for signer in authenticode_signers(order)):
        yield (
            f"{order.ban}: {order.tool_name} is signed, but the entry has only the short name of the signer; "
            "`Get-AppLockerFileInformation` shows the whole one, for an entry of your own under `define`."
        )

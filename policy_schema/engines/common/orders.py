"""From a closed policy to the orders that hold at an instant, and what no other engine can be told."""

from __future__ import annotations

from collections.abc import Iterator

from policy_schema.engines.common.words import said, where_to_ask
from policy_schema.engines.interface import Options, Order, Orders, Spared, Values
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant, format_instant, parse_instant
from policy_schema.rules.rulebook import needs_more


def orders_of(document: Values, policy: str, options: Options) -> Orders:
    """The orders of a closed policy (plain JSON values; `policy` is its id) as they stand at `options.at`."""
    orders: list[Order] = []
    cannot: list[str] = []
    for ban in map(_map, _list(document.get("bans"))):
        if needs_more(ban):
            cannot.append(f"{ban['id']}: needs a newer Interdict and is left out.")
            continue
        outside = _outside(_map(ban.get("scope")), options)
        if outside:
            cannot.append(f"{ban['id']}: is not for these devices ({outside}) and is left out.")
            continue
        found, sentences = _of_ban(document, ban, options)
        orders += found
        cannot += sentences
    for model_ban in map(_map, _list(document.get("model_bans"))):
        cannot.append(f"{model_ban['id']}: a ban of models ends at a notice, which other engines do not give.")
    if any(order.refuses for order in orders):
        cannot.append(
            "Exceptions, pauses and requests are not in the files: take a device that has one out of the group "
            "that gets them."
        )
    organisation = str(_map(document.get("organisation")).get("name"))
    return Orders(policy, organisation, tuple(orders), tuple(cannot))


def _of_ban(document: Values, ban: Values, options: Options) -> tuple[list[Order], list[str]]:
    name = str(ban["id"])
    stages = [
        (parse_instant(str(stage["from"])), Action(str(stage["action"]))) for stage in map(_map, _list(ban["stages"]))
    ]
    begun = [action for start, action in sorted(stages) if start <= options.at]
    sentences = list(_limits(name, ban, begun[-1] if begun else None, options))
    later = min(((start, action) for start, action in stages if start > options.at), default=None)
    if later:
        sentences.append(f"{name}: {later[1]} begins at {format_instant(later[0])}: compile again then.")
    if not begun:
        return [], sentences
    tools = _map(document["tools"])
    spared = tuple(_spared(entry) for entry in map(_map, _list(ban.get("except"))))
    made = []
    for target in map(_map, _list(ban["targets"])):
        tool = _map(tools[str(target["tool"])])
        words = said(_map(document["organisation"]), ban, tool, options.at)
        url = where_to_ask(_map(document["organisation"]), ban)
        made.append(Order(name, begun[-1], tool, str(target.get("versions") or ""), spared, words, url))
    return made, sentences


def _limits(name: str, ban: Values, action: Action | None, options: Options) -> Iterator[str]:
    """What the rest of this ban would need of an engine."""
    if action is None:
        return
    scope = _map(ban.get("scope"))
    for field, given in (("regions", options.region), ("groups", options.groups), ("except_groups", options.groups)):
        if scope.get(field) and given is None:
            named = ", ".join(map(str, _list(scope[field])))
            which = "is not for groups" if field == "except_groups" else f"is only for {field}"
            yield f"{name}: {which} {named}: give the files to such devices alone."
    last = max((parse_instant(str(_map(step)["from"])) for step in _list(ban.get("rollout"))), default=Instant(0))
    if last > options.at:
        yield f"{name}: is rolled out in steps until {format_instant(last)}: give the files to as many devices."
    if action.rung >= Action.BLOCK.rung:
        if ban.get("min_notice"):
            yield f"{name}: nobody is refused before a notice was shown (min_notice); here that is yours to do."
        yield f"{name}: what runs gets no time to finish (let_finish), and no countdown is shown."
    if action is Action.REMOVE:
        yield f"{name}: nothing is removed; starts are refused."


def _outside(scope: Values, options: Options) -> str:
    for field, value in (("kinds", options.kind), ("ownership", options.ownership), ("regions", options.region)):
        named = [str(item) for item in _list(scope.get(field))]
        if named and value is not None and value not in named:
            return f"only {', '.join(named)}"
    if options.groups is None:
        return ""
    wanted = {str(group) for group in _list(scope.get("groups"))}
    if wanted and not wanted & options.groups:
        return f"only groups {', '.join(sorted(wanted))}"
    left_out = {str(group) for group in _list(scope.get("except_groups"))} & options.groups
    return f"not group {min(left_out)}" if left_out else ""


def _spared(entry: Values) -> Spared:
    return Spared(*(str(entry.get(field) or "") for field in Spared._fields))


def _map(value: object) -> Values:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else []

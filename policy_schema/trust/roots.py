"""The root of a repository: who may sign, how many must, and how that changes when a key is lost or grows old."""

from __future__ import annotations

from collections.abc import Sequence

from policy_schema.errors import PolicyError
from policy_schema.trust.keys import PublicKeys, owner
from policy_schema.trust.layout import Role
from policy_schema.trust.library import Key, Root
from policy_schema.trust.metadata import SOLO_FIELD, SPEC, Lifetimes, dated, moment


class BadSigners(PolicyError):
    """These people cannot make up a repository."""

    default_advice = "name each signer once, and a threshold that they can reach"


def first_root(people: Sequence[PublicKeys], online: Key, *, threshold: int, now: int, lifetimes: Lifetimes) -> Root:
    """The root that a repository begins with. One person alone is marked in it, for everybody to see.

    Raises:
        BadSigners: too few people, one of them twice, or a threshold that cannot be reached.
    """
    names = [person.name for person in people]
    if len(set(names)) != len(names) or not all(name.strip() and name.isprintable() for name in names):
        raise BadSigners("each signer needs a name of their own")
    if not 1 <= threshold <= len(people):
        raise BadSigners(f"{threshold} of {len(people)} signers cannot be")
    if threshold == 1 and len(people) > 1:
        raise BadSigners("with a threshold of 1 each signer could decide alone", "take --solo, or at least 2 of 3")
    root = Root(1, SPEC, moment(now + lifetimes.root), consistent_snapshot=True)
    for person in people:
        root.add_key(person.root, Role.ROOT)
        root.add_key(person.policy, Role.TARGETS)
    for role in (Role.SNAPSHOT, Role.TIMESTAMP):
        root.add_key(online, role)
    root.roles[Role.ROOT].threshold = root.roles[Role.TARGETS].threshold = threshold
    if threshold == 1:
        root.unrecognized_fields[SOLO_FIELD] = True
    return dated(root, now)


def next_root(root: Root, now: int, lifetimes: Lifetimes) -> Root:
    """The same people once more, good for another year."""
    following = Root.from_dict(root.to_dict())
    following.version += 1
    following.expires = moment(now + lifetimes.root)
    return dated(following, now)


def replace_person(root: Root, name: str, fresh: PublicKeys) -> None:
    """Gives a person new keys, or another person their place; the old keys are worth nothing from then on.

    Raises:
        BadSigners: nobody of that name signs here.
    """
    for role, key in ((Role.ROOT, fresh.root), (Role.TARGETS, fresh.policy)):
        old = [keyid for keyid in root.roles[role].keyids if owner(root.get_key(keyid)) == name]
        if not old:
            raise BadSigners(f"nobody called {name} signs here", "see `interdict-policy keys`")
        for keyid in old:
            root.revoke_key(keyid, role)
        root.add_key(key, role)


def replace_online(root: Root, fresh: Key) -> None:
    """Gives the publishing machine a new key."""
    for role in (Role.SNAPSHOT, Role.TIMESTAMP):
        for keyid in list(root.roles[role].keyids):
            root.revoke_key(keyid, role)
        root.add_key(fresh, role)

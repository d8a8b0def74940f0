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
    if len({key.keyid for person in people for key in (person.root, person.policy)}) != 2 * len(people):
        raise BadSigners("two of these keys are the same", "each signer makes keys of their own")
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
    if fresh.name != name and fresh.name in people_of(root):
        raise BadSigners(f"{fresh.name} signs here already", "name somebody else")
    for role, key in ((Role.ROOT, fresh.root), (Role.TARGETS, fresh.policy)):
        if key.keyid in root.keys:
            raise BadSigners(f"a key of {fresh.name} is in use here already", "make new keys: keys new NAME")
        old = [keyid for keyid in root.roles[role].keyids if owner(root.get_key(keyid)) == name]
        if not old:
            raise BadSigners(f"nobody called {name} signs here", "see `interdict-policy keys`")
        for keyid in old:
            root.revoke_key(keyid, role)
        root.add_key(key, role)


def add_person(root: Root, person: PublicKeys) -> None:
    """One more signer. Where one decided alone, two must sign from then on.

    Raises:
        BadSigners: somebody of that name, or with one of these keys, is there already.
    """
    if person.name in people_of(root):
        raise BadSigners(f"{person.name} signs here already", "`keys replace` gives somebody new keys")
    for role, key in ((Role.ROOT, person.root), (Role.TARGETS, person.policy)):
        if key.keyid in root.keys:
            raise BadSigners(
                f"a key of {person.name} is that of {owner(root.get_key(key.keyid))}", "each signer makes their own"
            )
        root.add_key(key, role)
    if root.roles[Role.ROOT].threshold < 2:
        set_threshold(root, 2)


def remove_person(root: Root, name: str) -> None:
    """Takes a signer away; their keys are worth nothing from then on.

    Raises:
        BadSigners: nobody of that name signs here, or too few would be left.
    """
    people, threshold = people_of(root), root.roles[Role.ROOT].threshold
    if name not in people:
        raise BadSigners(f"nobody called {name} signs here", "see `interdict-policy keys`")
    if len(people) - 1 < max(2, threshold):
        raise BadSigners(
            f"without {name} there would be {len(people) - 1} for a threshold of {threshold}",
            "add somebody first, lower the threshold, or let another person take the place: keys replace --with",
        )
    for role in (Role.ROOT, Role.TARGETS):
        for keyid in [keyid for keyid in root.roles[role].keyids if owner(root.get_key(keyid)) == name]:
            root.revoke_key(keyid, role)


def set_threshold(root: Root, threshold: int) -> None:
    """How many must sign, for the root and for policies.

    Raises:
        BadSigners: fewer than two, or more than there are.
    """
    people = people_of(root)
    if not 2 <= threshold <= len(people):
        raise BadSigners(f"{threshold} of {len(people)} signers cannot be", "at least 2, at most all of them")
    root.roles[Role.ROOT].threshold = root.roles[Role.TARGETS].threshold = threshold
    root.unrecognized_fields.pop(SOLO_FIELD, None)


def people_of(root: Root) -> tuple[str, ...]:
    """Who holds a root key, in alphabetical order."""
    return tuple(sorted(owner(root.get_key(keyid)) for keyid in root.roles[Role.ROOT].keyids))


def replace_online(root: Root, fresh: Key) -> None:
    """Gives the publishing machine a new key."""
    for role in (Role.SNAPSHOT, Role.TIMESTAMP):
        for keyid in list(root.roles[role].keyids):
            root.revoke_key(keyid, role)
        root.add_key(fresh, role)

"""A repository in memory: who must sign, what is refused, what comes out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy_schema.errors import PolicyError
from policy_schema.trust.keys import PublicKeys, make_key
from policy_schema.trust.layout import (
    POLICY_LIMIT,
    TIMESTAMP_PATH,
    Files,
    Role,
    metadata_path,
    newest_root,
    write_order,
)
from policy_schema.trust.metadata import Lifetimes, root_of
from policy_schema.trust.refusal import ADVICE, SENTENCES, Refusal, Refused
from policy_schema.trust.repository import NotEnough, NothingStaged, initialise, publish, renew
from policy_schema.trust.roots import BadSigners, next_root, replace_person
from policy_schema.trust.staging import (
    STAGED_POLICY,
    CannotSign,
    add_signature,
    progress,
    stage_policy,
    stage_root,
)
from policy_schema.trust.vanished import vanished_bans
from policy_schema.trust.verify import verify
from tests.fakes.policy_server import DAY, NAMES, START, PolicyRepository, closed_policy

LIFE = Lifetimes()
LI, WANG, ZHAO = NAMES


def _people(*names: str) -> list[PublicKeys]:
    return [PublicKeys(name, make_key(name).public_key, make_key(name).public_key) for name in names]


@pytest.fixture
def repository() -> PolicyRepository:
    """Two of three, nothing published yet."""
    return PolicyRepository()


def _stage(repository: PolicyRepository, *bans: str) -> dict[str, bytes]:
    return stage_policy(repository.files, {}, closed_policy(*bans), now=START, lifetimes=LIFE)


def _publish(repository: PolicyRepository, staged: Files) -> dict[str, bytes]:
    return publish(repository.files, staged, repository.online, now=START, lifetimes=LIFE)


@pytest.mark.parametrize(
    ("names", "threshold", "shown"),
    [
        pytest.param([LI, LI, ZHAO], 2, "a name of their own", id="one person twice"),
        pytest.param([LI, "", ZHAO], 2, "a name of their own", id="a person without a name"),
        pytest.param([LI, "Wang\nFang", ZHAO], 2, "a name of their own", id="a name with a line feed"),
        pytest.param([LI, WANG, ZHAO], 4, "4 of 3", id="a threshold that nobody reaches"),
        pytest.param([LI, WANG, ZHAO], 0, "0 of 3", id="no threshold"),
        pytest.param([LI, WANG, ZHAO], 1, "each signer could decide alone", id="one of three"),
        pytest.param([], 1, "1 of 0", id="nobody"),
    ],
)
def test_signers_that_make_no_sense_are_refused(names: list[str], threshold: int, shown: str) -> None:
    with pytest.raises(BadSigners, match=shown):
        initialise(_people(*names), [], make_key("on-line").public_key, threshold=threshold, now=START, lifetimes=LIFE)


@pytest.mark.parametrize(
    ("signers", "signed", "complete"),
    [
        pytest.param([], [], False, id="nobody has signed"),
        pytest.param([LI], [LI], False, id="one of two has signed"),
        pytest.param([LI, LI], [LI], False, id="one has signed twice"),
        pytest.param([ZHAO, LI], [LI, ZHAO], True, id="two have signed"),
        pytest.param([ZHAO, LI, WANG], [LI, WANG, ZHAO], True, id="all have signed"),
    ],
)
def test_progress_names_who_signed(
    repository: PolicyRepository, signers: list[str], signed: list[str], complete: bool
) -> None:
    staged = _stage(repository, "a")
    for name in signers:
        staged = add_signature(repository.files, staged, repository.policies[name])
    (part,) = progress(repository.files, staged)
    assert (list(part.signed), part.complete) == (signed, complete)
    assert set(part.missing) == set(NAMES) - set(signed)
    if complete:
        assert TIMESTAMP_PATH in _publish(repository, staged)
    else:
        with pytest.raises(NotEnough, match=f"{len(signed)} of the 2") as refused:
            _publish(repository, staged)
        assert all(name in refused.value.advice() for name in part.missing)


def test_nothing_staged_is_not_published(repository: PolicyRepository) -> None:
    with pytest.raises(NothingStaged):
        _publish(repository, {})


@pytest.mark.parametrize("key", ["a stranger's", "the on-line key", "a root key"])
def test_a_key_without_a_say_signs_nothing(repository: PolicyRepository, key: str) -> None:
    signer = {"a stranger's": make_key(LI), "the on-line key": repository.online, "a root key": repository.roots[LI]}[
        key
    ]
    with pytest.raises(CannotSign):
        add_signature(repository.files, _stage(repository, "a"), signer)


def test_a_staged_policy_that_was_swapped_is_noticed_before_anybody_signs(repository: PolicyRepository) -> None:
    staged = {**_stage(repository, "a"), STAGED_POLICY: closed_policy("a", "b")}
    with pytest.raises(Refused, match="not the one that is being signed"):
        progress(repository.files, staged)


def test_a_change_staged_before_another_was_published_is_refused(repository: PolicyRepository) -> None:
    staged = _stage(repository, "a")
    for name in (LI, WANG):
        staged = add_signature(repository.files, staged, repository.policies[name])
    repository.publish("a", "b")
    with pytest.raises(Refused, match="stage it again"):
        _publish(repository, staged)


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        pytest.param('{"bans":[{"id":"a"}]}', '{"bans":[{"id":"a"}]}', (), id="the same bans"),
        pytest.param('{"bans":[{"id":"a"}]}', '{"bans":[]}', ("a",), id="a ban is gone"),
        pytest.param('{"bans":[{"id":"a"}]}', '{"bans":[],"lifted":[{"id":"a"}]}', (), id="a ban is lifted"),
        pytest.param('{"bans":[{"id":"b"},{"id":"a"}]}', "{}", ("a", "b"), id="all bans are gone"),
        pytest.param('{"model_bans":[{"id":"m"}]}', '{"bans":[]}', ("m",), id="a model ban is gone"),
        pytest.param('{"bans":[{"id":"a"}]}', '{"bans":[{"id":"A"}]}', ("a",), id="an id in other letters is another"),
        pytest.param("{}", '{"bans":[{"id":"a"}]}', (), id="a ban is new"),
    ],
)
def test_a_ban_that_vanished_is_named(before: str, after: str, gone: tuple[str, ...]) -> None:
    assert vanished_bans(before.encode(), after.encode()) == gone


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"bans":[1]}', b'{"bans":{}}', b'{"bans":[{}]}']
)
def test_what_is_no_policy_is_not_compared(content: bytes) -> None:
    with pytest.raises(Refused) as refused:
        vanished_bans(content, b"{}")
    assert refused.value.code is Refusal.BAD_DOCUMENT


def test_staging_refuses_a_ban_that_vanished(repository: PolicyRepository) -> None:
    repository.publish("a", "b")
    with pytest.raises(Refused, match=r"\(b\)") as refused:
        _stage(repository, "a")
    assert refused.value.code is Refusal.BAN_VANISHED


def test_staging_refuses_a_policy_that_no_device_reads(repository: PolicyRepository) -> None:
    with pytest.raises(Refused) as refused:
        stage_policy(repository.files, {}, b"{}" + b" " * POLICY_LIMIT, now=START, lifetimes=LIFE)
    assert refused.value.code is Refusal.TOO_BIG


def test_renewing_changes_nothing_but_the_online_files(repository: PolicyRepository) -> None:
    policy = repository.publish("a")
    files = renew(repository.files, root_of(repository.files), repository.online, now=START + DAY, lifetimes=LIFE)
    assert set(files) == {TIMESTAMP_PATH, "metadata/2.snapshot.json"}
    found = verify({**repository.files, **files}, repository.trust, now=START + 7 * DAY + 60)
    assert (found.policy, found.version, found.signed_at) == (policy, 1, START + DAY)


def test_renewing_before_the_first_policy_says_so(repository: PolicyRepository) -> None:
    with pytest.raises(Refused, match="nothing is published yet"):
        renew(repository.files, root_of(repository.files), repository.online, now=START, lifetimes=LIFE)


def test_a_stranger_s_online_key_publishes_nothing(repository: PolicyRepository) -> None:
    repository.publish("a")
    with pytest.raises(Refused, match="not the on-line key"):
        renew(repository.files, root_of(repository.files), make_key("on-line"), now=START, lifetimes=LIFE)


@pytest.mark.parametrize(
    ("signers", "complete"),
    [
        pytest.param([LI, WANG], True, id="two who stay"),
        pytest.param([LI, ZHAO], False, id="one who stays and the one who leaves"),
        pytest.param([WANG], False, id="one who stays"),
    ],
)
def test_a_new_root_needs_the_old_people_and_the_new_ones(
    repository: PolicyRepository, signers: list[str], complete: bool
) -> None:
    root = next_root(root_of(repository.files), START, LIFE)
    replace_person(root, ZHAO, _people("Chen Jie")[0])
    staged = stage_root({}, root)
    for name in signers:
        staged = add_signature(repository.files, staged, repository.roots[name])
    (part,) = progress(repository.files, staged)
    assert (part.role, part.version, part.complete) == (Role.ROOT, 2, complete)
    assert "Chen Jie" in part.missing


def test_replacing_nobody_is_refused(repository: PolicyRepository) -> None:
    with pytest.raises(BadSigners, match="nobody called Mallory"):
        replace_person(root_of(repository.files), "Mallory", _people("Mallory")[0])


@pytest.mark.parametrize(
    ("role", "wait", "refused"),
    [
        pytest.param(Role.TIMESTAMP, LIFE.online, True, id="the timestamp ends after a week"),
        pytest.param(Role.TIMESTAMP, LIFE.online - 1, False, id="a second before, it counts"),
    ],
)
def test_expiry_counts_to_the_second(repository: PolicyRepository, role: Role, wait: int, refused: bool) -> None:
    repository.publish("a")
    if not refused:
        assert verify(repository.files, repository.trust, now=START + wait).ends == START + LIFE.online
        return
    with pytest.raises(Refused, match=role) as error:
        verify(repository.files, repository.trust, now=START + wait)
    assert error.value.code is Refusal.EXPIRED


@pytest.mark.parametrize(("days", "role"), [(91, "targets"), (366, "root")])
def test_what_expired_is_named_when_only_the_online_files_are_renewed(
    repository: PolicyRepository, days: int, role: str
) -> None:
    repository.publish("a")
    repository.now = START + days * DAY
    repository.renew()
    with pytest.raises(Refused, match=rf"\({role}\)"):
        verify(repository.files, repository.trust, now=repository.now)


def test_what_was_good_once_is_verified_again_without_a_clock(repository: PolicyRepository) -> None:
    policy = repository.publish("a")
    assert verify(repository.files, repository.trust, now=None).policy == policy


@pytest.fixture(scope="module")
def published() -> PolicyRepository:
    """Two versions, for the property below."""
    made = PolicyRepository()
    made.publish("a")
    made.publish("a", "b")
    return made


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_byte_anywhere_brings_another_policy(published: PolicyRepository, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(published.files)))
    content = bytearray(published.files[path])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] = data.draw(st.integers(0, 255))
    try:
        found = verify({**published.files, path: bytes(content)}, published.trust, now=START)
    except Refused as refused:
        assert refused.code in SENTENCES
        return
    assert found.policy == published.policy


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_as_a_first_root_are_refused_with_a_code(content: bytes) -> None:
    with pytest.raises(Refused) as refused:
        verify({}, content, now=START)
    assert refused.value.code is Refusal.FIRST_TRUST_MISSING


@pytest.mark.parametrize("code", list(Refusal))
def test_every_refusal_has_a_sentence_and_an_advice_of_its_own(code: Refusal) -> None:
    assert [s for s in SENTENCES.values() if s == SENTENCES[code]] == [SENTENCES[code]]
    assert ADVICE[code].endswith(".")


def test_the_timestamp_is_written_last_and_the_policy_first(repository: PolicyRepository) -> None:
    repository.publish("a")
    order = sorted(repository.files, key=write_order)
    assert order[0].startswith("targets/")
    assert order[-1] == TIMESTAMP_PATH
    assert order.index("metadata/1.targets.json") < order.index("metadata/1.snapshot.json")


@pytest.mark.parametrize(
    ("paths", "newest"),
    [
        pytest.param([], 0, id="no root at all"),
        pytest.param(["metadata/1.root.json"], 1, id="the first"),
        pytest.param(["metadata/2.root.json", "metadata/3.root.json"], 3, id="a device that began with the second"),
        pytest.param(["metadata/1.root.json", "metadata/3.root.json"], 1, id="a gap ends the chain"),
        pytest.param(
            ["metadata/x.root.json", "metadata/٣.root.json", "metadata/01.root.json"], 0, id="names that are none"
        ),
    ],
)
def test_the_newest_root_of_an_unbroken_chain(paths: list[str], newest: int) -> None:
    assert newest_root(dict.fromkeys(paths, b"")) == newest


def test_errors_say_what_to_do() -> None:
    attempts: list[Callable[[], object]] = [
        lambda: _publish(PolicyRepository(), {}),
        lambda: add_signature({}, {}, make_key("x")),
        lambda: root_of({}),
    ]
    for attempt in attempts:
        with pytest.raises(PolicyError) as error:
            attempt()
        assert error.value.advice()


def test_metadata_paths() -> None:
    assert [metadata_path(role, 3) for role in Role] == [
        "metadata/3.root.json",
        "metadata/timestamp.json",
        "metadata/3.snapshot.json",
        "metadata/3.targets.json",
    ]

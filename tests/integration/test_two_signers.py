"""Signers on machines of their own: keys made there, public files and signatures by git, agents that follow.

The real commands, real git between several checkouts, a real web server and the agent's own children.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.policy import children
from agent.policy.refresh import Place, Refresh, Status, refresh, restore
from agent.policy.store import Store
from policy_schema.authoring.files import read_folders
from policy_schema.authoring.options import clock
from policy_schema.authoring.workspace import LIMIT, REPOSITORY
from policy_schema.trust import keyfile
from tests.fakes.author import POLICY
from tests.fakes.office import CHEN, LI, WANG, ZHAO, Office, Signer, two_of_three
from tests.fakes.policy_server import PolicyServer


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key files that cost milliseconds to open: here they are opened a hundred times."""
    monkeypatch.setattr(keyfile, "ROUNDS", (1 << 10, 8, 1))


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return two_of_three(tmp_path, capsys)


class Device:
    """An agent's policy, polled over HTTP by its own children."""

    def __init__(self, signer: Signer, state: Path) -> None:
        self.server = PolicyServer(lambda: read_folders(signer.dir / "repository", REPOSITORY, LIMIT))
        self._place = Place(self.server.url, (signer.dir / "root.json").read_bytes())
        self._store = Store(str(state))
        self._last: Refresh | None = None

    def poll(self) -> tuple[Status, int, int]:
        """How it went, and the root and the policy in force."""
        before = self._last.adopted if self._last else None
        looked = refresh(
            self._place,
            self._store,
            courier=children.courier(None),
            adopter=children.adopter(None),
            now=clock(),
            seen={},
            in_force=before,
        )
        self._last = looked if looked.adopted else self._last
        adopted = self._last.adopted if self._last else None
        return looked.status, adopted.versions.root if adopted else 0, adopted.version if adopted else 0

    def restart(self) -> Status:
        return restore(self._place, self._store, adopter=children.adopter(None), seen={}).status

    @property
    def signers(self) -> tuple[str, ...]:
        assert self._last is not None and self._last.adopted is not None
        return self._last.adopted.signers


@pytest.fixture
def device(office: Office, tmp_path: Path) -> Iterator[Device]:
    made = Device(office[LI], tmp_path / "state")
    with made.server:
        yield made


def verified(signer: Signer) -> dict[str, object]:
    ran = signer.run("verify", str(signer.dir), "--trust-root", str(signer.dir / "root.json"), "--json")
    found: dict[str, object] = json.loads(ran.out)
    return found


def test_two_signers_on_two_checkouts_produce_one_publication(office: Office, device: Device) -> None:
    office[LI].signs(str(office[LI].policy))
    alone = office[LI].do("publish")
    assert (alone.code, "has 1 of the 2 signatures" in alone.err) == (2, True), "one alone cannot publish"
    assert device.poll()[0] is Status.NOT_A_REPOSITORY

    shown = office[WANG].signs(str(office[WANG].policy))
    assert "Complete. Next: interdict-policy publish" in shown.out
    office[LI].publishes()
    assert device.poll() == (Status.ADOPTED, 1, 1)
    assert device.signers == (LI, WANG)

    office[ZHAO].pull()
    assert verified(office[ZHAO])["signers"] == [LI, WANG], "the third sees the same publication"
    assert office[ZHAO].do("publish").code == 2, "nothing is left to publish"


def test_no_private_key_ever_travels(office: Office) -> None:
    for one in office.people.values():
        assert len(list(one.keys.glob("*.pem"))) == (3 if one.name == LI else 2)
        listed = subprocess.run(["git", "ls-files"], cwd=one.dir, capture_output=True, text=True, check=True).stdout
        assert not [line for line in listed.splitlines() if line.endswith(".pem")]
    log = subprocess.run(["git", "log", "-p"], cwd=office[LI].dir, capture_output=True, text=True, check=True).stdout
    assert "PRIVATE KEY" not in log


ALONE = {
    "a stricter ban": POLICY.replace("block", "remove"),
    "longer exceptions": POLICY + "exceptions: {max_days: 365}\n",
    "longer pauses": POLICY + 'pause: {max: "30d"}\n',
    "exceptions signed by a key of their own": POLICY,
}


@pytest.mark.parametrize("change", ALONE)
def test_who_has_only_one_key_cannot_strengthen_anything(office: Office, device: Device, change: str) -> None:
    """Zhao signs it twice over and takes everything that travels; it is still one signature. Nor does it weaken."""
    office[LI].signs(str(office[LI].policy))
    office[WANG].signs()
    office[LI].publishes()
    assert device.poll() == (Status.ADOPTED, 1, 1)
    zhao = office[ZHAO]
    zhao.pull()
    zhao.policy.write_text(ALONE[change])
    if ALONE[change] == POLICY:
        assert zhao.do("keys", "delegate", "Zhao again").code == 0
    assert zhao.sign(str(zhao.policy)).code == 0
    again = zhao.sign()
    assert (again.code, "no key here has anything left to sign" in again.err) == (2, True)
    assert "1 of the 2" in zhao.do("publish").err
    one = json.loads((zhao.dir / "staged/targets.json").read_text())
    one["signatures"] *= 2
    (zhao.dir / "staged/targets.json").write_text(json.dumps(one))
    assert zhao.do("publish").code == 2, "the same signature twice"
    zhao.push()
    office[LI].pull()
    assert device.poll()[0] is Status.UNCHANGED


def test_a_replaced_key_no_longer_counts(office: Office, device: Device) -> None:
    office[LI].signs(str(office[LI].policy))
    office[ZHAO].signs()
    office[LI].publishes()
    assert device.poll() == (Status.ADOPTED, 1, 1)
    thief = {path.name: path.read_bytes() for path in office[ZHAO].keys.glob("*.pem")}

    for path in (*office[ZHAO].keys.glob("*.pem"), *office[ZHAO].base.glob("*.pub.json")):
        path.unlink()
    fresh = office[ZHAO].new_keys()
    assert office[LI].do("keys", "replace", ZHAO, "--with", str(fresh)).code == 0
    office[LI].push()
    shown = office[LI].signs()
    assert shown.out.count("fingerprint") == 3
    office[WANG].signs()
    office[LI].publishes()
    assert device.poll() == (Status.ADOPTED, 2, 2)
    assert device.signers == (LI, WANG)

    stolen = office.base / "stolen"
    stolen.mkdir()
    for name, content in thief.items():
        (stolen / name).write_bytes(content)
    office[LI].policy.write_text(POLICY.replace("block", "remove"))
    office[LI].signs(str(office[LI].policy))
    office[ZHAO].pull()
    ran = office[ZHAO].run(
        "sign", "--yes", "--dir", str(office[ZHAO].dir), "--keys", str(stolen), "--passphrase-file",
        str(office[ZHAO].phrase),
    )  # fmt: skip
    assert (ran.code, "no key here has anything left to sign" in ran.err) == (2, True), "the old key signs nothing"
    office[ZHAO].signs()
    office[LI].publishes()
    assert device.poll() == (Status.ADOPTED, 2, 3)
    assert device.signers == (LI, ZHAO), "the new one does"


def test_an_agent_that_was_offline_across_three_root_versions_follows(office: Office, device: Device) -> None:
    """Li, Wang and Zhao go one after the other; at the end nobody whom the device first trusted is left of two."""
    office[LI].signs(str(office[LI].policy))
    office[WANG].signs()
    office[LI].publishes()
    assert device.poll() == (Status.ADOPTED, 1, 1)

    for name, signers in ((CHEN, (LI, WANG)), ("Liu Yang", (LI, CHEN)), ("Sun Li", (CHEN, "Liu Yang"))):
        fresh = office.joins(name).new_keys()
        goes = {CHEN: ZHAO, "Liu Yang": WANG, "Sun Li": LI}[name]
        publisher = office[LI]
        publisher.pull()
        assert publisher.do("keys", "replace", goes, "--with", str(fresh)).code == 0
        publisher.push()
        # Those who stay and the new one agree; the root before wants two of its own people.
        for who in dict.fromkeys((*signers, name)):
            office[who].signs()
        publisher.publishes()
    assert device.poll() == (Status.ADOPTED, 4, 4)
    assert set(device.signers) <= {CHEN, "Liu Yang", "Sun Li"}
    assert device.restart() is Status.ADOPTED


def test_one_signer_grows_to_two_of_three_and_agents_follow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    office = Office(tmp_path, capsys, LI)
    office.begin("--solo", f"--signer={LI}")
    li = office[LI]
    li.signs(str(li.policy))
    li.publishes()
    device = Device(li, tmp_path / "state")
    with device.server:
        assert device.poll() == (Status.ADOPTED, 1, 1)
        public = [str(office.joins(name).new_keys()) for name in (WANG, ZHAO)]
        assert li.do("keys", "add", *public).code == 0
        li.push()
        li.signs()
        assert "1 of the 2" in li.do("publish").err, "what two must sign one cannot bring in"
        office[WANG].signs()
        li.publishes()
        assert device.poll() == (Status.ADOPTED, 2, 2)
        assert device.signers == (LI, WANG)
        assert "ONE SIGNER" not in li.run("status", "--dir", str(li.dir)).out

        li.policy.write_text(POLICY.replace("block", "remove"))
        li.signs(str(li.policy))
        assert li.do("publish").code == 2, "who decided alone no longer does"
        office[ZHAO].signs()
        li.publishes()
        assert device.poll() == (Status.ADOPTED, 2, 3)
        assert device.restart() is Status.ADOPTED

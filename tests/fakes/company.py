"""A company in a folder: its signers, the key of its console, and the files that a web server serves as its policy."""

from __future__ import annotations

import time
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from agent.host.person_socket import NAME, connect
from console.decisions import Decisions, Publish, Publishing
from console.policy.follow import Source
from policy_schema.messages import local
from policy_schema.trust.keys import make_key
from policy_schema.trust.library import CryptoSigner
from tests.fakes.policies import ban, closed
from tests.fakes.workstation import Workstation

PASSPHRASE = "four words that open it"
HOUR = 3600


class Company:
    """One machine, one console, and the folder from which the web server serves the policy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "repository"
        self.phrase = folder / "phrase"
        self.phrase.write_text(PASSPHRASE + "\n")
        self.phrase.chmod(0o600)
        (folder / "data").mkdir(mode=0o700)
        self.console_key = make_key("console")

    def publish(self, agent: Workstation) -> Decisions:
        """The signers publish two bans that block, and name the console's key."""
        rest = {"let_finish": 0, "kill_after": 2}
        stages = [
            {"from": _utc(-2 * HOUR), "action": "notify", **rest},
            {"from": _utc(-HOUR), "action": "block", **rest},
        ]
        second = {"id": "qoder-cli", "targets": [{"tool": "qoder", "versions": None}], "alternatives": []}
        bans = [ban(stages=stages), ban(stages=stages, **second)]
        repository = agent.repository
        repository.publish_document(closed(*bans), self.console_key.public_key)
        (self.folder / "root.json").write_bytes(repository.trust)
        self.write(repository.files)
        publishing = Publishing(
            how=Publish.DIRECTLY,
            folder=self.files,
            key=self._key_file("exceptions", self.console_key),
            key_passphrase=self.phrase,
            online_key=self._key_file("online", repository.online),
            online_passphrase=self.phrase,
            trust_root=self.folder / "root.json",
        )
        return Decisions(Source(str(self.files), self.folder / "root.json", every=5), publishing)

    def _key_file(self, name: str, key: CryptoSigner) -> Path:
        path = self.folder / f"{name}.pem"
        locked = BestAvailableEncryption(PASSPHRASE.encode())
        private = load_pem_private_key(key.private_bytes, None)
        path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        return path

    def write(self, files: dict[str, bytes]) -> None:
        for path, content in files.items():
            (self.files / path).parent.mkdir(parents=True, exist_ok=True)
            (self.files / path).write_bytes(content)

    def upload(self, agent: Workstation) -> None:
        """The web server serves what lies in the folder now, and the agent looks."""
        found = [path for part in ("metadata", "targets") for path in (self.files / part).glob("*.json")]
        agent.repository.files = {path.relative_to(self.files).as_posix(): path.read_bytes() for path in found}
        agent.poll()


def _utc(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def press(agent: Workstation, notice: str) -> None:
    """The button "Ask for an exception" of a notice, as the notifier hands it over."""
    connection = connect(str(agent.state / NAME))
    try:
        data = local.pack(local.Hello(what="notifier")) + local.pack(local.Pressed(notice=notice, key=local.ASK))
        while data:
            data = data[connection.send(data) :]
    finally:
        connection.close()

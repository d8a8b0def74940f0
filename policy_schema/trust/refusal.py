"""Why a policy repository is refused: a closed list, a sentence each. Standard library only: the daemon imports it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from policy_schema.errors import PolicyError


class Refusal(StrEnum):
    """The closed list. `status`, reports and the console use these words."""

    UNREACHABLE = "unreachable"
    NOT_A_REPOSITORY = "not-a-repository"
    FIRST_TRUST_MISSING = "first-trust-missing"
    TOO_BIG = "too-big"
    HALF_UPLOADED = "half-uploaded"
    UNSIGNED = "unsigned"
    WRONGLY_SIGNED = "wrongly-signed"
    BELOW_THRESHOLD = "below-threshold"
    TAMPERED = "tampered"
    OLDER = "older"
    EXPIRED = "expired"
    BAD_DOCUMENT = "bad-document"
    BAN_VANISHED = "ban-vanished"


SENTENCES: Mapping[Refusal, str] = {
    Refusal.UNREACHABLE: "The policy server did not answer",
    Refusal.NOT_A_REPOSITORY: "What answers at the policy address is not a policy repository",
    Refusal.FIRST_TRUST_MISSING: "This device has no usable first root, so no policy can be trusted",
    Refusal.TOO_BIG: "A file of the policy repository is larger than is ever read",
    Refusal.HALF_UPLOADED: "The policy repository is between two versions: its files do not belong together",
    Refusal.UNSIGNED: "The policy repository holds a file without any signature",
    Refusal.WRONGLY_SIGNED: "The policy repository holds a file that strangers signed",
    Refusal.BELOW_THRESHOLD: "The policy repository holds a file that too few people signed",
    Refusal.TAMPERED: "A file of the policy repository was changed after it was signed",
    Refusal.OLDER: "The policy repository is older than what this device has already seen",
    Refusal.EXPIRED: "The signatures of the policy repository have expired",
    Refusal.BAD_DOCUMENT: "The policy is signed but cannot be used",
    Refusal.BAN_VANISHED: "A ban is gone from the policy without being lifted",
}

ADVICE: Mapping[Refusal, str] = {
    Refusal.UNREACHABLE: "Check the network, the proxy and `policy_url` in the settings.",
    Refusal.NOT_A_REPOSITORY: "Check `policy_url` in the settings, and that no sign-in page stands in between.",
    Refusal.FIRST_TRUST_MISSING: "Put the root.json that `interdict-policy init` wrote where the settings say.",
    Refusal.TOO_BIG: "Check what the policy server serves.",
    Refusal.HALF_UPLOADED: "Upload the whole repository again, timestamp.json last.",
    Refusal.UNSIGNED: "Upload the repository again as `interdict-policy publish` wrote it.",
    Refusal.WRONGLY_SIGNED: "Find out who wrote to the policy server, then upload the repository again.",
    Refusal.BELOW_THRESHOLD: "Let the missing people sign (`interdict-policy status` names them) and publish again.",
    Refusal.TAMPERED: "Find out who wrote to the policy server, then upload the repository again.",
    Refusal.OLDER: "Upload the newest repository; an old backup is never accepted.",
    Refusal.EXPIRED: "Run `interdict-policy renew`, or `sign` and `publish` when it is the policy that expired.",
    Refusal.BAD_DOCUMENT: "Run `interdict-policy lint` on the policy, then sign and publish it again.",
    Refusal.BAN_VANISHED: "Write the ban under `lifted`, then sign and publish again.",
}


class Refused(PolicyError):
    """A repository was refused. `code` is of the closed list; `detail` names the file, role or version."""

    def __init__(self, code: Refusal, detail: str = "") -> None:
        self.code = code
        self.detail = detail
        super().__init__(sentence(code, detail), ADVICE[code])


def sentence(code: Refusal, detail: str = "") -> str:
    """What people read: the code's own sentence and what it was in this case."""
    return f"{SENTENCES[code]} ({detail})" if detail else SENTENCES[code]

"""The claims of the example policy, looked for in the packages as they were published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policy_schema.authoring.cli.main import main

pytestmark = pytest.mark.online

EXAMPLE = Path(__file__).parents[2] / "examples" / "claude-code-ban" / "policy.yaml"


def test_the_claim_about_time_zone_and_proxy_holds(capsys: pytest.CaptureFixture[str]) -> None:
    """2.1.91 to 2.1.197 contain both zones, 2.1.90 and 2.1.198 neither."""
    assert main(["evidence", str(EXAMPLE), "--json"]) == 0
    claims = json.loads(capsys.readouterr().out)["claims"]
    assert [(claim["standing"], claim["answer"]) for claim in claims] == [
        ("confirmed", "holds"),
        ("alleged", "cannot-be-checked"),
    ]
    assert [(row["version"], row["contains"]) for row in claims[0]["versions"]] == [
        ("2.1.90", False),
        ("2.1.91", True),
        ("2.1.197", True),
        ("2.1.198", False),
    ]

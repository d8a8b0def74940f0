"""Machines in unfriendly places: the agent installs itself there, says what is wrong, and goes on protecting.

A full disk: `tests/integration/test_attacks_daemon.py` and `test_quarantine_root.py`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.authority import Authority, inspecting_proxy
from tests.fakes.landlocked import is_there
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import Workstation
from tests.fakes.wrong_clock import wrong_clock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the agent's doors are those of Linux")
MONTH = 30 * 86_400


def install(prefix: Path) -> Path:
    """A banned package; its folder."""
    return synthetic_npm_install(prefix, "@anthropic-ai/claude-code", "2.1.112", "js")


def checks(workstation: Workstation) -> dict[str, dict[str, str]]:
    """What the doctor says, by the name of the check."""
    document = json.loads(workstation.command("doctor", "--json").stdout)
    return {row["name"]: row for row in document["checks"]}


class TestBehindAProxyThatLooksIntoTls:
    @pytest.fixture
    def authorities(self) -> Iterator[tuple[Authority, Authority]]:
        """In a folder that the courier's user can enter."""
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            folder.chmod(0o755)
            yield Authority(folder, "Public Root"), Authority(folder, "Example Group TLS Inspection")

    @pytest.fixture
    def workstation(self, tmp_path: Path, authorities: tuple[Authority, Authority]) -> Iterator[Workstation]:
        public, _ = authorities
        with Workstation(tmp_path, tls=public.server("127.0.0.1")) as workstation:
            yield workstation

    def test_it_says_who_signed_and_goes_on_by_what_it_has_until_the_root_is_known(
        self, workstation: Workstation, authorities: tuple[Authority, Authority]
    ) -> None:
        public, company = authorities
        workstation.publish("block")
        install(workstation.prefix)
        workstation.start(ca_file=os.fspath(public.file))
        workstation.wait_for_view(lambda rows: [row["action"] for row in rows] == ["block"])
        workstation.stop()
        with inspecting_proxy(company, public) as proxy:
            mark = workstation.mark()
            workstation.start(ca_file=os.fspath(public.file), proxy=proxy)
            refused = workstation.wait_for(mark, event="policy-unreachable")
            assert "the certificate that it shows is not trusted on this machine" in str(refused)
            workstation.wait_for_view(lambda rows: [row["action"] for row in rows] == ["block"])
            said = checks(workstation)["policy server"]
            assert said["result"] == "failed"
            assert "Example Group TLS Inspection" in said["what"]
            assert "ca_file" in said["advice"]
            workstation.write_settings(ca_file=os.fspath(company.file), proxy=proxy)
            assert checks(workstation)["policy server"]["result"] == "ok"
            workstation.stop()
            workstation.publish("block", "remove")
            mark = workstation.mark()
            workstation.start(ca_file=os.fspath(company.file), proxy=proxy)
            workstation.wait_for(mark, event="policy-adopted", version=2)


@pytest.mark.managers
def test_without_a_network_for_a_month_what_is_in_force_stays_in_force(tmp_path: Path) -> None:
    with wrong_clock(tmp_path) as clock, Workstation(tmp_path) as workstation:
        workstation.publish("block")
        install(workstation.prefix)
        workstation.start()
        workstation.wait_for_view(lambda rows: [row["action"] for row in rows] == ["block"])
        workstation.stop()
        clock.move(MONTH)
        mark = workstation.mark()
        workstation.start(policy_url="http://127.0.0.1:9/")
        workstation.wait_for(mark, event="policy-unreachable")
        workstation.wait_for_view(lambda rows: [row["action"] for row in rows] == ["block"])
        workstation.wait_for_machine(lambda view: '"problem": "unreachable"' in json.dumps(view))
        said = checks(workstation)
        assert said["policy server"]["result"] == "failed" and "nobody takes the connection" in str(said)
        assert said["policy"]["result"] == "failed" and "30 days" in said["policy"]["what"]


@pytest.mark.root
def test_where_a_security_module_says_no_it_is_unknown_and_the_rest_goes_on(tmp_path: Path) -> None:
    assert is_there(), "this kernel has no Landlock"
    with Workstation(tmp_path) as workstation:
        workstation.publish("block")
        install(workstation.prefix)
        refused = install(workstation.home / ".nvm" / "versions" / "node" / "v20.0.0")
        workstation.state.mkdir()  # what is made later would be refused too
        workstation.behind = (sys.executable, "-m", "tests.fakes.landlocked", os.fspath(refused))
        workstation.start()
        workstation.wait_for_view(lambda rows: "block" in [row["action"] for row in rows])
        said = checks(workstation)["refusals"]
        assert said["result"] == "weak"
        assert "could not be looked at for lack of a right" in said["what"]
        assert "SELinux" in said["advice"]


@pytest.mark.parametrize(
    ("date", "said"),
    [("Sat, 21 Nov 2037 12:00:00 GMT", "behind"), ("Mon, 21 Nov 2016 12:00:00 GMT", "ahead of")],
    ids=["a clock that is years behind", "a clock that is years ahead"],
)
def test_a_clock_that_differs_from_the_servers_is_named(tmp_path: Path, date: str, said: str) -> None:
    with Workstation(tmp_path) as workstation:
        workstation.server.date = date
        workstation.write_settings()
        clock = checks(workstation)["clock"]
        assert (clock["result"], said in clock["what"]) == ("failed", True), clock
        assert "NTP" in clock["advice"]

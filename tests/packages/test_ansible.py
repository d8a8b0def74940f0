"""The Ansible role: linted, then run for real against a machine with systemd: twice, upgraded, and taken away again."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.built import NEW, OLD, built
from tests.fakes.little_machine import LittleMachine, little_machine
from tests.fakes.packaged import Fleet, blocking, fleet
from tests.fakes.running_console import SECRET

pytestmark = pytest.mark.packages
CONNECTIONS = Path(__file__).parents[1] / "fakes/ansible_connections"
KIT = Path(__file__).parents[2] / "installers/ansible"


def test_it_has_no_fault_that_the_linter_knows() -> None:
    files = ["site.yml", "roles/interdict"]
    done = subprocess.run(["ansible-lint", "--offline", "--nocolor", *files], cwd=KIT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failure(s), 0 warning(s)" in done.stdout + done.stderr


class Controller:
    """Where the playbook is run; the machine is reached through its namespaces."""

    def __init__(self, folder: Path, machine: LittleMachine) -> None:
        self.folder = folder
        self.first = machine.first
        self.failures: list[str] = []
        (folder / "hosts").write_text("[workstations]\nlittle\n")

    def play(self, **values: object) -> dict[str, int]:
        """Runs it with these values; how many tasks were ok, changed, failed."""
        reach = {"ansible_connection": "little", "little_first": self.first, "ansible_become": False}
        reach |= {"ansible_python_interpreter": "/usr/bin/python3"}
        words = ["ansible-playbook", "-i", "hosts", "-e", json.dumps({**reach, **values}), os.fspath(KIT / "site.yml")]
        names = ("PATH", "HOME", "LANG")
        environment = {name: os.environ[name] for name in names if name in os.environ}
        environment |= {"ANSIBLE_ROLES_PATH": os.fspath(KIT / "roles"), "ANSIBLE_STDOUT_CALLBACK": "json"}
        environment |= {
            "ANSIBLE_CONNECTION_PLUGINS": os.fspath(CONNECTIONS),
            "ANSIBLE_LOCAL_TEMP": os.fspath(self.folder / "local"),
            "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(words, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300)
        said = json.loads(done.stdout[done.stdout.index("{") :])
        hosts = [
            (task["task"]["name"], host)
            for play in said["plays"]
            for task in play["tasks"]
            for host in task["hosts"].values()
        ]
        self.failures = [f"{name}: {host.get('msg')}" for name, host in hosts if host.get("failed")]
        counts: dict[str, int] = said["stats"]["little"]
        return counts


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Fleet]:
    with fleet(tmp_path) as made:
        made.publish(blocking())
        yield made


@pytest.mark.root
@pytest.mark.slow
def test_from_nothing_to_the_first_report_and_back(servers: Fleet, tmp_path: Path) -> None:
    (tmp_path / "root.json").write_bytes(servers.repository.trust)
    with little_machine() as machine:
        controller = Controller(tmp_path, machine)
        machine.run("sh", "-c", "apt-get update -qq && apt-get install -qq -y python3-apt", timeout=300)
        values: dict[str, object] = {
            "interdict_package": os.fspath(built(OLD).deb),
            "interdict_trust_root": os.fspath(tmp_path / "root.json"),
            "interdict_enrol_secret": SECRET,
            "interdict_settings": {
                "policy_url": servers.policy_url,
                "server": servers.console.address,
                "groups": ["engineering"],
            },
        }
        counts = controller.play(**values)
        assert counts["failures"] == 0, controller.failures
        assert machine.run("stat", "-c", "%a %U", "/etc/interdict/enrol.secret").out.strip() == "600 root"
        assert json.loads(str(servers.device()["groups"])) == ["engineering"]

        counts = controller.play(**values)
        assert (counts["failures"], counts["changed"]) == (0, 0), "a second time changes nothing"

        counts = controller.play(**values | {"interdict_package": os.fspath(built(NEW).deb)})
        assert counts["failures"] == 0, controller.failures
        assert machine.run("interdict", "--version").out.strip().endswith(NEW)

        counts = controller.play(interdict_state="purged")
        assert counts["failures"] == 0, controller.failures
        assert (
            machine.run("sh", "-c", "ls -d /etc/interdict /var/lib/interdict /usr/lib/interdict", check=False).out == ""
        )


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"interdict_state": "gone"}, "present, absent or purged"),
        ({"interdict_settings": {}}, "policy_url is needed"),
        ({"interdict_settings": {"policy_url": "https://p/", "secret": "x"}}, "interdict_enrol_secret"),
    ],
    ids=["a state that is none", "no policy", "a secret for everybody to read"],
)
def test_it_says_what_cannot_be(tmp_path: Path, values: dict[str, object], said: str) -> None:
    with little_machine() as machine:
        controller = Controller(tmp_path, machine)
        assert controller.play(**values)["failures"] == 1
        assert said in str(controller.failures)
        assert machine.run("ls", "/etc/interdict", check=False).code != 0

"""The Ansible role: linted, then run for real against a machine with systemd, as its page says, command by command."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.fakes.built import NEW, OLD, built
from tests.fakes.little_machine import LittleMachine, little_machine
from tests.fakes.packaged import Fleet, blocking, fleet
from tests.fakes.running_console import SECRET

pytestmark = pytest.mark.packages
CONNECTIONS = Path(__file__).parents[1] / "fakes/ansible_connections"
KIT = Path(__file__).parents[2] / "installers/ansible"
PAGE = (Path(__file__).parents[2] / "docs/fleet/ansible.md").read_text(encoding="utf-8")


def test_it_has_no_fault_that_the_linter_knows() -> None:
    files = ["site.yml", "roles/interdict"]
    done = subprocess.run(["ansible-lint", "--offline", "--nocolor", *files], cwd=KIT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failure(s), 0 warning(s)" in done.stdout + done.stderr


class Controller:
    """Where the playbook is run; the machine is reached through its namespaces."""

    def __init__(self, folder: Path, machine: LittleMachine) -> None:
        self.folder = folder
        self.failures: list[str] = []
        reach = f"ansible_connection=little little_first={machine.first} ansible_become=false"
        (folder / "hosts").write_text(f"[workstations]\nlittle {reach} ansible_python_interpreter=/usr/bin/python3\n")
        shutil.copytree(KIT, folder, dirs_exist_ok=True)

    def play(self, **values: object) -> dict[str, int]:
        """Runs the playbook with these values; how many tasks were ok, changed, failed."""
        return self.follow(f"ansible-playbook -i hosts site.yml -e {shlex.quote(json.dumps(values))}")

    def follow(self, command: str) -> dict[str, int]:
        """Runs a command of the page; how many tasks were ok, changed, failed."""
        names = ("PATH", "HOME", "LANG")
        environment = {name: os.environ[name] for name in names if name in os.environ}
        environment |= {"ANSIBLE_STDOUT_CALLBACK": "json", "LC_ALL": "C.UTF-8"}
        environment["ANSIBLE_CONNECTION_PLUGINS"] = os.fspath(CONNECTIONS)
        environment["ANSIBLE_LOCAL_TEMP"] = os.fspath(self.folder / "local")
        words = shlex.split(command)
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
def test_from_nothing_to_the_first_report_and_back_as_the_page_says(servers: Fleet, tmp_path: Path) -> None:
    """The addresses and the inventory are the test's, everything else is the page's."""
    (tmp_path / "root.json").write_bytes(servers.repository.trust)
    for version in (OLD, NEW):
        shutil.copy(built(version).deb, tmp_path / f"interdict_{version}_amd64.deb")
    for block in re.findall(r"^```yaml\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        (tmp_path / block[0]).write_text(at_home(block[1], servers))
    with little_machine() as machine:
        controller = Controller(tmp_path, machine)
        machine.run("sh", "-c", "apt-get update -qq && apt-get install -qq -y python3-apt", timeout=300)
        walked = 0
        for prompt, command in re.findall(r"^(\$|little#) (.+)$", PAGE, re.MULTILINE):
            if prompt == "$":
                counts = controller.follow(command)
                assert counts["failures"] == 0, (command, controller.failures)
                holds_after(command, counts, controller, machine, servers)
            else:
                machine.wait(command, *shlex.split(command), seconds=30)
            walked += 1
        assert walked >= 12


def at_home(text: str, servers: Fleet) -> str:
    """With the addresses of the test in place of the examples'."""
    text = text.replace("https://policy.example.com/interdict/", servers.policy_url).replace("THE-SECRET", SECRET)
    return text.replace("https://interdict.example.com/", servers.console.address)


def holds_after(
    command: str, counts: Mapping[str, int], controller: Controller, machine: LittleMachine, servers: Fleet
) -> None:
    """What the page promises after a command."""
    if "--check" in command:
        assert machine.run("ls", "/etc/interdict", check=False).code != 0, "looking changes nothing"
    elif "secret.yml" in command:
        assert machine.run("stat", "-c", "%a %U", "/etc/interdict/enrol.secret").out.strip() == "600 root"
        assert json.loads(str(servers.device()["groups"])) == ["engineering", "shanghai"]
        again = controller.follow(command)
        assert (again["failures"], again["changed"]) == (0, 0), "a second time changes nothing"
    elif version := re.search(r"interdict_([0-9.]+)_amd64", command):
        assert machine.run("interdict", "--version").out.strip() == f"interdict {version[1]}"
    elif "absent" in command:
        assert machine.run("ls", "/usr/bin/interdict", check=False).code != 0
        assert machine.run("ls", "/etc/interdict/settings.toml", "/var/lib/interdict/journal.db").code == 0
    else:
        kept = machine.run("sh", "-c", "ls -d /etc/interdict /var/lib/interdict /usr/lib/interdict", check=False)
        assert kept.out == ""


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

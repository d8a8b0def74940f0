"""Quarantine and restore on real files, as whoever runs the tests."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.enforce.interface import Detail, OutcomeCode
from agent.enforce.ledger import Ledger, Ours
from tests.fakes.quarantine import Steps, World, now, worlds


@pytest.fixture
def world() -> Iterator[World]:
    with worlds() as fresh:
        yield fresh()


def record_of(cell: Path) -> dict[str, object]:
    value = json.loads((cell / "record.json").read_text())
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize(
    "one_filesystem", [pytest.param(True, id="by one rename"), pytest.param(False, id="by a copy")]
)
def test_gives_back_exactly_what_it_took(world: World, one_filesystem: bool) -> None:
    before = world.snapshot()
    taken = world.take(Steps(one_filesystem=one_filesystem))
    assert (taken.result, taken.detail) == (OutcomeCode.QUARANTINED, Detail.NONE)
    assert not os.path.lexists(world.tree)
    assert not os.path.lexists(world.link)
    given = world.give(taken.quarantine_id, Steps(one_filesystem=one_filesystem))
    assert (given.result, given.detail) == (OutcomeCode.RESTORED, Detail.NONE)
    assert given.where == str(world.tree)
    assert world.snapshot() == before


def test_the_manifest_tells_everything_and_the_hashes_are_right(world: World) -> None:
    taken = world.take()
    (cell,) = world.held()
    manifest = json.loads((cell / "manifest.json").read_text())
    entries = {entry["path"]: entry for entry in manifest["pieces"][0]["entries"]}
    assert entries["package.json"]["mode"] == "0400"
    assert entries["sub/again.js"]["same_as"] == "cli.js"
    assert entries["sub/up"]["target"] == "../cli.js"
    assert entries["sub/deep/name-\udcff\udcfe\n"]["kind"] == "file"
    digest = subprocess.run(["sha256sum", cell / "held" / "0" / "cli.js"], capture_output=True, check=True, text=True)
    assert entries["cli.js"]["sha256"] == digest.stdout.split()[0]
    assert manifest["pieces"][1]["entries"][0]["target"] == "../lib/node_modules/@vendor/tool/cli.js"
    assert (manifest["reason"], manifest["policy_version"]) == ("Not allowed here.", 7)
    assert set(taken.look_again) == {str(world.tree.parent), str(world.link.parent)}


def test_a_single_file_is_taken_and_given_back(world: World) -> None:
    program = world.home / "bin" / "native"
    program.write_bytes(b"\x7fELF" + bytes(100))
    program.chmod(0o755)
    before = world.snapshot()
    taken = world.take(path=str(program), links=(), package=False)
    assert taken.result is OutcomeCode.QUARANTINED
    world.give(taken.quarantine_id)
    after = world.snapshot()
    assert after.pop(".") is not None
    assert before.pop(".") is not None
    assert after == before


def occupied(world: World) -> None:
    world.tree.mkdir()
    (world.tree / "newer").touch()


def replaced(world: World) -> None:
    world.tree.parent.rename(world.tree.parent.with_name("@old"))
    world.tree.parent.mkdir()


@pytest.mark.parametrize(
    "happened", [pytest.param(occupied, id="its place is taken"), pytest.param(replaced, id="its folder is another")]
)
def test_is_put_beside_when(world: World, happened: Callable[[World], None]) -> None:
    before = {name: facts for name, facts in world.snapshot().items() if "tool/" in name}
    taken = world.take()
    happened(world)
    given = world.give(taken.quarantine_id)
    beside = world.tree.with_name(f"tool.restored-{taken.quarantine_id}")
    assert (given.result, given.detail, given.where) == (
        OutcomeCode.RESTORED,
        Detail.BESIDE_ORIGINAL,
        str(beside),
    )
    beside_name = str(beside.relative_to(world.home))
    after = {n.replace(beside_name, "lib/node_modules/@vendor/tool"): facts for n, facts in world.snapshot().items()}
    assert before.items() <= after.items()


def test_folders_that_were_removed_meanwhile_are_made_again(world: World) -> None:
    before = world.snapshot()
    taken = world.take()
    shutil.rmtree(world.home / "lib")
    given = world.give(taken.quarantine_id)
    assert (given.result, given.where) == (OutcomeCode.RESTORED, str(world.tree))
    after = world.snapshot()
    assert {name: facts for name, facts in after.items() if "tool" in name} == {
        name: facts for name, facts in before.items() if "tool" in name
    }


def test_what_is_not_the_thing_that_was_found_is_left_alone(world: World) -> None:
    before = world.snapshot()
    outcome = world.take(identity=(1, 2))
    assert (outcome.result, outcome.detail) == (OutcomeCode.FAILED, Detail.CHANGED_SINCE_FOUND)
    assert world.snapshot() == before


def test_what_is_gone_already_is_gone(world: World) -> None:
    outcome = world.take(path=str(world.tree) + "-gone")
    assert (outcome.result, outcome.detail) == (OutcomeCode.GONE, Detail.ALREADY_GONE)


def test_a_part_that_vanishes_is_not_taken_for_the_whole(world: World) -> None:
    """Somebody who keeps removing things in it must not make the agent believe that it is gone."""

    def busy(changes: bool, what: str) -> None:
        if what == "read cli.js" and (world.tree / "package.json").exists():
            (world.tree / "package.json").unlink()

    outcome = world.take(lambda changes, what: busy(changes, what) or Steps(one_filesystem=False)(changes, what))
    assert (outcome.result, outcome.detail) == (OutcomeCode.FAILED, Detail.CHANGED_WHILE_MOVING)
    assert (world.tree / "cli.js").exists()
    assert world.held() == []


def test_another_thing_put_in_place_at_the_last_moment_is_put_back(world: World) -> None:
    """The owner swaps the folder between the last look and the rename."""
    tool, innocent = world.tree, world.tree.with_name("innocent")
    innocent.mkdir()
    (innocent / "letter").write_text("dear friend")

    def swap(changes: bool, what: str) -> None:
        if what == "move tool" and innocent.exists():
            tool.rename(tool.with_name("hidden"))
            innocent.rename(tool)

    outcome = world.take(swap)
    assert (outcome.result, outcome.detail) == (OutcomeCode.FAILED, Detail.CHANGED_SINCE_FOUND)
    assert (tool / "letter").read_text() == "dear friend"
    assert world.held() == []


def test_a_swapped_path_component_leads_nowhere(world: World) -> None:
    """`lib` becomes a link to a folder with the same names below it, between the look and the move."""
    victim = world.base / "victim"
    shutil.copytree(world.home / "lib", victim, symlinks=True, ignore=lambda *_: ["pipe"])

    def swap(changes: bool, what: str) -> None:
        if what == "move tool" and not (world.home / "lib").is_symlink():
            (world.home / "lib").rename(world.home / "elsewhere")
            (world.home / "lib").symlink_to(victim)

    assert world.take(swap).result is OutcomeCode.QUARANTINED
    assert (victim / "node_modules" / "@vendor" / "tool" / "cli.js").exists()
    assert not (world.home / "elsewhere" / "node_modules" / "@vendor" / "tool").exists()
    again = world.take()
    assert (again.result, again.detail) == (OutcomeCode.FAILED, Detail.SPECIAL_FILE)
    assert (victim / "node_modules" / "@vendor" / "tool" / "cli.js").exists()


def test_links_that_lead_elsewhere_are_not_taken_along(world: World) -> None:
    other = world.home / "bin" / "other"
    other.symlink_to("/bin/true")
    chained = world.home / "bin" / "chained"
    chained.symlink_to("tool")
    world.take(links=(str(world.link), str(other), str(chained)))
    assert other.is_symlink()
    assert not chained.is_symlink()


def test_a_further_hard_link_is_named_and_one_that_is_known_is_taken(world: World) -> None:
    known, unknown = world.home / "bin" / "known", world.home / "unknown"
    os.link(world.tree / "cli.js", known)
    os.link(world.tree / "cli.js", unknown)
    before = world.snapshot()
    taken = world.take(links=(str(world.link), str(known)))
    assert taken.detail is Detail.OTHER_NAMES_REMAIN
    assert not known.exists()
    (cell,) = world.held()
    assert json.loads((cell / "manifest.json").read_text())["outside_names"] == {"cli.js": 1}
    world.give(taken.quarantine_id)
    after = world.snapshot()
    assert after["hard links"] == before["hard links"]


def test_too_many_names_are_no_tool_unless_they_are_one_package(world: World) -> None:
    for number in range(5_001):
        (world.tree / "empty" / str(number)).touch()
    refused = world.take(package=False)
    assert (refused.result, refused.detail) == (OutcomeCode.FAILED, Detail.TOO_MANY_ENTRIES)
    assert world.take(package=True).result is OutcomeCode.QUARANTINED


@pytest.mark.slow
def test_ten_thousand_files_come_back(world: World) -> None:
    for number in range(10_000):
        (world.tree / "empty" / str(number)).write_text(str(number))
    before = world.snapshot()
    taken = world.take()
    world.give(taken.quarantine_id)
    assert world.snapshot() == before


def test_five_gigabytes_of_nothing_stay_sparse_in_a_copy(world: World) -> None:
    with open(world.tree / "huge", "wb") as file:
        file.truncate(5 << 30)
        file.seek(4 << 30)
        file.write(b"something")
    taken = world.take(Steps(one_filesystem=False))
    assert taken.result is OutcomeCode.QUARANTINED
    (cell,) = world.held()
    held = os.stat(cell / "held" / "0" / "huge")
    assert (held.st_size, held.st_blocks * 512 < 1 << 20) == (5 << 30, True)
    world.give(taken.quarantine_id, Steps(one_filesystem=False))
    with open(world.tree / "huge", "rb") as file:
        file.seek(4 << 30)
        assert file.read(9) == b"something"


def test_sockets_and_pipes_are_taken_without_waiting(world: World) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        folder = os.open(world.tree, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{folder}/socket")  # a socket's path may not be long
        os.close(folder)
        before = world.snapshot()
        taken = world.take(Steps(one_filesystem=False))
        assert taken.result is OutcomeCode.QUARANTINED
        world.give(taken.quarantine_id, Steps(one_filesystem=False))
        assert world.snapshot() == before


def test_who_still_writes_to_a_file_is_noticed_when_it_comes_back(world: World) -> None:
    with open(world.tree / "cli.js", "ab", buffering=0) as file:
        taken = world.take()
        file.write(b"one more line")
    given = world.give(taken.quarantine_id)
    assert (given.result, given.detail) == (OutcomeCode.RESTORED, Detail.CONTENT_CHANGED)
    assert (world.tree / "cli.js").read_bytes().endswith(b"one more line")


def test_processes_inside_are_named(world: World) -> None:
    shutil.copy(shutil.which("sleep") or "/bin/sleep", world.tree / "runs")
    running = subprocess.Popen([world.tree / "runs", "60"])
    inside = subprocess.Popen(["/bin/sleep", "60"], cwd=world.tree / "sub")
    try:
        taken = world.take()
        assert {occupant.pid for occupant in taken.occupants} == {running.pid, inside.pid}
    finally:
        for process in (running, inside):
            process.kill()
            process.wait()


def test_in_a_project_the_person_is_told_the_line_and_nothing_moves(world: World) -> None:
    project = world.home / "project"
    package = project / "node_modules" / "@vendor" / "tool"
    package.mkdir(parents=True)
    (project / "package.json").write_text('{\n "dependencies": {\n  "@vendor/tool": "^1.0.0"\n }\n}\n')
    before = world.snapshot()
    outcome = world.take(path=str(package), project=True, purl="pkg:npm/%40vendor/tool@1.0.0")
    assert outcome.result is OutcomeCode.LEFT_IN_PROJECT
    assert outcome.where == f"{project}/package.json:3"
    assert world.snapshot() == before


def test_the_guard_refuses_our_own_folder(world: World) -> None:
    world.take()
    (cell,) = world.held()
    outcome = world.take(path=str(cell / "held" / "0"))
    assert (outcome.result, outcome.detail) == (OutcomeCode.REFUSED_BY_GUARD, Detail.OWN_FILES)


@pytest.mark.parametrize("kind", ["alpm/arch", "apk/alpine", "deb/debian", "flatpak", "nix", "rpm/fedora", "snap"])
def test_what_the_system_s_manager_installed_is_left_to_it(kind: str, world: World) -> None:
    outcome = world.take(purl=f"pkg:{kind}/tool@1.0-1?arch=amd64")
    assert (outcome.result, outcome.detail) == (OutcomeCode.REFUSED_BY_GUARD, Detail.NEEDS_UNINSTALL)
    assert world.tree.is_dir()
    assert world.held() == []


# ------------------------------------------------------------------------------------------------------------- ledger
def test_what_was_restored_is_ours_until_the_policy_changes(world: World) -> None:
    taken = world.take()
    ledger = Ledger(state_dir=str(world.state), now=now)
    ledger.refresh(7)
    (cell,) = world.held()
    assert ledger.ours(str(cell / "held" / "0" / "cli.js")) is Ours.VAULT
    assert ledger.ours(str(world.tree)) is None
    assert [record.id for record in ledger.held("tool-ban")] == [taken.quarantine_id]
    world.give(taken.quarantine_id)
    ledger.refresh(7)
    assert ledger.ours(str(world.tree / "cli.js")) is Ours.RESTORED
    assert ledger.restored_paths() == {str(world.tree)}
    ledger.refresh(8)
    assert ledger.ours(str(world.tree)) is None


def test_a_new_installation_at_the_place_of_a_restored_one_is_not_ours(world: World) -> None:
    taken = world.take()
    world.give(taken.quarantine_id)
    world.tree.rename(world.tree.with_name("old"))
    world.tree.mkdir()
    ledger = Ledger(state_dir=str(world.state), now=now)
    ledger.refresh(7)
    assert ledger.ours(str(world.tree)) is None


# ---------------------------------------------------------------------------------------------------- the command line
def interdict(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = world.base / "settings.toml"
    settings.write_text(f'state_dir = "{world.state}"\n')
    command = [sys.executable, "-m", "agent", "quarantine", *arguments, "--config", str(settings)]
    if arguments:
        command = [sys.executable, "-m", "agent", "quarantine", "--config", str(settings), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)


def test_the_command_lists_restores_and_purges(world: World) -> None:
    before = world.snapshot()
    first = world.take().quarantine_id
    listed = json.loads(interdict(world, "list", "--json").stdout)
    mine = [item for item in listed["items"] if item["id"] == first]
    assert [(item["state"], item["path"]) for item in mine] == [("sealed", str(world.tree))]
    assert interdict(world, "restore", first).returncode == 0
    assert world.snapshot() == before
    assert record_of(world.cells()[0])["restored_under"] is None
    ledger = Ledger(state_dir=str(world.state), now=now)
    ledger.refresh(9)
    assert record_of(world.cells()[0])["restored_under"] == 9
    second = world.take().quarantine_id
    purged = interdict(world, "purge", second)
    assert (purged.returncode, purged.stderr) == (0, "")
    assert world.held() == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(("restore", "q-unknown1"), "there is no quarantine", id="an unknown id"),
        pytest.param(("restore", "q-unknown1", "--to", "/does/not/exist"), "no such folder", id="a missing folder"),
        pytest.param(("purge", "../state"), "there is no quarantine", id="a path instead of an id"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(world: World, arguments: tuple[str, ...], says: str) -> None:
    done = interdict(world, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_is_back_cannot_be_purged(world: World) -> None:
    taken = world.take().quarantine_id
    world.give(taken)
    done = interdict(world, "purge", taken)
    assert done.returncode == 2
    assert "restored" in done.stderr
    assert world.tree.exists()


def test_restores_to_another_folder(world: World) -> None:
    taken = world.take().quarantine_id
    other = world.base / "other"
    other.mkdir()
    assert interdict(world, "restore", taken, "--to", str(other)).returncode == 0
    assert (other / "tool" / "cli.js").exists()
    assert not world.tree.exists()


@pytest.mark.parametrize("file", ["record.json", "manifest.json"])
def test_a_damaged_record_is_reported_and_nothing_is_thrown_away(world: World, file: str) -> None:
    world.take(Steps(one_filesystem=False))
    (cell,) = world.held()
    (cell / file).write_text("{ cut off")
    (recovered,) = world.recover()
    assert file in str(recovered.error)
    assert (cell / "held" / "0" / "cli.js").exists()


def test_a_lost_record_does_not_cost_the_only_copy(world: World) -> None:
    before = world.snapshot()
    taken = world.take(Steps(one_filesystem=False))
    (cell,) = world.held()
    (cell / "record.json").unlink()
    assert [recovered.error for recovered in world.recover()] == [None]
    world.give(taken.quarantine_id)
    assert {n: f for n, f in world.snapshot().items() if "tool" in n} == {
        n: f for n, f in before.items() if "tool" in n
    }

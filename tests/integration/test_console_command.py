"""The command as it is used: started for real, a device enrolled, reports printed, ended by a signal."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from console.settings import Settings
from console.store.db import Database
from console.store.tables import enrolment_secret
from tests.fakes.reporting_device import ReportingDevice, coverage, move
from tests.fakes.reporting_device import finding as a_finding
from tests.fakes.reporting_device import process as a_process
from tests.fakes.running_console import post

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "console.cli"]
PASSWORD = "several words are easier"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)


def output(*arguments: str) -> str:
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def serving(data: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [*COMMAND, "serve", "--data", str(data), "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on http://127.0.0.1:"), line or process.communicate()
            yield line.split()[-1], process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def reported(address: str, secret: str, host_name: str, **changes: object) -> ReportingDevice:
    device = ReportingDevice(now=int(time.time()))
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        assert post(client, device.enrolment(secret, host_name)).status_code == 200
        assert post(client, device.send(device.report(coverage=(coverage(),), **changes))).status_code == 200
    return device


def test_from_nothing_to_a_report(tmp_path: Path) -> None:
    data, listed = tmp_path / "data", tmp_path / "fleet.csv"
    with serving(data, "--trial") as (address, process):
        secret = output("enroll-secret", "new", "--uses", "2", "--data", str(data)).strip()
        reported(address, secret, "li-laptop.corp.example", findings=(a_finding(),), moves=(move(),))
        reported(address, secret, "wang-laptop")
        third = ReportingDevice(now=int(time.time())).enrolment(secret)
        answer = httpx.post(address + third.path, content=third.body, headers=third.headers, trust_env=False)
        assert (answer.status_code, answer.json()["detail"]) == (403, "the secret is used up")
        listed.write_text("host_name,owner\nLI-LAPTOP,li\nnew-hire,nobody yet\n")
        assert output("devices", "import", str(listed), "--data", str(data)) == "2 devices are expected\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)
    text = output("report", "--data", str(data))
    assert "1 open, 1 never enrolled, 1 clean" in text
    rows = list(csv.DictReader(io.StringIO(output("report", "--csv", "--data", str(data)))))
    assert {row["device"]: row["state"] for row in rows} == {
        "li-laptop.corp.example": "open",
        "new-hire": "never-enrolled",
        "wang-laptop": "clean",
    }
    document = json.loads(output("report", "--json", "--ban", "claude-code", "--data", str(data)))
    found = [device["host_name"] for device in document["devices"] if device["findings"]]
    assert (len(document["devices"]), found) == (3, ["li-laptop.corp.example"])
    assert "is removed" in output("devices", "remove", "wang-laptop", "--data", str(data))
    assert "1 removed by IT" in output("report", "--data", str(data))


def test_what_the_devices_reported_is_what_a_simulation_reads(tmp_path: Path) -> None:
    """One machine with a package that runs, one with a program known by its content alone, one without, one gone."""
    data, records = tmp_path / "data", tmp_path / "fleet.ndjson"
    by_content = a_finding(id="f-1", installation="i-1", face="executable", purl="", matches=("content",))
    with serving(data, "--trial") as (address, _):
        secret = output("enroll-secret", "new", "--uses", "4", "--data", str(data)).strip()
        here = reported(address, secret, "li-laptop", findings=(a_finding(), a_process()))
        reported(address, secret, "wang-laptop", findings=(by_content,))
        reported(address, secret, "chen-laptop", findings=(a_finding(gone=True, outcome="quarantined"),))
        gone = reported(address, secret, "old-laptop", findings=(a_finding(),))
        output("devices", "remove", gone.id, "--data", str(data))
    records.write_text(output("report", "--records", "--data", str(data)))
    policy = str(ROOT / "examples" / "claude-code-ban" / "policy.yaml")
    command = [sys.executable, "-m", "policy_schema.authoring.cli.main", "simulate", policy, str(records)]
    found = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True, timeout=60)
    document = json.loads(found.stdout)
    assert (document["devices"], document["incomplete"]) == (3, 0)
    figures = ("devices", "people", "packages", "processes")
    assert [(row["action"], *(row[key] for key in figures)) for row in document["stages"]] == [
        ("notify", 2, 2, 1, 1),
        ("block", 2, 2, 1, 1),
        ("remove", 2, 2, 1, 1),
    ]
    assert document["versions"] == [{"ban": "claude-code", "tool": "claude-code", "version": "2.1.197", "devices": 2}]
    one = subprocess.run([*command, "--device", here.id], capture_output=True, text=True, check=True, timeout=60)
    assert "2026-07-10 09:00  block   claude-code: pkg:npm/%40anthropic-ai/claude-code@2.1.197" in one.stdout


def test_a_removed_device_that_reports_again_is_back(tmp_path: Path) -> None:
    with serving(tmp_path, "--trial") as (address, _):
        secret = output("enroll-secret", "new", "--data", str(tmp_path)).strip()
        device = reported(address, secret, "li-laptop")
        output("devices", "remove", device.id, "--data", str(tmp_path))
        assert "1 removed by IT" in output("report", "--data", str(tmp_path))
        device.now = int(time.time())
        with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
            post(client, device.send(device.report()))
        assert "1 clean" in output("report", "--data", str(tmp_path))


def test_somebody_who_was_added_can_sign_in_and_a_new_password_ends_the_session(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n")
    add = ("user", "add", "chen", "--password-file", str(password), "--data", str(tmp_path))
    with serving(tmp_path) as (address, _), httpx.Client(base_url=address, timeout=60, trust_env=False) as browser:
        assert output(*add) == "chen can sign in as admin\n"
        token = browser.get("/login").text.split('name="token" value="')[1].split('"')[0]
        signed_in = browser.post("/login", data={"token": token, "name": "chen", "password": PASSWORD})
        assert signed_in.status_code == 303
        assert browser.get("/").status_code == 200
        output(*add)
        assert browser.get("/").status_code == 303


def test_a_secret_is_printed_once_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    secret = output("enroll-secret", "new", "--data", str(tmp_path)).strip()
    assert len(secret) >= 43
    for path in tmp_path.iterdir():
        assert secret.encode() not in path.read_bytes()


def test_an_expired_secret_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path, "--trial") as (address, _):
        secret = output("enroll-secret", "new", "--expires", "1h", "--data", str(tmp_path)).strip()
        database = Database(Settings(data=tmp_path).database)
        with database.write() as connection:
            connection.execute(update(enrolment_secret).values(expires_at=enrolment_secret.c.expires_at - 3601))
        database.close()
        sealed = ReportingDevice(now=int(time.time())).enrolment(secret)
        answer = httpx.post(address + sealed.path, content=sealed.body, headers=sealed.headers, trust_env=False)
        assert (answer.status_code, answer.json()["detail"]) == (403, "the secret is expired")


@pytest.mark.skipif(sys.platform == "win32", reason="modes are Unix's")
def test_what_it_keeps_is_for_its_own_user_only(tmp_path: Path) -> None:
    data = tmp_path / "data"
    output("migrate", "--data", str(data))
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in data.iterdir())


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("serve", "--data", str(tmp_path), "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "cannot be used" in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["noticed at the end", "noticed at once"])
def test_a_pipe_that_is_closed_is_no_error(tmp_path: Path, unbuffered: str) -> None:
    output("migrate", "--data", str(tmp_path))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [*COMMAND, "report", "--csv", "--data", str(tmp_path)],
            cwd=ROOT,
            stdout=closed,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            timeout=60,
        )
    assert done.stderr == b""

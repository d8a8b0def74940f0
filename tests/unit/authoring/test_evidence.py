"""`interdict-policy evidence`: claims are held against packages, and what could not be looked at is said."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_schema.authoring.archives import CHUNK, texts_found
from policy_schema.authoring.cli.main import main
from policy_schema.errors import BadFile

POLICY = """\
schema: 1
organisation: {name: "Example Group", time_zone: "Asia/Shanghai", default_language: "en"}
bans:
  - id: "claude-code"
    targets: [{tool: "claude-code"}]
    reason: {en: "Not allowed."}
    claims:
      - claim: "it has a mark"
        standing: "STANDING"
        check: {package: "PACKAGE", contains_all: ["mark one", "mark two"], expect: {EXPECT}}
    stages: [{from: "2036-12-04 09:00", action: "notify"}]
"""


def tarball(folder: Path, name: str, files: Mapping[str, bytes], **manifest: object) -> None:
    """An archive as `npm pack` writes it."""
    with tarfile.open(folder / name, "w:gz") as archive:
        rows = {"package/package.json": json.dumps(manifest).encode(), **files}
        for path, data in rows.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def wheel(folder: Path, name: str, files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(folder / name, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    """Version 1.0.0 without the mark, 2.0.0 with it, 3.0.0 with it in the part for one system, 4.0.0 with half."""
    folder = tmp_path / "archives"
    folder.mkdir()
    both = b"x" * 100 + b"mark one" + b"y" * 50 + b"mark two"
    tarball(folder, "acme-tool-1.0.0.tgz", {"package/cli.js": b"nothing"})
    tarball(folder, "acme-tool-2.0.0.tgz", {"package/cli.js": both})
    parts = {"@acme/tool-linux-x64": "3.0.0", "@acme/tool-darwin-arm64": "3.0.0", "other": "1.0.0"}
    tarball(folder, "acme-tool-3.0.0.tgz", {"package/install.js": b"stub"}, optionalDependencies=parts)
    tarball(folder, "acme-tool-linux-x64-3.0.0.tgz", {"package/tool": both})
    tarball(folder, "acme-tool-darwin-arm64-3.0.0.tgz", {"package/tool": both})
    tarball(folder, "acme-tool-4.0.0.tgz", {"package/cli.js": b"mark one only"})
    wheel(folder, "Acme_Tool-1.0-py3-none-any.whl", {"acme/__init__.py": both})
    return folder


def run(
    archives: Path, expect: str, *options: str, standing: str = "confirmed", package: str = "pkg:npm/%40acme/tool"
) -> int:
    policy = archives.parent / "policy.yaml"
    policy.write_text(POLICY.replace("EXPECT", expect).replace("STANDING", standing).replace("PACKAGE", package))
    return main(["evidence", str(policy), "--from", str(archives), *options])


CLAIMS = {
    "all as claimed": ('"1.0.0": false, "2.0.0": true', "confirmed", 0, "HOLDS"),
    "in the part for one system": ('"3.0.0": true', "confirmed", 0, "HOLDS"),
    "one of two texts is not both": ('"4.0.0": false', "confirmed", 0, "HOLDS"),
    "there and claimed not to be": ('"1.0.0": false, "2.0.0": false', "confirmed", 1, "DOES NOT HOLD"),
    "not there and claimed to be": ('"4.0.0": true', "alleged", 1, "DOES NOT HOLD"),
    "withdrawn, and rightly": ('"1.0.0": true', "withdrawn", 0, "DOES NOT HOLD"),
    "a version that is not to be had": ('"2.0.0": true, "9.0.0": true', "confirmed", 1, "CANNOT BE CHECKED"),
    "alleged, and not to be had": ('"9.0.0": true', "alleged", 0, "CANNOT BE CHECKED"),
    "wrong in one, unknown in another": ('"1.0.0": true, "9.0.0": true', "confirmed", 1, "DOES NOT HOLD"),
}


@pytest.mark.parametrize(("expect", "standing", "code", "word"), CLAIMS.values(), ids=CLAIMS.keys())
def test_a_claim_is_held_against_the_packages(
    expect: str, standing: str, code: int, word: str, archives: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(archives, expect, standing=standing) == code
    assert capsys.readouterr().out.startswith(f"{word}  claude-code: it has a mark ({standing})\n")


def test_a_wheel(archives: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(archives, '"1.0": true', package="pkg:pypi/acme-tool") == 0
    assert "1.0: yes, as claimed; looked into Acme_Tool-1.0-py3-none-any.whl" in capsys.readouterr().out


def test_json_names_what_was_looked_into(archives: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(archives, '"10.0.0": true, "2.0.0": true, "4.0.0": true', "--json") == 1
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    (claim,) = document["claims"]
    rows = [(row["version"], row["contains"], row["as_claimed"], row["missing"]) for row in claim["versions"]]
    assert rows == [("2.0.0", True, True, []), ("4.0.0", False, False, ["mark two"]), ("10.0.0", None, None, [])]
    assert "no archive of it is in" in claim["versions"][2]["trouble"]


BROKEN = {
    "no archive": b"not an archive",
    "cut off": None,
    "empty": b"",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_archive_is_no_answer(data: bytes | None, archives: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = (archives / "acme-tool-2.0.0.tgz").read_bytes()
    (archives / "acme-tool-2.0.0.tgz").write_bytes(whole[:-40] if data is None else data)
    assert run(archives, '"2.0.0": true') == 1
    assert "2.0.0: not known: acme-tool-2.0.0.tgz: is no archive that can be read" in capsys.readouterr().out


def test_links_of_an_archive_are_not_followed(archives: Path) -> None:
    secret = archives.parent / "secret"
    secret.write_text("mark one mark two")
    with tarfile.open(archives / "acme-tool-5.0.0.tgz", "w:gz") as archive:
        link = tarfile.TarInfo("package/cli.js")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret)
        archive.addfile(link)
    assert texts_found(archives / "acme-tool-5.0.0.tgz", ["mark one"]) == frozenset()


@pytest.mark.parametrize("place", [0, CHUNK - 4, CHUNK - 1, CHUNK, 2 * CHUNK - 3])
def test_a_text_across_two_chunks_is_found(place: int, tmp_path: Path) -> None:
    data = bytearray(2 * CHUNK + 100)
    data[place : place + 8] = b"mark one"
    wheel(tmp_path, "a-1-py3-none-any.whl", {"big": bytes(data)})
    assert texts_found(tmp_path / "a-1-py3-none-any.whl", ["mark one", "mark two"]) == {"mark one"}


@given(st.binary(max_size=400))
@settings(max_examples=60)
def test_any_bytes_are_an_archive_or_a_clear_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    for name in ("a-1.tgz", "a-1-py3-none-any.whl"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(data)
        try:
            texts_found(path, ["mark"])
        except BadFile as error:
            assert "is no archive that can be read" in str(error)


def test_a_folder_that_is_not_there_is_one_line(archives: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (archives.parent / "policy.yaml").write_text(POLICY)
    assert main(["evidence", str(archives.parent / "policy.yaml"), "--from", "/nowhere"]) == 2
    assert capsys.readouterr().err.count("\n") == 1

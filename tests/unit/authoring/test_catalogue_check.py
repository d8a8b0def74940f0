"""`interdict-policy catalogue check ID`: what a registry offers is held against the entry, value by value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from policy_schema.authoring import offers
from policy_schema.authoring.cli import catalogue as command
from policy_schema.authoring.cli.main import main
from policy_schema.authoring.offers import CannotFetch, Installed, NoPackage, fits, read_npm, read_wheel
from policy_schema.authoring.proof import Proof, Verdict, prove, rules_of
from policy_schema.document.catalogue import load_catalogue, parse_tool

ENTRY = """
id: "acme"
name: "Acme"
vendor: "Acme"
category: "ai-sdk"
version_scheme: "semver"
faces:
  packages: ["pkg:npm/%40acme/tool", "pkg:npm/%40acme/tool-linux-x64", "pkg:brew/acme"]
  executables: {names: ["acme", "acme-server"], folders: ["~/.acme"]}
  content: [{magic: ["text"], min_size: "10", max_size: "1KB", all: ["only acme says this"]}]
marks: {packages: "seen", executables: "seen", content: "seen"}
"""
MAIN = {"name": "@acme/tool", "version": "1.2.3", "bin": {"acme": "a.js", "acme-server": "b.js"}}
PART = {"name": "@acme/tool-linux-x64", "version": "1.2.3"}
TEXT = "// only acme says this\n"


class Shelf:
    """A registry in memory: npm packages by name, as manifest and one file; a text instead is why there is none."""

    def __init__(self, packages: Mapping[str, tuple[Mapping[str, object], str] | str]) -> None:
        self.packages = packages

    def versions(self, name: str) -> tuple[str, ...]:
        manifest, _ = self._get(name)
        return (str(manifest["version"]),)

    def install(self, name: str, folder: Path) -> Installed:
        manifest, text = self._get(name)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(json.dumps(manifest))
        (folder / "main.js").write_text(text)
        return read_npm(folder)

    def _get(self, name: str) -> tuple[Mapping[str, object], str]:
        if name not in self.packages:
            raise NoPackage("the registry offers no such package")
        found = self.packages[name]
        if isinstance(found, str):
            raise CannotFetch(found)
        return found


GOOD: dict[str, tuple[Mapping[str, object], str] | str] = {
    "@acme/tool": (MAIN, TEXT),
    "@acme/tool-linux-x64": (PART, ""),
}


def proofs(
    folder: Path, packages: Mapping[str, tuple[Mapping[str, object], str] | str], entry: str = ENTRY, *others: str
) -> dict[str, Proof]:
    """What came of each value of the entry."""
    tools = [parse_tool(text, "x.yaml") for text in (entry, *others)]
    shelf = {"npm": Shelf(packages)}
    return {f"{proof.face} {proof.value}": proof for proof in prove(tools[0], rules_of(tools), shelf, folder)}


def test_what_a_registry_offers_proves_an_entry(tmp_path: Path) -> None:
    found = proofs(tmp_path / "new", GOOD)
    assert {value: proof.verdict for value, proof in found.items()} == {
        "packages pkg:npm/%40acme/tool": Verdict.PROVED,
        "packages pkg:npm/%40acme/tool-linux-x64": Verdict.PROVED,
        "packages pkg:brew/acme": Verdict.NOT_HERE,
        "executables acme": Verdict.PROVED,
        "executables acme-server": Verdict.PROVED,
        "executables ~/.acme": Verdict.NOT_HERE,
        "content acme/0": Verdict.PROVED,
    }
    assert found["packages pkg:npm/%40acme/tool"].detail == "1.2.3 is found"


OTHER = ENTRY.replace('id: "acme"', 'id: "other"').replace("%40acme/tool", "other").replace("brew/acme", "brew/other")
NOT_PROVED = {
    "a package that is called otherwise inside": (
        {**GOOD, "@acme/tool": ({**MAIN, "name": "@acme/renamed"}, TEXT)},
        (),
        "packages pkg:npm/%40acme/tool",
        "pkg:npm/%40acme/renamed@1.2.3 is found as nothing",
    ),
    "a package that is not offered": (
        {"@acme/tool": (MAIN, TEXT)},
        (),
        "packages pkg:npm/%40acme/tool-linux-x64",
        "the registry offers no such package",
    ),
    "a program that no package brings": (
        {**GOOD, "@acme/tool": ({**MAIN, "bin": {"acme": "a.js"}}, TEXT)},
        (),
        "executables acme-server",
        "no package that was fetched brings it",
    ),
    "a signature that nothing matches any more": (
        {**GOOD, "@acme/tool": (MAIN, "// a new text\n")},
        (),
        "content acme/0",
        "no file that was fetched matches any of them",
    ),
    "a package that two entries claim": (
        GOOD,
        (OTHER.replace('pkg:npm/other"', 'pkg:npm/%40acme/tool"'),),
        "packages pkg:npm/%40acme/tool",
        "is found as acme and other",
    ),
    "a file that matches another tool's signature": (
        GOOD,
        (OTHER,),
        "content other/0",
        "matches main.js of @acme/tool 1.2.3, which is acme",
    ),
}


@pytest.mark.parametrize(("packages", "others", "value", "detail"), NOT_PROVED.values(), ids=NOT_PROVED)
def test_what_does_not_fit_is_not_proved(
    packages: Mapping[str, tuple[Mapping[str, object], str] | str],
    others: tuple[str, ...],
    value: str,
    detail: str,
    tmp_path: Path,
) -> None:
    proof = proofs(tmp_path / "new", packages, ENTRY, *others)[value]
    assert proof.verdict is Verdict.NOT_PROVED
    assert detail in proof.detail


NOT_HERE = {
    "a part for another system": (
        {**GOOD, "@acme/tool-linux-x64": "1.2.3 is offered, for darwin only"},
        ENTRY,
        "1.2.3 is offered, for darwin only",
    ),
    "a part that this registry lacks, and the package names": (
        {"@acme/tool": ({**MAIN, "optionalDependencies": {"@acme/tool-linux-x64": "1.2.3"}}, TEXT)},
        ENTRY,
        "the registry offers no such package; @acme/tool names it as a part",
    ),
    "what was never said to be seen": (
        {"@acme/tool": (MAIN, TEXT)},
        ENTRY.replace('packages: "seen"', 'packages: "unverified"'),
        "the registry offers no such package",
    ),
}


@pytest.mark.parametrize(("packages", "entry", "detail"), NOT_HERE.values(), ids=NOT_HERE)
def test_what_cannot_be_had_is_no_failure(
    packages: Mapping[str, tuple[Mapping[str, object], str] | str], entry: str, detail: str, tmp_path: Path
) -> None:
    proof = proofs(tmp_path / "new", packages, entry)["packages pkg:npm/%40acme/tool-linux-x64"]
    assert (proof.verdict, proof.detail) == (Verdict.NOT_HERE, detail)


def test_the_engine_of_another_tool_may_be_inside_what_carries_it(tmp_path: Path) -> None:
    carrier = (
        ENTRY.replace("marks:", 'embeds: ["other"]\nmarks:')
        .replace("  content: [", "  hashes: []\n  #")
        .replace(', content: "seen"', "")
    )
    found = proofs(tmp_path / "new", GOOD, carrier, OTHER)
    assert [value for value, proof in found.items() if proof.verdict is Verdict.NOT_PROVED] == []


FITS = {
    "no word about it": (None, True),
    "this one": (["linux"], True),
    "one alone": ("linux", True),
    "others": (["darwin", "win32"], False),
    "all but another": (["!win32"], True),
    "all but this": (["!linux"], False),
    "something else than names": (7, True),
}


@pytest.mark.parametrize(("wanted", "answer"), FITS.values(), ids=FITS)
def test_a_package_says_for_which_machines_it_is(wanted: object, answer: bool) -> None:
    assert fits(wanted, ["linux"]) is answer


BAD_MANIFESTS = {"no json": "{", "a list": "[]", "no name": "{}", "a number as a name": '{"name": 7}'}


@pytest.mark.parametrize("text", BAD_MANIFESTS.values(), ids=BAD_MANIFESTS)
def test_a_manifest_that_is_none_cannot_be_used(text: str, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text(text)
    with pytest.raises(CannotFetch):
        read_npm(tmp_path)


def test_a_wheel_names_itself_in_its_metadata(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "acme").write_text("")
    info = tmp_path / "acme_tool-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: acme-tool\nVersion: 1.0\n\nName: of nothing\n")
    assert read_wheel(tmp_path)[1:4] == ("acme-tool", "1.0", ("acme",))


def test_two_wheels_in_one_folder_are_no_answer(tmp_path: Path) -> None:
    for name in ("a-1.dist-info", "b-1.dist-info"):
        (tmp_path / name).mkdir()
    with pytest.raises(CannotFetch, match="2 packages in a folder for one"):
        read_wheel(tmp_path)


@pytest.mark.parametrize("name", ["--registry=https://evil.example", "a b", "x@1", "git+https://x.example/y", ""])
@pytest.mark.parametrize("kind", ["npm", "pypi"])
def test_what_is_no_name_never_becomes_an_argument(kind: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers.shutil, "which", lambda _: pytest.fail("a client was looked for"))
    monkeypatch.setattr(offers.subprocess, "run", lambda *_: pytest.fail("a client was started"))
    with pytest.raises(NoPackage, match="no name of a package"):
        offers.REGISTRIES[kind].versions(name)


POLICY = """
schema: 1
organisation: {name: "Example Group", time_zone: "Asia/Shanghai", default_language: "en"}
bans:
  - id: "cline"
    targets: [{tool: "cline", versions: "RANGE"}]
    reason: {en: "Not allowed."}
    stages: [{from: "2036-12-04 09:00", action: "notify"}]
"""
CLINE: dict[str, tuple[Mapping[str, object], str] | str] = {
    name: ({"name": name, "version": "3.0.65"}, "")
    for name in ("cline", *(f"@cline/cli-{part}" for part in ("linux-x64", "linux-arm64", "darwin-x64")))
}
PARTS = {f"@cline/cli-{part}": CLINE["cline"] for part in ("darwin-arm64", "windows-arm64", "windows-x64")}
RANGES = {
    "a range with a published version in it": (">=3.0.0", {**CLINE, **PARTS}, 0, ""),
    "a range that no version matches": (
        ">=30.0.0",
        {**CLINE, **PARTS},
        1,
        "bans[0].targets[0].versions: '>=30.0.0' matches none of the 7 versions that are published of Cline",
    ),
    "a registry that does not answer": (
        ">=30.0.0",
        {**CLINE, **PARTS, "cline": "npm failed: no network"},
        0,
        "cannot be said: pkg:npm/cline: npm failed: no network",
    ),
}


@pytest.mark.parametrize(("text", "packages", "code", "says"), RANGES.values(), ids=RANGES)
def test_a_range_of_a_policy_is_held_against_what_is_published(
    text: str,
    packages: Mapping[str, tuple[Mapping[str, object], str] | str],
    code: int,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "REGISTRIES", {"npm": Shelf(packages)})
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.replace("RANGE", text))
    assert main(["catalogue", "check", "--policy", str(policy)]) == code
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == (1 if says else 0)


def test_the_command_proves_the_tools_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = {"name": "cline", "version": "3.0.65", "bin": {"cline": "bin/cline"}}
    parts = {name: "3.0.65" for name in (*CLINE, *PARTS) if name != "cline"}
    shelf = Shelf({"cline": ({**manifest, "optionalDependencies": parts}, "")})
    monkeypatch.setattr(command, "REGISTRIES", {"npm": shelf})
    folder = tmp_path / "kept"
    assert main(["catalogue", "check", "claude-dev", "--folder", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["problems"] == []
    verdicts = {proof["value"]: proof["verdict"] for proof in document["proofs"]}
    assert (verdicts["pkg:npm/cline"], verdicts["cline"]) == ("proved", "proved")
    assert [path.name for path in folder.iterdir()] == ["cline"]
    assert main(["catalogue", "check", "cline", "--folder", str(folder)]) == 2
    assert "is there already; name a new folder" in capsys.readouterr().err


def test_a_tool_that_is_not_proved_fails_the_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "REGISTRIES", {"npm": Shelf({})})
    assert main(["catalogue", "check", "cline"]) == 1
    out, err = capsys.readouterr()
    assert "cline: packages: pkg:npm/cline: not proved: the registry offers no such package; mend the entry" in err
    assert "7 not proved" in out


WRONG = {
    "an unknown tool": (["clinee"], "'clinee' is not a tool of the catalogue; did you mean cline?"),
    "ids beside --all": (["cline", "--all"], "--all stands beside ids; leave one of them out"),
    "a policy that is not there": (["--policy", "/nowhere/policy.yaml"], "/nowhere/policy.yaml"),
}


@pytest.mark.parametrize(("arguments", "says"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_checked_is_one_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["catalogue", "check", *arguments]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_the_whole_catalogue_makes_rules() -> None:
    rules = rules_of(load_catalogue().tools.values())
    assert {signature.id.partition("/")[0] for signature in rules.signatures} == {"claude-code"}

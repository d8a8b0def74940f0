"""`include:`: a policy in several files is the policy in one, and every problem names the file that it stands in."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy_schema.authoring.cli.main import main
from policy_schema.document.canonical import canonical_bytes
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.lint import checked_policy, lint_file, lint_text
from policy_schema.errors import BadDocument

HEAD = """\
schema: 1
organisation: {name: "Example Group", time_zone: "Asia/Shanghai", default_language: "en",
               contacts: {help: "https://help.example.com/ai"}}
"""
APPROVED = 'approved: ["qoder"]\n'
BAN = """\
  - id: "{id}"
    targets: [{{tool: "{tool}"}}]
    reason: {{en: "Assessed as not allowed."}}
    alternatives: [{{name: "Qoder", tool: "qoder", url: "https://qoder.com"}}]
    stages: [{{from: "2026-07-04 09:00", action: "notify"}}]
"""
CODE, CURSOR = BAN.format(id="claude-code", tool="claude-code"), BAN.format(id="cursor", tool="cursor")
MODELS = """\
  - id: "models"
    families: ["claude-opus"]
    reason: {en: "No."}
    stages: [{from: "2026-07-10 09:00", action: "notify"}]
"""
OWN = """\
  - {id: "acme/linter", name: "Linter", vendor: "Acme", category: "ai-coding-assistant", version_scheme: "semver",
     faces: {packages: ["pkg:npm/%40acme/linter"]}}
"""
LIFTED = '  - {id: "old", date: "2026-06-01", reason: {en: "Over."}}\n'


def written(folder: Path, **files: str) -> Path:
    """The files (`__` stands for a folder), of which `policy` is the policy."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "policy.yaml"


def closed(path: Path) -> bytes:
    """What would be signed."""
    catalogue = load_catalogue()
    return canonical_bytes(close_policy(checked_policy(path, catalogue), catalogue))


SPLIT: dict[str, dict[str, str]] = {
    "one file a ban": {
        "policy": HEAD + f'include: ["bans/code.yaml", "bans/cursor.yaml", "rest.yml.yaml"]\n{APPROVED}',
        "bans__code": "bans:\n" + CODE,
        "bans__cursor": "bans:\n" + CURSOR,
        "rest.yml": f"model_bans:\n{MODELS}define:\n{OWN}lifted:\n{LIFTED}",
    },
    "bans here and there": {
        "policy": HEAD + f'include: ["more.yaml"]\n{APPROVED}bans:\n{CODE}',
        "more": f"bans:\n{CURSOR}model_bans:\n{MODELS}define:\n{OWN}lifted:\n{LIFTED}",
    },
    "everything in one that is included": {
        "policy": HEAD + 'include: ["all.yaml"]\n',
        "all": f"{APPROVED}bans:\n{CODE}{CURSOR}model_bans:\n{MODELS}define:\n{OWN}lifted:\n{LIFTED}",
    },
}


@pytest.mark.parametrize("files", SPLIT.values(), ids=SPLIT.keys())
def test_a_policy_in_several_files_is_closed_to_the_same_bytes(files: dict[str, str], tmp_path: Path) -> None:
    whole = HEAD + APPROVED + f"bans:\n{CODE}{CURSOR}model_bans:\n{MODELS}define:\n{OWN}lifted:\n{LIFTED}"
    one = written(tmp_path / "one", policy=whole)
    assert closed(written(tmp_path / "split", **files)) == closed(one)


MORE = 'include: ["bans/more.yaml"]\n'
WRONG: dict[str, tuple[dict[str, str], str]] = {
    "a mistake in an included ban": (
        {"policy": HEAD + MORE, "bans__more": "# first\nbans:\n" + CURSOR.replace("notify", "notifi")},
        "{folder}/bans/more.yaml:7: bans[0].stages[0].action: is not one of the known words",
    ),
    "what lint finds in an included ban": (
        {"policy": HEAD + MORE + "bans:\n" + CODE, "bans__more": "bans:\n" + CURSOR.replace("cursor", "cursr")},
        "{folder}/bans/more.yaml:3: bans[1].targets[0]: 'cursr' is not a tool of the catalogue",
    ),
    "one id in two files": (
        {"policy": HEAD + MORE + "bans:\n" + CODE, "bans__more": "bans:\n" + CODE},
        "{folder}/bans/more.yaml:2: bans[1].id: 'claude-code' is used already",
    ),
    "text that is not YAML": (
        {"policy": HEAD + MORE, "bans__more": "bans:\n\t- x"},
        "{folder}/bans/more.yaml:2: is not YAML",
    ),
    "a list that is none": (
        {"policy": HEAD + MORE, "bans__more": 'bans: "all"'},
        "{folder}/bans/more.yaml:1: bans: is not a list",
    ),
    "what belongs into the policy": (
        {"policy": HEAD + MORE, "bans__more": 'pause: {max: "1h"}\nbans:\n' + CURSOR},
        "{folder}/bans/more.yaml:1: pause: does not belong in an included file; write one of ",
    ),
    "an included file that includes": (
        {"policy": HEAD + MORE, "bans__more": MORE},
        "{folder}/bans/more.yaml:1: include: does not belong in an included file",
    ),
    "a file that is not there": ({"policy": HEAD + MORE}, "{folder}/policy.yaml:4: include[0]: "),
    "one file twice": (
        {"policy": HEAD + 'include: ["a.yaml", "a.yaml"]\n', "a": "bans:\n" + CURSOR},
        "{folder}/policy.yaml:4: include[1]: is named twice",
    ),
    "a name that is no text": ({"policy": HEAD + 'include: [["a.yaml"]]\n'}, "{folder}/policy.yaml:4: include[0]: "),
    "a single name": ({"policy": HEAD + 'include: "a.yaml"\n'}, "{folder}/policy.yaml:4: include: is not a list"),
    **{
        f"the name {name}": (
            {"policy": HEAD + f'include: ["{name}"]\n'},
            f"{{folder}}/policy.yaml:4: include[0]: {said}; write a file beside the policy",
        )
        for name, said in {
            "../other.yaml": "leaves the folder of the policy",
            "/etc/passwd.yaml": "leaves the folder of the policy",
            "C:/x.yaml": "leaves the folder of the policy",
            "bans/*.yaml": "is a pattern",
            "bans": "is no .yaml file",
        }.items()
    },
}


@pytest.mark.parametrize(("files", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_problem_names_the_file_and_line_that_it_stands_in(
    files: dict[str, str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = written(tmp_path, **files)
    assert main(["lint", str(policy)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith(said.format(folder=tmp_path))], lines
    with pytest.raises(BadDocument):
        checked_policy(policy, load_catalogue())


def test_the_policys_own_problems_come_first(tmp_path: Path) -> None:
    short = CODE.replace("    alternatives", "    # alternatives").replace("\n", "\n", 1)
    policy = written(tmp_path, policy=HEAD + MORE + "bans:\n" + short, bans__more="bans:\n" + CURSOR.replace("or", "x"))
    files = [Path(problem.file).name for problem in lint_file(policy, load_catalogue())]
    assert files == sorted(files, key=lambda name: name != "policy.yaml")
    assert {"policy.yaml", "more.yaml"} == set(files)


def test_a_text_alone_can_include_nothing() -> None:
    (problem,) = lint_text(HEAD + MORE, "p.yaml", load_catalogue())
    assert (problem.line, problem.field) == (4, "include[0]")
    assert problem.mend == "save the policy as a file beside it"


def test_all_files_together_are_bounded(tmp_path: Path) -> None:
    filler = "# " + "x" * 700_000 + "\n"
    files = {"a": filler + "bans:\n" + CODE, "b": filler + "bans:\n" + CURSOR}
    policy = written(tmp_path, policy=HEAD + 'include: ["a.yaml", "b.yaml"]\n', **files)
    (problem,) = lint_file(policy, load_catalogue())
    assert (problem.field, problem.message) == ("include[1]", "makes more than 1,048,576 characters together")

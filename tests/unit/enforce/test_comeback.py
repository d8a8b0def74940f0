"""What likely brings back something that was removed: a guess from files that lie about, bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.cases import Kind
from agent.enforce.comeback import Hint, Source, gather, likely_source, sentence
from agent.enforce.interface import Intent
from agent.host.files import Tree
from policy_schema.rules.decision import Action

NPM = Intent(Kind.UNINSTALL, "f", "i", "c", Action.REMOVE, "b", "made-up", purl="pkg:npm/%40made/up@1", home="/home/li")
EXTENSION = NPM._replace(purl="", extension="vscode:made.up")
UNIT = "[Service]\nExecStart=/usr/bin/npm install -g @made/up@latest\n"


@pytest.mark.parametrize(
    ("intent", "files", "source"),
    [
        pytest.param(NPM, {"/etc/cron.d/tools": "0 9 * * 1 li npm i -g @made/up\n"}, Source.SCHEDULE, id="cron"),
        pytest.param(NPM, {"~/.config/systemd/user/up.service": UNIT}, Source.SCHEDULE, id="a user's unit"),
        pytest.param(NPM, {"~/.nvm/default-packages": "yarn\n@made/up\n"}, Source.PROVISIONING, id="nvm's list"),
        pytest.param(NPM, {"~/.default-npm-packages": "made-up\n"}, Source.PROVISIONING, id="by the tool's own name"),
        pytest.param(
            NPM, {"~/.default-npm-packages": "not-made-up-x\n"}, Source.UNKNOWN, id="a longer name is another"
        ),
        pytest.param(
            NPM, {"~/w/.devcontainer/devcontainer.json": '"npm i -g @made/up"'}, Source.DEV_CONTAINER, id="dev"
        ),
        pytest.param(NPM, {"~/dotfiles/install.sh": "npm i -g @made/up"}, Source.DOTFILES, id="dotfiles"),
        pytest.param(NPM, {"~/.bun/install/global/package.json": '"@made/up": "1"'}, Source.MANAGER_UPDATE, id="bun"),
        pytest.param(EXTENSION, {"~/.config/Code/User/sync/x": ""}, Source.SETTINGS_SYNC, id="settings sync"),
        pytest.param(NPM, {"~/.config/Code/User/sync/x": ""}, Source.UNKNOWN, id="sync brings no package"),
        pytest.param(NPM, {}, Source.UNKNOWN, id="nothing"),
        pytest.param(
            NPM, {"~/dotfiles/x": "@made/up", "/etc/cron.d/x": "@made/up"}, Source.SCHEDULE, id="the surer of two"
        ),
    ],
)
def test_what_it_is_taken_for(tmp_path: Path, intent: Intent, files: dict[str, str], source: Source) -> None:
    for name, text in files.items():
        path = tmp_path / name.replace("~", "home/li").lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with Tree(str(tmp_path)) as tree:
        likely = likely_source(intent, gather(tree, intent))
    assert likely.source is source
    said = sentence(likely)
    assert (likely.path in said) and said.endswith(".")


def test_what_only_could_bring_it_back_does_not_beat_what_names_it() -> None:
    hints = [Hint(Source.SETTINGS_SYNC, "/s", False), Hint(Source.MANAGER_UPDATE, "/m", True)]
    assert likely_source(NPM, hints).path == "/m"

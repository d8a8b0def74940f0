"""Plugins of Vim and Neovim: a folder each, whoever put it there.

Vim's own packs (`pack/*/start`, `pack/*/opt`; packer, mini.deps, minpac and Neovim's own manager put theirs there too),
vim-plug, Vundle and Pathogen, dein, lazy.nvim, coc. What a plugin is called is its folder's name, in small letters; no
version is known. Files are not opened: plugins are programs.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.host.files import Kind
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import Folder, expand, join, listed
from policy_schema.rules.observation import Face, Observation, Unknown

MAX_PLUGINS = 2_000

_PACKS = tuple(
    f"{above}/pack/*/{kind}"
    for above in (
        "~/.vim",
        "~/vimfiles",
        "~/.config/vim",
        "~/.config/nvim",
        "~/.local/share/nvim/site",
        "~/.local/share/*/site",
        "~/AppData/Local/nvim",
        "~/AppData/Local/nvim-data/site",
        "~/.var/app/io.neovim.nvim/data/nvim/site",
    )
    for kind in ("start", "opt")
)
OF_USERS = (
    *_PACKS,
    "~/.vim/plugged",
    "~/.config/nvim/plugged",
    "~/.local/share/nvim/plugged",
    "~/.local/share/nvim/site/plugged",
    "~/vimfiles/plugged",
    "~/AppData/Local/nvim-data/plugged",
    "~/.vim/bundle",
    "~/.config/nvim/bundle",
    "~/vimfiles/bundle",
    # NVIM_APPNAME gives a second Neovim a folder of its own.
    "~/.local/share/*/lazy",
    "~/AppData/Local/*-data/lazy",
    "~/.var/app/io.neovim.nvim/data/nvim/lazy",
    "~/.cache/dein/repos/*/*",
    "~/.vim/dein/repos/*/*",
    "~/.local/share/dein/repos/*/*",
    "~/.config/coc/extensions/node_modules",
    "~/.config/coc/extensions/node_modules/@*",
    "~/AppData/Local/coc/extensions/node_modules",
)
"""Folders of plugins, below each home."""
SYSTEM = (
    "/usr/share/vim/vimfiles/pack/*/start",
    "/usr/share/vim/vimfiles/pack/*/opt",
    "/usr/share/nvim/site/pack/*/start",
    "/usr/share/nvim/site/pack/*/opt",
    "/usr/local/share/nvim/site/pack/*/start",
    "/usr/local/share/nvim/site/pack/*/opt",
    "/etc/xdg/nvim/pack/*/start",
)


class Vim:
    """The source `vim`."""

    name = "vim"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        seen: set[str] = set()
        for found in expand(machine, SYSTEM, OF_USERS):
            if isinstance(found, Folder):
                yield from _plugins(machine, found, seen)
            else:
                yield found


def _plugins(machine: Machine, folder: Folder, seen: set[str]) -> Iterator[Found]:
    entries = listed(machine.tree, folder.path)
    if isinstance(entries, Unknown):
        yield entries
        return
    yield Root(folder.path)
    names = [e.name for e in entries if e.kind in (Kind.FOLDER, Kind.LINK) and e.name[:1] not in (".", "@")]
    if len(names) > MAX_PLUGINS:
        yield Unknown(folder.path, f"more than {MAX_PLUGINS} plugins")
    for name in sorted(names)[:MAX_PLUGINS]:
        if machine.stopped():
            return
        yield from _plugin(machine, folder, join(folder.path, name), seen)


def _plugin(machine: Machine, folder: Folder, link: str, seen: set[str]) -> Iterator[Found]:
    try:
        facts = machine.tree.facts(link)
    except Gone:
        return  # a link into the void
    except InterdictError as error:
        yield unknown(link, error)
        return
    if facts.kind is not Kind.FOLDER or facts.path in seen:
        return
    seen.add(facts.path)
    name = link.rpartition("/")[2]
    yield Observation(
        source=Vim.name,
        face=Face.EXTENSION,
        path=facts.path,
        owner=machine.owner(facts.uid),
        uid=facts.uid,
        name=name,
        extension=f"vim:{name.lower()}",
        links=(link,) if link != facts.path else (),
        # What a link leads to is somebody's work on a plugin, or held by another manager.
        project=link != facts.path,
        home=folder.home,
        inode=(facts.device, facts.inode),
        prefix=folder.path,
    )

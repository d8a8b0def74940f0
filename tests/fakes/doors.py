"""The doors through which a banned program can be started, and what the gate does at each: the one table.

Each is tried for real in tests/integration/test_gate_doors.py, as root and as another person; docs/limits.md shows the
same rows, and a test compares. A script runs in a folder of its own on a filesystem that the gate stands before, with
`$SITE` holding the originals; it prints `(Claude Code)` if a banned program ran. What starts in spite of the gate is
tried again before a whole agent (tests/integration/test_gate_and_watcher.py): with `$SHOW` empty and `$SAY` a number of
seconds the same programs wait, and the watcher must end them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """What happens at a door."""

    REFUSED = "refused"
    """The start fails: `Operation not permitted`."""
    WATCHER = "watcher"
    """It starts, and the process watcher recognises and ends it."""
    LIMIT = "limit"
    """It starts, and nothing of ours recognises it."""


class Door(NamedTuple):
    """One way to start a banned program."""

    name: str
    """As the page has it."""
    script: str
    verdict: Verdict
    why: str
    """For the page: by what it is recognised, or why it is not."""
    needs: str = ""
    """`root` where another person cannot do it at all; `earlier` where it began before the gate stood there."""


R, W, L = Verdict.REFUSED, Verdict.WATCHER, Verdict.LIMIT
_MAPPED = """
cat > write.py <<'END'
import mmap, subprocess, sys
when, file = sys.argv[1:]
def start(show=False):
    try: done = subprocess.run([file, "--version"], capture_output=True, text=True)
    except OSError as error: return print(error) if show else None
    if show: print(done.stdout)
def write(mapping):
    at = mapping.rfind(b"(x) Anthropic")
    mapping[at:at + 3] = b"(c)"
if when == "before":
    with open(file, "r+b") as held:
        mapping = mmap.mmap(held.fileno(), 0)
        mapping[len(mapping) - 1] = mapping[len(mapping) - 1]
    start()  # ETXTBSY, but the gate was asked
    write(mapping)
    mapping.close()
else:
    for _ in range(3): start()
    with open(file, "r+b") as held, mmap.mmap(held.fileno(), 0) as mapping: write(mapping)
start(show=True)
END
cp $SITE/disguised tool
"""

DOORS: tuple[Door, ...] = (
    Door("started where it was installed by npm", "$SITE/prefix/bin/claude --version", R, "the package around it"),
    Door("the native program where it lies", "$SITE/native --version", R, "its content"),
    Door("renamed", "cp $SITE/native a && mv a ls && ./ls --version", R, "its content"),
    Door("copied", "cp $SITE/native tool && ./tool --version", R, "its content"),
    Door("a hard link", "cp $SITE/native a && ln a b && rm a && ./b --version", R, "its content"),
    Door("a symbolic link", "ln -s $SITE/native tool && ./tool --version", R, "the file behind it"),
    Door("under another argument zero", "bash -c 'exec -a ls $SITE/native --version'", R, "the file, not its name"),
    Door("through `env`", "env -i $SITE/native --version", R, "the file"),
    Door("through a shell's command", "bash -c '$SITE/native --version'", R, "the file"),
    Door("`node cli.js` where it is installed", "node $SITE/cli.js --version", R, "the mark on its entry file"),
    Door(
        "a copied and renamed node with it",
        "cp $(command -v node) slack && ./slack $SITE/cli.js --version",
        R,
        "an interpreter by what it exports, not by its name",
    ),
    Door("`node < cli.js` where it is installed", "node < $SITE/cli.js - --version", R, "a shell may not open it"),
    Door(
        "loaded by another script",
        "node -e 'import(process.env.SITE + \"/cli.js\")' x --version",
        R,
        "the mark on its entry file",
    ),
    Door(
        "a copy of the script, with its own `#!`",
        "(echo '#!/usr/bin/env -S node --no-warnings'; tail -n +2 $SITE/cli.js) > x.mjs; chmod +x x.mjs;"
        " ./x.mjs --version",
        R,
        "its content",
    ),
    Door(
        "a copy of the package under another name",
        "cp -r $SITE/small mine && mv mine/bin/claude-code.js mine/bin/x.js && mine/bin/x.js",
        R,
        "the nearest package.json",
    ),
    Door(
        "the package's folder moved",
        "cp -r $SITE/small a && mkdir -p deep && mv a deep/b && deep/b/bin/claude-code.js",
        R,
        "the nearest package.json",
    ),
    Door(
        "`npx`",
        "mkdir -p node_modules/.bin node_modules/@anthropic-ai"
        " && cp -r $SITE/small node_modules/@anthropic-ai/claude-code"
        " && ln -s ../@anthropic-ai/claude-code/bin/claude-code.js node_modules/.bin/claude-code"
        ' && echo \'{"name":"mine"}\' > package.json && HOME=$PWD npx --no-install claude-code',
        R,
        "the package around it",
    ),
    Door(
        "`uvx`",
        "HOME=$PWD UV_CACHE_DIR=$PWD/cache UV_PYTHON=/usr/bin/python3 $UVX --offline --from $SITE/*.whl claude-code",
        R,
        "the RECORD of the distribution that it belongs to",
    ),
    Door(
        "deleted, through an open descriptor",
        "cp $SITE/native a && exec 3< a && rm a && /proc/self/fd/3 --version",
        R,
        "its content",
    ),
    Door("in another mount namespace", "$NEW_MOUNTS sh -c '$SITE/native --version'", R, "the filesystem is marked"),
    Door(
        "through a bind mount",
        "cp $SITE/native a && touch ls && $NEW_MOUNTS sh -c 'mount --bind a ls && ./ls --version'",
        R,
        "its content; the path counts for nothing",
    ),
    Door(
        "through an overlay over a marked filesystem",
        "mkdir lower upper work over && cp $SITE/native lower/ && $NEW_MOUNTS sh -c"
        " 'mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work over && over/native --version'",
        R,
        "the file below it (Linux 6.5)",
    ),
    Door("in a user namespace (`unshare -Ur`)", "unshare -Ur $SITE/native --version", R, "the filesystem is marked"),
    Door("a setuid copy", "cp $SITE/native a && chmod 4755 a && ./a --version", R, "its content"),
    Door(
        "one byte changed",
        "cp $SITE/native a && printf x | dd of=a bs=1 seek=40000000 conv=notrunc status=none && ./a --version",
        R,
        "its content, which is no hash",
    ),
    Door(
        "made longer (`truncate -s +40M`)", "cp $SITE/native a && truncate -s +40M a && ./a --version", R, "its section"
    ),
    Door(
        "written through a mapping made before its first start",
        _MAPPED + "/usr/bin/python3 write.py before ./tool",
        R,
        "nothing is remembered while a writer lives",
    ),
    Door(
        "written through a mapping made after its first start",
        _MAPPED + "/usr/bin/python3 write.py after ./tool",
        R,
        "its change time is another",
    ),
    Door(
        "replaced again and again while it is started",
        "cp $SITE/native bad; cp $SITE/disguised good; ln good x;"
        " (for i in 1 2 3 4 5 6 7 8 9; do for f in bad good; do ln $f y; mv -f y x; done; done) &"
        " for i in 1 2 3 4 5 6 7 8 9; do ./x --version; done > all; wait; ln -f bad x; ./x --version",
        R,
        "the question is about the open file",
    ),
    Door("through the loader, where it is installed", "$LOADER $SITE/dynamic '(Claude Code)'", R, "its entry file"),
    Door("a copy through the loader", 'cp $SITE/dynamic a && $LOADER ./a "$SAY"', W, "the loader only reads it"),
    Door(
        "from memory (`memfd_create`)",
        '/usr/bin/python3 -c \'import os, shutil, sys; fd = os.memfd_create("door", 0);'
        ' shutil.copyfileobj(open(os.environ["SITE"] + "/native", "rb"), open(fd, "wb", closefd=False), 1 << 20);'
        ' os.execv(f"/proc/self/fd/{fd}", ["x", *sys.argv[1:]])\' $SHOW',
        W,
        "no filesystem that can be marked",
    ),
    Door(
        "on a temporary filesystem of one's own",
        "$NEW_MOUNTS sh -c 'mkdir t && mount -t tmpfs t t && cp $SITE/native t/a && t/a $SHOW'",
        W,
        "its mount is in no namespace that the gate sees",
    ),
    Door("a copy of the script given to node", "cp $SITE/cli.js x.mjs && node x.mjs $SHOW", W, "a file nobody knew"),
    Door(
        "begun before the ban, deleted while it runs",
        "cp $SITE/native a && ./a $SHOW",
        W,
        "what runs has its bytes, name or not",
        "earlier",
    ),
    Door(
        "the script edited in place",
        "cp -r $SITE/small a && sed -i s/x/y/ a/bin/*.js && node a/bin/*.js",
        L,
        "a small script given to an interpreter: neither its package nor its content is asked about",
    ),
    Door("piped into node", "cat $SITE/cli.js | node --input-type=module - --version", L, "no file is opened by node"),
    Door(
        "the texts in it altered",
        "sed 's/(c) Anthropic/(x) Anthropic/' $SITE/native > a; chmod +x a; ./a --version",
        L,
        "its content is not what the signature names",
    ),
    Door(
        "given to a user by `chown` after root started it, then written through a mapping",
        "/usr/bin/python3 $SITE/give.py $SYSTEM/bin/tool $SHOW",
        W,
        "the kernel's memory of it survives chown",
        "root",
    ),
)

"""The rpm package, by rpmbuild; the same bytes for the same build."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from making.frozen import glibc_floor
from making.linux import CONFFILES, LINUX
from making.source import Build


def make_rpm(build: Build, tree: Path) -> Path:
    """Builds `OUT/interdict-VERSION-1.ARCH.rpm` from the files of a machine."""
    top = build.out / "work" / "rpm"
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    spec = top / "interdict.spec"
    spec.write_text(_spec(build, tree), encoding="utf-8")
    macros = {
        "_topdir": os.fspath(top),
        "_rpmdir": os.fspath(top / "out"),
        "_build_name_fmt": "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm",
        "_buildhost": "reproducible",
        "_binary_payload": "w9.xzdio",
        "_build_id_links": "none",
        "__os_install_post": "%{nil}",
        "__brp_mangle_shebangs": "%{nil}",
        "debug_package": "%{nil}",
        "clamp_mtime_to_source_date_epoch": "1",
        "use_source_date_epoch_as_buildtime": "1",
        "interdict_tree": os.fspath(tree),
    }
    defined = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
    command = ["rpmbuild", "-bb", "--quiet", *defined, os.fspath(spec)]
    done = subprocess.run(command, env=build.environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"rpmbuild ended with {done.returncode}:\n{done.stderr[-3000:]}")
    (made,) = (top / "out").glob("*.rpm")
    return Path(shutil.copyfile(made, build.out / made.name))


def _spec(build: Build, tree: Path) -> str:
    text = (LINUX / "rpm" / "interdict.spec").read_text(encoding="utf-8")
    facts = {
        "version": build.version,
        "glibc": glibc_floor(tree / "usr/lib/interdict"),
        "date": time.strftime("%a %b %d %Y", time.gmtime(build.epoch)),
        "files": _files(tree),
    }
    for name, value in facts.items():
        text = text.replace(f"@{name}@", value)
    return text


def _files(tree: Path) -> str:
    """Every file, and the folders that are ours alone."""
    rows = []
    for path in sorted(tree.rglob("*")):
        name = "/" + path.relative_to(tree).as_posix()
        if path.is_dir() and not path.is_symlink():
            if name.startswith(("/usr/lib/interdict", "/usr/share/doc/interdict", "/etc/interdict")):
                rows.append(f"%dir {_quoted(name)}")
        elif name in CONFFILES:
            rows.append(f"%config(noreplace) {_quoted(name)}")
        elif name.startswith(("/usr/share/doc/", "/usr/share/man/")):
            rows.append(f"%doc {_quoted(name)}")
        else:
            rows.append(_quoted(name))
    return "\n".join(rows)


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name

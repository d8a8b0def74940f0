"""Trees of the shape of real Claude Code packages, made without a registry. Importable without pytest.

Both eras, as `npm install -g` leaves them on disk (docs of the real layout: 2.1.112 was the last script, 2.1.113 the
first native program). The files are small on disk, as large as the real ones in `stat`, match the catalogue's content
signatures, and run: `claude --version` prints the version, `claude` alone runs until it is ended.

What is not real: no code of the product is in them, and no package contains more than its identity and its entry.
"""

from __future__ import annotations

import json
import os
import platform
import struct
from pathlib import Path
from typing import Final, Literal

Era = Literal["js", "native", "plain"]

BANNER: Final = "(c) Anthropic PBC. All rights reserved"
ISSUES: Final = "https://github.com/anthropics/claude-code/issues"
PROMPT: Final = "You are Claude Code, Anthropic's official CLI for Claude"
EVENTS: Final = ("tengu_api_success", "tengu_oauth_success", "tengu_tool_use_success", "tengu_cancel")
TRAILER: Final = "\n---- Bun! ----\n"

NATIVE_PAYLOAD: Final = 56 << 20
"""Bytes of the `.bun` section, nearly all of them a hole: above the 50 MB that a native program has at least."""
SCRIPT_SIZE: Final = 9_000_000
PAGE: Final = 4096
LOADED_AT: Final = 0x400000

SCRIPT = """#!/usr/bin/env node
// {banner}.

// Version: {version}

if (process.argv.includes("--version")) {{
  console.log("{version} (Claude Code)");
}} else {{
  process.title = "claude";
  setInterval(() => {{}}, 1 << 30);
}}
const texts = {texts};
"""


def native_payload(version: str, size: int = NATIVE_PAYLOAD) -> bytes:
    """The end of a `.bun` section of `size` bytes; all before it is a hole."""
    return f"{ISSUES}\n// {BANNER}.\n\n// Version: {version}\n{TRAILER}".encode()[-size:]


def synthetic_native(path: Path, version: str, machine: str = "") -> Path:
    """Writes a native-era program: an ELF that runs, with a `.bun` section of 56 MB, a hole but for its end.

    `machine` is x86_64 or aarch64; by default the one that this runs on.
    """
    code, number = _program(machine or platform.machine(), f"{version} (Claude Code)\n".encode())
    return write_elf(path, code, number, ".bun", native_payload(version), NATIVE_PAYLOAD)


def write_elf(path: Path, code: bytes, machine: int, section: str, end_of_section: bytes, size: int) -> Path:
    """Writes a static 64-bit ELF: one loaded page with `code`, then a section of `size` bytes, then the headers."""
    names = b"\0" + section.encode() + b"\0.shstrtab\0"
    names_at = PAGE + size
    table_at = (names_at + len(names) + 7) // 8 * 8
    entry = 64 + 56
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        2,  # an executable
        machine,
        1,
        LOADED_AT + entry,
        64,
        table_at,
        0,
        64,
        56,
        1,
        64,
        3,
        2,
    )
    loaded = struct.pack("<IIQQQQQQ", 1, 5, 0, LOADED_AT, LOADED_AT, entry + len(code), entry + len(code), PAGE)
    sections = (
        bytes(64),
        struct.pack("<IIQQQQIIQQ", 1, 1, 0, 0, PAGE, size, 0, 0, 1, 0),
        struct.pack("<IIQQQQIIQQ", len(section) + 2, 3, 0, 0, names_at, len(names), 0, 0, 1, 0),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(header + loaded + code)
        file.seek(names_at - len(end_of_section))
        file.write(end_of_section + names)
        file.seek(table_at)
        file.write(b"".join(sections))
    path.chmod(0o755)
    return path


def _program(machine: str, text: bytes) -> tuple[bytes, int]:
    # With an argument: writes the text, ends with 0. Without: waits until it is ended.
    if machine in ("aarch64", "arm64"):
        return _AARCH64 % {b"length": _movz_x2(len(text))} + text, 183
    return _X86_64 % {b"length": struct.pack("<I", len(text))} + text, 62


_X86_64 = (
    b"\x83\x3c\x24\x01"  #          cmp dword [rsp], 1      ; argc
    b"\x7f\x09"  #                  jg print
    b"\xb8\x22\x00\x00\x00"  # wait: mov eax, 34            ; pause
    b"\x0f\x05"  #                  syscall
    b"\xeb\xf7"  #                  jmp wait
    b"\xb8\x01\x00\x00\x00"  # print: mov eax, 1            ; write
    b"\xbf\x01\x00\x00\x00"  #      mov edi, 1
    b"\x48\x8d\x35\x10\x00\x00\x00"  # lea rsi, [rip + 16]  ; the text
    b"\xba%(length)b"  #            mov edx, length
    b"\x0f\x05"  #                  syscall
    b"\xb8\x3c\x00\x00\x00"  #      mov eax, 60             ; exit
    b"\x31\xff"  #                  xor edi, edi
    b"\x0f\x05"  #                  syscall
)

_AARCH64 = b"".join(
    part if isinstance(part, bytes) else struct.pack("<I", part)
    for part in (
        0xF94003E0,  #       ldr x0, [sp]            ; argc
        0xF100041F,  #       cmp x0, #1
        0x5400010C,  #       b.gt print
        0xD2800000,  # wait: mov x0, #0              ; ppoll(NULL, 0, NULL, NULL)
        0xD2800001,  #       mov x1, #0
        0xD2800002,  #       mov x2, #0
        0xD2800003,  #       mov x3, #0
        0xD2800928,  #       mov x8, #73
        0xD4000001,  #       svc #0
        0x17FFFFFA,  #       b wait
        0xD2800020,  # print: mov x0, #1
        0x100000E1,  #       adr x1, text
        b"%(length)b",  #    mov x2, #length
        0xD2800808,  #       mov x8, #64             ; write
        0xD4000001,  #       svc #0
        0xD2800000,  #       mov x0, #0
        0xD2800BA8,  #       mov x8, #93             ; exit
        0xD4000001,  #       svc #0
    )
)


def _movz_x2(number: int) -> bytes:
    return struct.pack("<I", 0xD2800002 | number << 5)


def synthetic_script(path: Path, version: str) -> Path:
    """Writes a JS-era `cli.js` of 9 MB that node runs."""
    text = SCRIPT.format(banner=BANNER, version=version, texts=json.dumps([ISSUES, PROMPT, *EVENTS]))
    line = "// " + "." * 60 + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + line * ((SCRIPT_SIZE - len(text)) // len(line)), encoding="utf-8", newline="\n")
    path.chmod(0o755)
    return path


def synthetic_js_package(folder: Path, version: str, name: str = "@anthropic-ai/claude-code") -> Path:
    """Writes an unpacked npm package of the JS era (up to 2.1.112)."""
    _package_json(folder, name, version, {"claude": "cli.js"}, type="module")
    synthetic_script(folder / "cli.js", version)
    return folder


def synthetic_native_package(folder: Path, version: str, name: str = "@anthropic-ai/claude-code") -> Path:
    """Writes an npm package of the native era as it stands after its postinstall: `bin/claude.exe` on every system.

    The program is one file with two names: the entry, and that of the platform package inside.
    """
    part = f"{name}-linux-{'arm64' if platform.machine() in ('aarch64', 'arm64') else 'x64'}"
    _package_json(folder, name, version, {"claude": "bin/claude.exe"}, optionalDependencies={part: version})
    inner = folder / "node_modules" / part
    _package_json(inner, part, version, {}, os=["linux"])
    program = synthetic_native(inner / "claude", version)
    (folder / "bin").mkdir(exist_ok=True)
    os.link(program, folder / "bin" / "claude.exe")
    return folder


def synthetic_plain_package(folder: Path, version: str, name: str) -> Path:
    """Writes a small npm package that no signature is about, with a command named like it."""
    command = name.rpartition("/")[2]
    _package_json(folder, name, version, {command: f"bin/{command}.js"})
    script = folder / "bin" / f"{command}.js"
    script.parent.mkdir()
    script.write_text(f'#!/usr/bin/env node\nconsole.log("{version}");\n', encoding="utf-8", newline="\n")
    script.chmod(0o755)
    return folder


def synthetic_npm_install(prefix: Path, name: str, version: str, era: Era) -> Path:
    """Leaves behind what `npm install -g --prefix PREFIX NAME@VERSION` does on Linux; returns the package's folder."""
    folder = prefix / "lib" / "node_modules" / name
    if era == "js":
        synthetic_js_package(folder, version, name)
    elif era == "native":
        synthetic_native_package(folder, version, name)
    else:
        synthetic_plain_package(folder, version, name)
    manifest = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    for command, entry in manifest["bin"].items():
        link = prefix / "bin" / command
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path("..") / "lib" / "node_modules" / name / entry)
    return folder


def _package_json(folder: Path, name: str, version: str, commands: dict[str, str], **more: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {"name": name, "version": version, "bin": commands, **more}
    (folder / "package.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")

"""Every function of the inventory that takes what a stranger wrote: any bytes give a result or a ValueError, no more.

A parser that is not in `PARSERS` fails `test_no_parser_is_forgotten`: one line there, and it is asked the same as all
others, with samples of its own kind, changed anywhere. What each one must say of good and bad files stands in the tests
of its source; whether a file of megabytes holds it up, in `tests/integration/test_hostile_home.py`.
"""

from __future__ import annotations

import gzip
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agent.inventory
from agent.inventory import (
    apk,
    appimage,
    browser_formats,
    cargo_formats,
    container_formats,
    container_stores,
    deb,
    deno_formats,
    der,
    entries,
    flatpak,
    flow_text,
    gem_formats,
    go,
    go_formats,
    go_images,
    jar,
    jetbrains_formats,
    json_object,
    macho_files,
    macos_formats,
    mcp_formats,
    model_settings,
    native_hosts,
    nix_formats,
    npm_formats,
    pacman,
    pe_files,
    property_list,
    pypi,
    pypi_formats,
    registry_hive,
    remote_formats,
    rpm_bdb,
    rpm_formats,
    rpm_ndb,
    rpm_records,
    search_paths,
    settings_text,
    signed_data,
    signers,
    snap,
    system_packages,
    toml_subset,
    vscode_formats,
    windows_formats,
    yaml_subset,
    zed,
)
from agent.inventory.settings_text import Form
from tests.fakes.machine_folder import SAMPLES
from tests.fakes.registry_hive import hive_of

Parser = Callable[[bytes], object]
KEYS = frozenset({"model", "command", "args", "mcpServers"})
MOST_SAMPLE = 32 << 10


class Bytes:
    """Bytes as an archive, a program or a database is read: at any place."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        """See `agent.inventory.jar.Reader`."""
        assert offset >= 0
        assert length >= 0
        return self.data[offset : offset + length]


def text(parse: Callable[[str], object]) -> Parser:
    """A parser of text, as its source makes text of bytes."""
    return lambda data: parse(data.decode("utf-8", "replace"))


def name(parse: Callable[[str], object]) -> Parser:
    """A parser of a name in a folder: no NUL, no slash, any other byte."""
    return lambda data: parse(data.replace(b"\0", b"").replace(b"/", b"").decode("utf-8", "surrogateescape"))


def placed(parse: Callable[[Callable[[int, int], bytes], int], object]) -> Parser:
    """A parser that reads at places of a file of a known size."""
    return lambda data: parse(Bytes(data).read_at, len(data))


def form(which: Form) -> Parser:
    """The reader of settings in one form."""
    return lambda data: settings_text.read_settings(data, which, KEYS)


def _hive(data: bytes) -> object:
    hive = registry_hive.Hive(placed_reader(data), len(data))
    return [(key.name, hive.values(key)) for key in hive.subkeys(hive._root)]


def placed_reader(data: bytes) -> Callable[[int, int], bytes]:
    """How a parser reads these bytes at a place."""
    return Bytes(data).read_at


def _der(data: bytes) -> object:
    element = der.read(data)
    inner = der.inside(element, element.tag)
    return [_or_refused(ask, one) for one in [element, *inner] for ask in (der.oid, der.text, signed_data.digest_name)]


def _der_path(data: bytes) -> object:
    return der.at_path(der.read(data), [(data[0], 0), (0x30, 0)])


def _or_refused(ask: Callable[[der.Element], object], element: der.Element) -> object:
    try:
        return ask(element)
    except ValueError:
        return None


def _of_pe(data: bytes) -> object:
    headers = pe_files.parse_headers(placed_reader(data), len(data))
    if headers is None:
        return None
    read = placed_reader(data)
    return [pe_files.parse_version(read, headers), pe_files.parse_authenticode(read, len(data), headers)]


def _servers(data: bytes) -> object:
    document = settings_text.read_settings(data, Form.JSON, KEYS | {"mcp", "context_servers"})
    return [list(mcp_formats.servers(document, row)) for row in _mcp_rows()]


@cache
def _mcp_rows() -> list[mcp_formats.Settings]:
    from agent.inventory.mcp import TABLE

    return list(TABLE)[:6]


def _flow(data: bytes) -> object:
    line = data[:4096].decode("utf-8", "replace")
    return [flow_text.Flow(line, colon).whole() for colon in ":="]


XML = "META-INF/plugin.xml"
PARSERS: dict[str, tuple[Parser, str]] = {
    "apk.brings": (lambda data: apk.brings(data, [b"/usr/bin/claude"]), "apk/*"),
    "apk.parse_entry": (apk.parse_entry, "apk/*"),
    "appimage.is_appimage": (appimage.is_appimage, "appimage/*"),
    "appimage.parse_name": (name(appimage.parse_name), ""),
    "browser_formats.parse_chromium": (browser_formats.parse_chromium, "browsers/*"),
    "browser_formats.parse_firefox": (browser_formats.parse_firefox, "browsers/*"),
    "brew.parse_keg": (lambda data: _keg(data), ""),
    "cargo_formats.parse_binstall": (cargo_formats.parse_binstall, "cargo/*"),
    "cargo_formats.parse_crates_json": (cargo_formats.parse_crates_json, "cargo/*"),
    "cargo_formats.parse_crates_toml": (cargo_formats.parse_crates_toml, "cargo/*"),
    "container_formats.parse_containers": (container_formats.parse_containers, "containers/*"),
    "container_formats.parse_docker_container": (container_formats.parse_docker_container, "containers/*"),
    "container_formats.parse_docker_settings": (container_formats.parse_docker_settings, "containers/*"),
    "container_formats.parse_layer_id": (container_formats.parse_layer_id, "containers/*"),
    "container_formats.parse_lower": (container_formats.parse_lower, "containers/*"),
    "container_formats.parse_storage_settings": (container_formats.parse_storage_settings, "containers/*"),
    "container_stores._docker_folders": (container_stores._docker_folders, "containers/*"),
    "deb.parse_stanza": (deb.parse_stanza, "deb/*"),
    "deno_formats.parse_script": (deno_formats.parse_script, "deno/*"),
    "der.at_path": (_der_path, "signed_programs/adhoc-arm64"),
    "der.inside": (_der, ""),
    "der.oid": (_der, ""),
    "der.read": (_der, ""),
    "der.text": (_der, ""),
    "entries.npm_entries": (lambda data: entries.npm_entries("/p", data), "npm/*"),
    "entries.pypi_entries": (lambda data: entries.pypi_entries("/v/lib/p/s/x.dist-info", data), "pypi/*"),
    "flatpak.parse_version": (flatpak.parse_version, "flatpak/*"),
    "flow_text.Flow": (_flow, "mcp/*"),
    "flow_text.scalar": (text(flow_text.scalar), "mcp/*"),
    "flow_text.without_comment": (text(flow_text.without_comment), "mcp/*"),
    "gem_formats.parse_file_name": (name(gem_formats.parse_file_name), ""),
    "gem_formats.parse_specification": (gem_formats.parse_specification, "gem/*"),
    "gem_formats.started_gem": (gem_formats.started_gem, "gem/*"),
    "go.folders_in_settings": (text(lambda line: go.folders_in_settings(line, "/home/li")), "go/README.md"),
    "go_formats.read_build": (placed(go_formats.read_build), "go/*"),
    "go_images.open_image": (placed(go_images.open_image), "go/*"),
    "jar.read_member": (lambda data: jar.read_member(Bytes(data), XML.encode(), 1 << 20), "jetbrains/*"),
    "jetbrains_formats.parse_plugin": (jetbrains_formats.parse_plugin, "jetbrains/*"),
    "json_object.read_json": (json_object.read_json, "npm/*"),
    "json_object.read_object": (json_object.read_object, "npm/*"),
    "macho_files.parse_signatures": (placed(macho_files.parse_signatures), "signed_programs/*"),
    "macos_formats.parse_bundle": (macos_formats.parse_bundle, "macos-apps/*"),
    "macos_formats.parse_receipt": (macos_formats.parse_receipt, "macos-receipts/*"),
    "mcp_formats.servers": (_servers, "mcp/*"),
    "model_settings.model_name": (text(model_settings.model_name), "model-settings/*"),
    "native_hosts.parse_host": (native_hosts.parse_host, "native-hosts/*"),
    "nix_formats.parse_manifest_json": (nix_formats.parse_manifest_json, "nix/*"),
    "nix_formats.parse_manifest_nix": (nix_formats.parse_manifest_nix, "nix/*"),
    "nix_formats.parse_store_name": (name(nix_formats.parse_store_name), ""),
    "npm_formats.parse_manifest": (npm_formats.parse_manifest, "npm/*"),
    "npm_formats.parse_npmrc": (text(npm_formats.parse_npmrc), "npm/*"),
    "pacman.parse_desc": (pacman.parse_desc, "pacman/*"),
    "pacman.parse_folder": (name(pacman.parse_folder), ""),
    "pe_files.parse_authenticode": (_of_pe, "signed_programs/*"),
    "pe_files.parse_headers": (_of_pe, "signed_programs/*"),
    "pe_files.parse_version": (_of_pe, "signed_programs/*"),
    "pe_files.short_version": (text(pe_files.short_version), ""),
    "property_list.read_texts": (lambda data: property_list.read_texts(data, ["CFBundleName"]), "macos-apps/*"),
    "pypi._about": (pypi._about, "pypi/*"),
    "pypi._installer": (pypi._installer, "pypi/*"),
    "pypi._programs": (pypi._programs, "pypi/*"),
    "pypi_formats.parse_folder": (name(pypi_formats.parse_folder), ""),
    "pypi_formats.parse_metadata": (pypi_formats.parse_metadata, "pypi/*"),
    "pypi_formats.parse_record": (pypi_formats.parse_record, "pypi/*"),
    "pypi_formats.starts_of": (pypi_formats.starts_of, "pypi/*"),
    "registry_hive.Hive": (_hive, ""),
    "remote_formats.gateway_has_hosts": (remote_formats.gateway_has_hosts, "remote/*"),
    "remote_formats.places_of_editor": (remote_formats.places_of_editor, "remote/*"),
    "remote_formats.zed_has_hosts": (remote_formats.zed_has_hosts, "remote/*"),
    "rpm_bdb.records": (placed(rpm_bdb.records), "rpm/Packages.*"),
    "rpm_formats.brings": (lambda data: rpm_formats.brings(data, [b"/usr/bin/claude"]), "rpm/*.header"),
    "rpm_formats.file_of": (lambda data: rpm_formats.file_of(data, data[-1] if data else 0), "rpm/*.header"),
    "rpm_formats.parse_header": (rpm_formats.parse_header, "rpm/*.header"),
    "rpm_ndb.records": (placed(rpm_ndb.records), "rpm/Packages.*"),
    "rpm_records.package_of": (lambda data: rpm_records.package_of(lambda most: data[:most]), "rpm/*.header"),
    "search_paths.path_lines": (text(lambda line: search_paths.path_lines(line, "/home/li")), ""),
    "settings_text.read_settings (json)": (form(Form.JSON), "mcp/*"),
    "settings_text.read_settings (line)": (form(Form.LINE), "model-settings/*"),
    "settings_text.read_settings (toml)": (form(Form.TOML), "mcp/*"),
    "settings_text.read_settings (yaml)": (form(Form.YAML), "mcp/*"),
    "signed_data.digest_name": (_der, ""),
    "signed_data.parse_signed": (signed_data.parse_signed, "signed_programs/*.exe"),
    "signers.is_signable": (signers.is_signable, "signed_programs/*"),
    "snap.parse_metadata": (snap.parse_metadata, "snap/*"),
    "system_packages.parse_os_release": (system_packages.parse_os_release, "deb/*"),
    "toml_subset.read_toml": (toml_subset.read_toml, "mcp/*"),
    "vscode_formats.parse_folder": (name(vscode_formats.parse_folder), ""),
    "vscode_formats.parse_manifest": (vscode_formats.parse_manifest, "vscode/*"),
    "vscode_formats.parse_places": (vscode_formats.parse_places, "vscode/*"),
    "windows_formats.parse_appx_manifest": (windows_formats.parse_appx_manifest, "msix/*"),
    "windows_formats.parse_msix_folder": (name(windows_formats.parse_msix_folder), "winget/*"),
    "windows_formats.parse_nuspec": (windows_formats.parse_nuspec, "chocolatey/*"),
    "windows_formats.parse_scoop_manifest": (windows_formats.parse_scoop_manifest, "scoop/*"),
    "windows_formats.parse_uninstall": (
        text(lambda line: windows_formats.parse_uninstall(line[:9], {"DisplayName": line, "DisplayVersion": line})),
        "windows-programs/*",
    ),
    "windows_formats.parse_winget_folder": (name(windows_formats.parse_winget_folder), "winget/*"),
    "yaml_subset.read_yaml": (yaml_subset.read_yaml, "mcp/*"),
    "zed.parse_index": (zed.parse_index, "zed/*"),
    "zed.parse_manifest": (zed.parse_manifest, "zed/*"),
}
"""Each parser of one argument, and samples of what it reads (below tests/samples; empty: any bytes alone)."""
WITH_DOORS = {"containers.started_by"}
"""Takes bytes and looks where they lead to; asked with hostile scripts by `test_language_containers.py`."""


def _keg(data: bytes) -> object:
    from agent.inventory.brew import parse_keg

    return name(lambda folder: parse_keg(folder[:9], folder))(data)


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(agent.inventory.__path__):
        yield importlib.import_module(f"agent.inventory.{found.name}")


def _takes_what_strangers_wrote(function: Callable[..., object]) -> bool:
    """Whether it is asked for bytes, or for text in a file: by its own annotations."""
    parameters = inspect.signature(function).parameters.values()
    kinds = {str(one.annotation) for one in parameters}
    by_name = function.__name__.startswith("parse_") or any(
        one.name in ("text", "line") and str(one.annotation) == "str" for one in parameters
    )
    from_outside = {"bytes", "ReadAt", "Reader", "Element", "Callable[[int], bytes]"}
    alone = {"Tree", "Machine", "HeldFolder"}.isdisjoint(kinds)
    return alone and (by_name or bool(from_outside & kinds))


def found_in_code() -> Iterator[str]:
    """The public ones, and private ones whose only parameter is a file's bytes and that stand beside a source."""
    for module in _modules():
        short = module.__name__.rpartition(".")[2]
        formats = short.endswith(("_formats", "_files", "_data", "_list", "_text", "_images")) or short in (
            "jar",
            "rpm_bdb",
        )
        for called, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ != module.__name__ or not _takes_what_strangers_wrote(function):
                continue
            only = [str(one.annotation) for one in inspect.signature(function).parameters.values()] == ["bytes"]
            if not called.startswith("_") or (only and not formats):
                yield f"{short}.{called}"


def test_no_parser_is_forgotten() -> None:
    known = {key.partition(" ")[0] for key in PARSERS} | WITH_DOORS
    assert set(found_in_code()) - known == set()


def test_every_parser_of_the_table_is_there() -> None:
    for key in PARSERS:
        short, _, called = key.partition(" ")[0].partition(".")
        assert hasattr(importlib.import_module(f"agent.inventory.{short}"), called), key


@cache
def samples(pattern: str) -> tuple[bytes, ...]:
    """Files of this kind, good, broken and hostile; programs by their beginning, where their structure is."""
    if not pattern:
        return (
            hive_of({"Software": {"": "x"}}),
            b"0\x80\x06\x01\x02\x00\x00",
            b"node@1.2.3-x_y+z.4",
            b"$PATH:~/bin:/x",
        )
    paths = sorted(path for path in SAMPLES.glob(pattern) if path.is_file())
    assert paths, pattern
    whole = [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in paths]
    return tuple(data[:MOST_SAMPLE] for data in whole)


def changed(good: bytes) -> st.SearchStrategy[bytes]:
    """A good file with bytes put over it anywhere, more often at its beginning, cut, or once more behind itself."""
    at = st.integers(0, max(0, len(good) - 1)) | st.integers(0, 200)
    change = st.tuples(at, st.binary(min_size=1, max_size=9) | st.sampled_from(UGLY))

    def make(changes: list[tuple[int, bytes]], end: int, again: bool) -> bytes:
        data = bytearray(good)
        for place, new in changes:
            data[place : place + len(new)] = new
        return bytes(data[:end]) + (good[end:] if again else b"")

    return st.builds(make, st.lists(change, max_size=4), st.just(len(good)) | st.integers(0, len(good)), st.booleans())


UGLY = [b"\0" * 8, b"\xff" * 8, b"{" * 40, b"[" * 40, b"\n" * 20, b'"', b"'", b"\\", b"<!ENTITY", b"9" * 60, b"\x1b[2J"]


@pytest.mark.parametrize("key", PARSERS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_bytes_have_an_answer(key: str, data: st.DataObject) -> None:
    parse, pattern = PARSERS[key]
    good = st.sampled_from(samples(pattern)).flatmap(changed)
    written = data.draw(st.binary(max_size=200) | good | st.sampled_from(UGLY).map(lambda one: one * 200))
    try:
        answer = parse(written)
        said = repr(list(answer) if isinstance(answer, Iterator) else answer)
    except ValueError as error:
        said = str(error)
        assert said.isprintable(), "a reason is shown to people"
        assert len(said) < 400
    assert len(said) <= 5_000 + 60 * len(written), "an answer does not outgrow what was written"

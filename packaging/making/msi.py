"""The installer for Windows, by wixl and msibuild (msitools): per machine, silent by properties, no code of its own.

wixl knows a part of WiX only; conditions, hidden and public properties are written into its tables afterwards.
The same folder and version give the same tables; the package's own code is new for each version, as Windows wants it.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

WIX = "http://schemas.microsoft.com/wix/2006/wi"
UPGRADE_CODE = "6F1C5B62-6B0F-4C1C-9C53-1B6A5C8C4F10"
"""Never another: by it Windows knows that a newer version is one of the same product."""
_NAMES = uuid.UUID("2d4f1b52-0f3e-4a0c-9e0d-4f6b1c2a7e90")
POLICY_KEY = r"SOFTWARE\Policies\Interdict"
RUN_KEY = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Run"
SERVICE = "Interdict"


class Setting(NamedTuple):
    """A property of the installer and the setting that it becomes, where it was given."""

    property: str
    name: str
    hidden: bool = False


SETTINGS = (
    Setting("SERVER", "server"),
    Setting("POLICYURL", "policy_url"),
    Setting("TRUSTROOT", "trust_root"),
    Setting("SECRET", "secret", hidden=True),
    Setting("GROUPS", "groups"),
    Setting("REGION", "region"),
    Setting("OWNERSHIP", "ownership"),
    Setting("KIND", "kind"),
)
"""`msiexec /i interdict.msi /qn SERVER=https://... SECRET=...`; the names are those of docs/settings.md."""


def make_msi(payload: Path, version: str, into: Path) -> Path:
    """Builds an installer from the folder of the frozen agent for Windows.

    Raises:
        ValueError: there is no interdict.exe in it, or the version is not one that Windows can compare.
        CalledProcessError: wixl or msibuild refused it.
    """
    if not (payload / "interdict.exe").is_file():
        raise ValueError(f"{payload}: there is no interdict.exe; freeze the agent on Windows first")
    numbers = version.partition("+")[0]
    if not all(part.isdecimal() and int(part) < 65_536 for part in numbers.split(".")) or numbers.count(".") != 2:
        raise ValueError(f"{version}: Windows compares versions such as 1.2.3")
    source = into.with_suffix(".wxs")
    ElementTree.register_namespace("", WIX)
    ElementTree.ElementTree(_product(payload, numbers)).write(source, encoding="utf-8", xml_declaration=True)
    # Sources are named from within the folder: wixl takes no absolute ones.
    words = ["wixl", "-a", "x64", "-o", os.fspath(into.absolute()), os.fspath(source.absolute())]
    subprocess.run(words, cwd=payload, check=True, capture_output=True)
    for name, text in _tables():
        table = into.with_name(f"{name}.idt")
        table.write_text(text, encoding="ascii", newline="")
        subprocess.run(["msibuild", os.fspath(into), "-i", os.fspath(table)], check=True, capture_output=True)
        table.unlink()
    for query in _afterwards():
        subprocess.run(["msibuild", os.fspath(into), "-q", query], check=True, capture_output=True)
    return into


def sign_msi(unsigned: Path, certificate: Path, password_file: Path, into: Path) -> Path:
    """Signs it (Authenticode) with a key from a PKCS#12 file.

    Raises:
        CalledProcessError: osslsigncode refused it.
    """
    words = [
        "-pkcs12",
        os.fspath(certificate),
        "-readpass",
        os.fspath(password_file),
        "-h",
        "sha256",
        "-n",
        "Interdict",
    ]
    files = ["-in", os.fspath(unsigned), "-out", os.fspath(into)]
    subprocess.run(["osslsigncode", "sign", *words, *files], check=True, capture_output=True)
    return into


def _product(payload: Path, version: str) -> ElementTree.Element:
    wix = ElementTree.Element(f"{{{WIX}}}Wix")
    facts = {"Name": "Interdict", "Manufacturer": "Interdict", "Language": "1033", "Version": version}
    product = _add(wix, "Product", Id=_guid("product", version), UpgradeCode=UPGRADE_CODE, **facts)
    said = "Carries out a software ban, and tells the person at the machine."
    package = {"InstallerVersion": "500", "Compressed": "yes", "InstallScope": "perMachine", "Description": said}
    _add(product, "Package", Id=_guid("package", version), Manufacturer="Interdict", **package)
    _add(product, "MajorUpgrade", DowngradeErrorMessage="A newer Interdict is installed; remove it first.")
    _add(product, "Media", Id="1", Cabinet="interdict.cab", EmbedCab="yes")
    _add(product, "Property", Id="ARPNOMODIFY", Value="1")
    target = _add(product, "Directory", Id="TARGETDIR", Name="SourceDir")
    programs = _add(target, "Directory", Id="ProgramFiles64Folder")
    folder = _add(programs, "Directory", Id="INSTALLDIR", Name="Interdict")
    feature = _add(product, "Feature", Id="Agent", Title="Interdict", Level="1", Absent="disallow", AllowAdvertise="no")
    for component in (_service(folder), _notifier(folder), *_settings(folder), *_files(folder, payload)):
        _add(feature, "ComponentRef", Id=component)
    return wix


def _service(folder: ElementTree.Element) -> str:
    component = _component(folder, "Service")
    _add(component, "File", Id="Program", Name="interdict.exe", Source="interdict.exe", KeyPath="yes")
    how = {"Type": "ownProcess", "Start": "auto", "ErrorControl": "normal", "Account": "LocalSystem"}
    said = "Carries out the software policy of your organisation. `interdict status` shows all that it knows."
    named = {"Name": SERVICE, "DisplayName": "Interdict", "Description": said}
    _add(component, "ServiceInstall", Id="TheService", Arguments="run --service", **named, **how)
    _add(
        component,
        "ServiceControl",
        Id="ItsRun",
        Name=SERVICE,
        Start="install",
        Stop="both",
        Remove="uninstall",
        Wait="yes",
    )
    return "Service"


def _notifier(folder: ElementTree.Element) -> str:
    component = _component(folder, "Notifier")
    value = '"[INSTALLDIR]interdict.exe" notifier'
    _add(component, "RegistryValue", Root="HKLM", Key=RUN_KEY, Name=SERVICE, Type="string", Value=value, KeyPath="yes")
    return "Notifier"


def _settings(folder: ElementTree.Element) -> Iterator[str]:
    for setting in SETTINGS:
        component = _component(folder, f"Set{setting.property}")
        named = {"Key": POLICY_KEY, "Name": setting.name, "Value": f"[{setting.property}]"}
        _add(component, "RegistryValue", Root="HKLM", Type="string", KeyPath="yes", **named)
        yield f"Set{setting.property}"


def _files(folder: ElementTree.Element, payload: Path, below: str = "") -> Iterator[str]:
    """A component for each file, as Windows wants it; their codes follow from their paths and never change."""
    for path in sorted((payload / below).iterdir()):
        name = f"{below}{path.name}"
        if path.is_dir():
            inner = _add(folder, "Directory", Id=f"d{_short(name)}", Name=path.name)
            yield from _files(inner, payload, f"{name}/")
        elif name != "interdict.exe":
            component = _component(folder, f"c{_short(name)}")
            _add(
                component,
                "File",
                Id=f"f{_short(name)}",
                Name=path.name,
                Source=os.fspath(path.relative_to(payload)),
                KeyPath="yes",
            )
            yield f"c{_short(name)}"


def _tables() -> Iterator[tuple[str, str]]:
    """Tables that wixl does not write, in msitools' own text form: what an earlier version was given is kept.

    What the command line says comes first: what was found is taken over only where it says nothing.
    """
    rows = [(setting.property, f"WAS{setting.property}", setting.name) for setting in SETTINGS]
    root, raw_text_in_64_bits = 2, 18
    yield _table("AppSearch", ("Property s72", "Signature_ s72"), 2, [(was, was) for _, was, _ in rows])
    places = ("Signature_ s72", "Root i2", "Key s255", "Name S255", "Type I2")
    found = [(was, root, POLICY_KEY, name, raw_text_in_64_bits) for _, was, name in rows]
    yield _table("RegLocator", places, 1, found)
    actions = ("Action s72", "Type i2", "Source S72", "Target S255")
    yield _table("CustomAction", actions, 1, [(f"Keep{given}", 51, given, f"[{was}]") for given, was, _ in rows])


def _table(name: str, columns: tuple[str, ...], keys: int, rows: Sequence[tuple[object, ...]]) -> tuple[str, str]:
    names, kinds = zip(*(column.split() for column in columns), strict=True)
    head = (names, kinds, (name, *names[:keys]))
    return name, "".join("\t".join(map(str, row)) + "\r\n" for row in (*head, *rows))


def _afterwards() -> Iterator[str]:
    """What wixl cannot write: settings only where they were given, and the secret not in any log."""
    sequence = "INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES"
    yield f"{sequence} ('AppSearch', '', 50)"
    for number, setting in enumerate(SETTINGS):
        condition = f"UPDATE `Component` SET `Condition` = '{setting.property}'"
        yield f"{condition} WHERE `Component` = 'Set{setting.property}'"
        when = f"WAS{setting.property} AND NOT {setting.property}"
        yield f"{sequence} ('Keep{setting.property}', '{when}', {51 + number})"
    secure = ";".join(["WIX_UPGRADE_DETECTED", "WIX_DOWNGRADE_DETECTED", *(setting.property for setting in SETTINGS)])
    yield "DELETE FROM `Property` WHERE `Property` = 'SecureCustomProperties'"
    yield f"INSERT INTO `Property` (`Property`, `Value`) VALUES ('SecureCustomProperties', '{secure}')"
    hidden = ";".join(name for one in SETTINGS if one.hidden for name in (one.property, f"WAS{one.property}"))
    yield f"INSERT INTO `Property` (`Property`, `Value`) VALUES ('MsiHiddenProperties', '{hidden}')"


def _component(folder: ElementTree.Element, name: str) -> ElementTree.Element:
    return _add(folder, "Component", Id=name, Guid=_guid("component", name), Win64="yes")


def _add(above: ElementTree.Element, kind: str, **values: str) -> ElementTree.Element:
    return ElementTree.SubElement(above, f"{{{WIX}}}{kind}", values)


def _guid(kind: str, name: str) -> str:
    return str(uuid.uuid5(_NAMES, f"{kind}:{name}")).upper()


def _short(name: str) -> str:
    """An id of at most 72 characters, as the tables hold them."""
    return uuid.uuid5(_NAMES, name).hex

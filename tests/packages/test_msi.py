"""The installer for Windows, read back: its tables, what is packed, what an upgrade keeps, its signature.

Built of a folder as PyInstaller leaves it; that it installs on a real Windows is the business of its workflow file.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.managed import POLICY_KEY
from agent.settings import SETTINGS

pytestmark = pytest.mark.packages
ROOT = Path(__file__).parents[2]
PAYLOAD = {
    "interdict.exe": b"MZ agent",
    "interdict-gate.exe": b"MZ gate",
    "_internal/base_library.zip": b"PK",
    "_internal/a folder/deep/a b.dll": b"MZ library",
}
Row = Mapping[str, str]


@pytest.fixture(scope="module", autouse=True)
def making() -> object:
    """The folder of the packagers is no package: it is found as `packaging/build` finds it."""
    sys.path.insert(0, str(ROOT / "packaging"))
    yield
    sys.path.remove(str(ROOT / "packaging"))


def built(folder: Path, version: str = "1.2.3", **more: bytes) -> Path:
    """An installer."""
    from making.msi import make_msi  # type: ignore[import-not-found]  # see above

    for name, content in {**PAYLOAD, **more}.items():
        path = folder / f"payload-{version}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    made: Path = make_msi(folder / f"payload-{version}", version, folder / f"interdict-{version}.msi")
    return made


def table(installer: Path, name: str) -> list[Row]:
    """A table of it."""
    done = subprocess.run(["msiinfo", "export", installer, name], capture_output=True, text=True, check=True)
    names, _, _, *rows = done.stdout.replace("\r", "").splitlines()
    return [dict(zip(names.split("\t"), row.split("\t"), strict=True)) for row in rows]


def properties(installer: Path) -> dict[str, str]:
    """Its properties."""
    return {row["Property"]: row["Value"] for row in table(installer, "Property")}


def test_every_file_is_in_it_byte_for_byte(tmp_path: Path) -> None:
    subprocess.run(["msiextract", "-C", tmp_path / "out", built(tmp_path)], check=True, capture_output=True)
    (base,) = (tmp_path / "out").rglob("interdict.exe")
    found = {str(p.relative_to(base.parent)): p.read_bytes() for p in base.parent.rglob("*") if p.is_file()}
    assert found == PAYLOAD


def test_it_is_for_the_machine_and_starts_the_service(tmp_path: Path) -> None:
    installer = built(tmp_path)
    assert properties(installer)["ALLUSERS"] == "1"
    (service,) = table(installer, "ServiceInstall")
    assert (service["Name"], service["Arguments"], service["StartName"]) == (
        "Interdict",
        "run --service",
        "LocalSystem",
    )
    assert service["StartType"] == "2", "by itself"
    (control,) = table(installer, "ServiceControl")
    start, stop, stop_then, delete = 0x1, 0x2, 0x20, 0x80
    assert int(control["Event"]) == start | stop | stop_then | delete
    notifier = next(row for row in table(installer, "Registry") if row["Key"].endswith(r"CurrentVersion\Run"))
    assert notifier["Value"] == '"[INSTALLDIR]interdict.exe" notifier'


def test_what_is_said_silently_becomes_a_setting_and_nothing_else_does(tmp_path: Path) -> None:
    installer = built(tmp_path)
    conditions = {row["Component"]: row["Condition"] for row in table(installer, "Component")}
    settings = [row for row in table(installer, "Registry") if row["Key"] == POLICY_KEY]
    assert {row["Name"] for row in settings} <= SETTINGS
    assert {row["Name"] for row in settings} >= {"server", "secret", "groups", "region", "ownership", "kind"}
    for row in settings:
        assert row["Value"] == f"[{conditions[row['Component_']]}]"
        assert conditions[row["Component_"]] in properties(installer)["SecureCustomProperties"].split(";")
    assert properties(installer)["MsiHiddenProperties"].split(";") == ["SECRET", "WASSECRET"]


def test_an_upgrade_keeps_what_was_set_unless_it_is_told_otherwise(tmp_path: Path) -> None:
    installer = built(tmp_path)
    order = {row["Action"]: row for row in table(installer, "InstallExecuteSequence")}
    kept = {row["Action"]: row for row in table(installer, "CustomAction")}
    assert len(kept) == len(table(installer, "AppSearch"))
    for action, row in kept.items():
        assert order[action]["Condition"] == f"{row['Target'][1:-1]} AND NOT {row['Source']}"
        moments = [int(order[name]["Sequence"]) for name in ("AppSearch", action, "RemoveExistingProducts")]
        assert moments == sorted(moments)


def test_versions_are_one_product_for_ever(tmp_path: Path) -> None:
    old, new = built(tmp_path, "1.2.3"), built(tmp_path, "1.3.0")
    assert properties(old)["UpgradeCode"] == properties(new)["UpgradeCode"] == "{6F1C5B62-6B0F-4C1C-9C53-1B6A5C8C4F10}"
    assert properties(old)["ProductCode"] != properties(new)["ProductCode"]
    codes = [{row["Component"]: row["ComponentId"] for row in table(one, "Component")} for one in (old, new)]
    assert codes[0] == codes[1]
    assert {row["VersionMax"] for row in table(new, "Upgrade")} == {"1.3.0", ""}


def test_the_same_build_has_the_same_tables(tmp_path: Path) -> None:
    one, other = built(tmp_path), built(tmp_path / "again")
    for name in ("Component", "File", "Registry", "Property", "Directory", "InstallExecuteSequence"):
        assert table(one, name) == table(other, name), name


@pytest.mark.parametrize(
    ("version", "payload", "said"),
    [("1.2", True, "1.2.3"), ("1.2.99999", True, "1.2.3"), ("1.2.3", False, "interdict.exe")],
    ids=["two numbers", "a number that Windows cannot compare", "an empty folder"],
)
def test_it_is_not_built_of(tmp_path: Path, version: str, payload: bool, said: str) -> None:
    from making.msi import make_msi

    (tmp_path / "payload").mkdir()
    if payload:
        (tmp_path / "payload/interdict.exe").write_bytes(b"MZ")
    with pytest.raises(ValueError, match=said):
        make_msi(tmp_path / "payload", version, tmp_path / "x.msi")


def test_its_signature_is_read_back(tmp_path: Path) -> None:
    from making.msi import sign_msi

    key = generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example Group Code Signing")])
    begin = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=30))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=True)
        .sign(key, SHA256())
    )
    (tmp_path / "key.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(b"x", key, made, None, BestAvailableEncryption(b"a pass phrase"))
    )
    (tmp_path / "pass").write_text("a pass phrase")
    (tmp_path / "root.pem").write_bytes(made.public_bytes(Encoding.PEM))
    signed = sign_msi(built(tmp_path), tmp_path / "key.p12", tmp_path / "pass", tmp_path / "signed.msi")
    checked = subprocess.run(
        ["osslsigncode", "verify", "-CAfile", tmp_path / "root.pem", "-in", signed], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout
    assert "Example Group Code Signing" in checked.stdout

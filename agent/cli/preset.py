"""`interdict preset`: writes the settings file from the few lines that an installation was given.

Packages call it after they were installed: the deb with the answers of debconf, the rpm with /etc/interdict/preset.ini.
A settings file that is there already stays as it is, unless `--replace` is said: fleet management may have written it.
"""

from __future__ import annotations

import argparse
import configparser
import json
import os
from collections.abc import Mapping

from agent.cli.output import say
from agent.errors import BadCommand, BadSettings
from agent.host.files import read_bounded, write_atomically
from agent.settings import Settings, default_file, parse_settings

NAME = "preset"
HELP = "Writes the settings file from a preset (root; for the packages)."
SECTION = "interdict"
SECRET = "secret"
_LISTS = frozenset(name for name, value in Settings._field_defaults.items() if isinstance(value, tuple)) | {"groups"}
_SWITCHES = frozenset(name for name, value in Settings._field_defaults.items() if isinstance(value, bool))
_NUMBERS = frozenset(name for name, value in Settings._field_defaults.items() if isinstance(value, float))
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}
_MOST = 256 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("preset", metavar="FILE", help="lines such as `server = https://interdict.example.com/`")
    parser.add_argument("--config", metavar="FILE", default="", help="the settings file to write")
    parser.add_argument("--replace", action="store_true", help="also where a settings file is there already")


def run(args: argparse.Namespace) -> int:
    """Writes settings and secret; leaves alone what is there."""
    target = args.config or default_file()
    if os.path.lexists(target) and not args.replace:
        say(f"{target} is there already and stays as it is.")
        return 0
    values, secret = read_preset(read_bounded(args.preset, _MOST), args.preset)
    folder = os.path.dirname(target)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    if secret:
        secret_file = str(values.get("secret_file") or os.path.join(folder, "enrol.secret"))
        write_atomically(secret_file, secret.encode() + b"\n", 0o600)
        values = {**values, "secret_file": secret_file}
    root = os.path.join(folder, "root.json")
    if "trust_root" not in values and os.path.isfile(root):
        values = {**values, "trust_root": root}
    write_atomically(target, settings_text(values).encode(), 0o644)
    say(f"{target} is written.")
    return 0


def read_preset(data: bytes, name: str) -> tuple[Mapping[str, object], str]:
    """The settings of a preset, checked, and the enrolment secret.

    Raises:
        BadCommand: it is no ini file.
        BadSettings: it names what is no setting, or gives one a value that cannot be.
    """
    parser = configparser.ConfigParser(interpolation=None, strict=True, default_section="")
    try:
        parser.read_string(data.decode("utf-8-sig"), name)
    except (configparser.Error, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())
        raise BadCommand(f"{name}: {why}", f"Write [{SECTION}] and lines such as `region = CN`.") from error
    if others := [section for section in parser.sections() if section != SECTION]:
        raise BadCommand(f"{name}: [{others[0]}] is not known", f"All lines belong below [{SECTION}].")
    given = {key: value.strip() for key, value in parser[SECTION].items()} if parser.has_section(SECTION) else {}
    secret = given.pop(SECRET, "")
    if len(secret) > 200 or not secret.isprintable():
        raise BadSettings(f"{name}: secret: not one line of at most 200 characters", "Write what the console printed.")
    values = {key: _value(key, text) for key, text in given.items() if text}
    parse_settings(values, name)
    return values, secret


def _value(key: str, text: str) -> object:
    if key in _LISTS:
        return [item.strip() for item in text.split(",") if item.strip()]
    if key in _SWITCHES:
        return _TRUTH.get(text.lower(), text)
    if key in _NUMBERS:
        try:
            return float(text)
        except ValueError:
            return text
    return text


def settings_text(values: Mapping[str, object]) -> str:
    """The settings file, in the order of the settings' own table. A text in JSON is one in TOML as well."""
    head = "# Written by the installation from its preset; docs/settings.md names every setting. Yours to change.\n"
    return head + "".join(f"{name} = {_toml(values[name])}\n" for name in Settings._fields if name in values)


def _toml(value: object) -> str:
    # DEL is the one character that JSON writes as it is and TOML refuses.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

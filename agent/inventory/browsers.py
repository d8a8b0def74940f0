"""Extensions in the profiles of browsers: Chromium's family and Firefox's.

Where to look: the folders in which the browsers keep their profiles, by user, as packages, snaps and flatpaks. An
extension of Chromium is a folder called as its id in a profile's `Extensions`; its version stands in the manifest. An
add-on of Firefox is a file called as its id in a profile's `extensions`; its version stands in `extensions.json`. One
that is switched off still is on the disk, and is reported. Nothing else of a profile is opened: no history, no cookies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agent.errors import Gone, InterdictError
from agent.host.files import Entry, Facts, Kind
from agent.inventory.browser_formats import (
    Extension,
    chromium_version,
    firefox_id,
    is_chromium_id,
    newest,
    parse_chromium,
    parse_firefox,
)
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import glob, join, listed
from policy_schema.rules.observation import Face, Observation, Unknown

MAX_JSON = 4 << 20
MAX_EXTENSIONS = 5_000

CHROMIUM = (
    ".config/google-chrome",
    ".config/google-chrome-beta",
    ".config/google-chrome-unstable",
    ".config/chromium",
    ".config/BraveSoftware/Brave-Browser",
    ".config/BraveSoftware/Brave-Browser-Beta",
    ".config/BraveSoftware/Brave-Browser-Nightly",
    ".config/microsoft-edge",
    ".config/microsoft-edge-beta",
    ".config/microsoft-edge-dev",
    ".config/vivaldi",
    ".config/vivaldi-snapshot",
    ".config/opera",
    ".config/opera-beta",
    ".config/opera-developer",
    ".config/yandex-browser",
    "snap/chromium/common/chromium",
    "snap/brave/current/.config/BraveSoftware/Brave-Browser",
    "snap/opera/current/.config/opera",
    ".var/app/com.google.Chrome/config/google-chrome",
    ".var/app/org.chromium.Chromium/config/chromium",
    ".var/app/com.brave.Browser/config/BraveSoftware/Brave-Browser",
    ".var/app/com.microsoft.Edge/config/microsoft-edge",
    ".var/app/com.vivaldi.Vivaldi/config/vivaldi",
    ".var/app/com.opera.Opera/config/opera",
    "Library/Application Support/Google/Chrome",
    "Library/Application Support/Google/Chrome Beta",
    "Library/Application Support/Google/Chrome Dev",
    "Library/Application Support/Google/Chrome Canary",
    "Library/Application Support/Chromium",
    "Library/Application Support/BraveSoftware/Brave-Browser",
    "Library/Application Support/Microsoft Edge",
    "Library/Application Support/Vivaldi",
    "Library/Application Support/com.operasoftware.Opera",
    "Library/Application Support/Arc/User Data",
    "AppData/Local/Google/Chrome/User Data",
    "AppData/Local/Chromium/User Data",
    "AppData/Local/BraveSoftware/Brave-Browser/User Data",
    "AppData/Local/Microsoft/Edge/User Data",
    "AppData/Local/Vivaldi/User Data",
    "AppData/Roaming/Opera Software/Opera Stable",
)
"""Below each home: folders with one folder for each profile, or (Opera) the only profile itself."""

FIREFOX = (
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
    ".librewolf",
    ".waterfox",
    ".zen",
    ".floorp",
    "Library/Application Support/Firefox/Profiles",
    "AppData/Roaming/Mozilla/Firefox/Profiles",
)
"""Below each home: folders with one folder for each profile."""


class Browsers:
    """The source `browsers`."""

    name = "browsers"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        search = _Search(machine)
        for user in machine.users:
            for root in CHROMIUM:
                for pattern in (f"{root}/Extensions", f"{root}/*/Extensions"):
                    yield from search.below(user.home, pattern, search.chromium)
            for root in FIREFOX:
                yield from search.below(user.home, f"{root}/*/extensions", search.firefox)


class _Search:
    """Looks through one profile after the other; none is looked through twice."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._tree = machine.tree
        self._seen: set[str] = set()

    def below(
        self, home: str, pattern: str, look: Callable[[str, list[Entry]], Iterator[Observation | Unknown]]
    ) -> Iterator[Found]:
        """Every profile that a pattern leads to. A browser writes into its folders all day: only what is there is
        watched, a new profile is seen by a whole look."""
        if self._machine.stopped():
            return
        for found in glob(self._tree, home, pattern):
            if isinstance(found, Unknown):
                yield found
                continue
            if found in self._seen:
                continue
            self._seen.add(found)
            entries = listed(self._tree, found)
            if isinstance(entries, Unknown):
                yield entries
                continue
            yield Root(found)
            if len(entries) > MAX_EXTENSIONS:
                yield Unknown(found, f"more than {MAX_EXTENSIONS} extensions")
            yield from look(found, entries[:MAX_EXTENSIONS])

    def chromium(self, place: str, entries: list[Entry]) -> Iterator[Observation | Unknown]:
        """The folders in a profile's `Extensions`."""
        for entry in entries:
            if self._machine.stopped():
                return
            if entry.kind is Kind.FOLDER and is_chromium_id(entry.name):
                yield from self._chromium_one(place, entry.name)

    def firefox(self, place: str, entries: list[Entry]) -> Iterator[Observation | Unknown]:
        """The files in a profile's `extensions`, or folders where an add-on lies unpacked."""
        added = [(entry, firefox_id(entry.name)) for entry in entries if entry.kind in (Kind.FILE, Kind.FOLDER)]
        if not any(addon for _, addon in added):
            return
        path = join(place.rpartition("/")[0], "extensions.json")
        known: dict[str, Extension] = {}
        try:
            known = parse_firefox(self._tree.read(path, MAX_JSON))
        except Gone:
            pass  # Firefox was not started since
        except InterdictError as error:
            yield unknown(path, error)
        except ValueError as error:
            yield Unknown(path, str(error))
        for entry, addon in added:
            if self._machine.stopped():
                return
            if addon and (facts := self._facts(join(place, entry.name))):
                yield self._observation(place, facts, f"firefox:{addon}", addon, known.get(addon, Extension("", "")))

    def _chromium_one(self, place: str, name: str) -> Iterator[Observation | Unknown]:
        path = join(place, name)
        versions = listed(self._tree, path)
        if isinstance(versions, Unknown):
            yield versions
            return
        folder = newest(entry.name for entry in versions if entry.kind is Kind.FOLDER)
        facts = self._facts(path)
        if not folder or facts is None:
            return  # what an update or a removal left
        said, manifest = Extension("", ""), join(join(path, folder), "manifest.json")
        try:
            said = parse_chromium(self._tree.read(manifest, MAX_JSON))
        except Gone:
            return
        except InterdictError as error:
            yield unknown(manifest, error)
        except ValueError as error:
            yield Unknown(manifest, str(error))
        said = said._replace(version=said.version or chromium_version(folder))
        yield self._observation(place, facts, f"chromium:{name}", name, said)

    def _facts(self, path: str) -> Facts | None:
        try:
            return self._tree.facts(path, follow=False)
        except InterdictError:
            return None  # it vanished since its folder was listed

    def _observation(self, place: str, facts: Facts, key: str, name: str, said: Extension) -> Observation:
        return Observation(
            source=Browsers.name,
            face=Face.EXTENSION,
            path=facts.path,
            owner=self._machine.owner(facts.uid),
            uid=facts.uid,
            name=said.name or name,
            version=said.version,
            extension=key,
            home=self._machine.home_of(facts.path),
            inode=(facts.device, facts.inode),
            prefix=place,
        )

"""macOS and Windows: folders watched by watchdog's observer (FSEvents, ReadDirectoryChangesW)."""

from __future__ import annotations

import os
import queue

from watchdog.events import (
    EVENT_TYPE_CREATED,
    EVENT_TYPE_MOVED,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

from agent.errors import Denied, Gone
from agent.host.folder_events import Batch, FolderEvent, Watch, is_folder

_QUEUE = 4096


class _Handler(FileSystemEventHandler):
    """Puts what happens in one folder into the tap's queue."""

    def __init__(self, number: int, path: str, events: queue.Queue[FolderEvent | None]) -> None:
        self._number = number
        self._path = path
        self._events = events

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by the observer's thread."""
        if event.event_type in ("opened", "closed_no_write"):
            return
        path = os.fsdecode(event.dest_path or event.src_path)
        name = "" if path == self._path else os.path.basename(path)
        made = event.is_directory and event.event_type in (EVENT_TYPE_CREATED, EVENT_TYPE_MOVED)
        gone = not name and event.event_type in ("deleted", "moved")
        try:
            self._events.put_nowait(FolderEvent(self._number, name, made, gone))
        except queue.Full:
            # The reader sees a full queue and takes it for a loss.
            return


class WatchdogTap:
    """Folders watched by watchdog."""

    def __init__(self) -> None:
        self._observer = Observer()
        self._observer.start()
        self._events: queue.Queue[FolderEvent | None] = queue.Queue(_QUEUE)
        self._watches: dict[int, tuple[str, ObservedWatch]] = {}
        self._numbers: dict[str, int] = {}
        self._next = 0

    def add(self, path: str, watch: Watch) -> int:
        """Watches a folder; the same path has the same number."""
        if path in self._numbers:
            return self._numbers[path]
        if not is_folder(path):
            raise Gone(f"{path} is no folder")
        number, self._next = self._next, self._next + 1
        try:
            self._watches[number] = (path, self._observer.schedule(_Handler(number, path, self._events), path))
        except (OSError, RuntimeError) as error:
            raise Denied(f"{path} cannot be watched: {error}") from error
        self._numbers[path] = number
        return number

    def remove(self, number: int) -> None:
        """Ends one watch."""
        path, watch = self._watches.pop(number, ("", None))
        self._numbers.pop(path, None)
        if watch is not None:
            self._observer.unschedule(watch)

    def read(self, wait: float | None) -> Batch:
        """What happened; waits for at most so many seconds."""
        lost = self._events.full()
        events: list[FolderEvent] = []
        try:
            event = self._events.get(timeout=None if wait is None else max(0.0, wait))
            while True:
                if event is not None:
                    events.append(event)
                event = self._events.get_nowait()
        except queue.Empty:
            return Batch(tuple(events), lost)

    def interrupt(self) -> None:
        """Lets a waiting `read` return, from any thread."""
        if not self._events.full():
            self._events.put_nowait(None)

    def close(self) -> None:
        """Ends all watches."""
        self._observer.stop()
        self._observer.join()

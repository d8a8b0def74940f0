"""Findings on their way to the console: what is new about them, and of whom nothing but a count may be said yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from agent.case_values import Case
from agent.findings import finding_line
from policy_schema.messages.report import FindingLine, MoveLine, WithheldLine
from policy_schema.rules.decision import Decision


class Lines:
    """Belongs to the deciding thread."""

    def __init__(
        self,
        queue: Callable[[Iterable[FindingLine | MoveLine]], None],
        pseudonym: Callable[[int], str],
        cover: Callable[[str], str],
        may_tell: Callable[[int], bool],
    ) -> None:
        """`queue` takes what is reported; `may_tell`: whether a person (uid) knows that something is reported."""
        self.queue, self._pseudonym, self._cover, self._may_tell = queue, pseudonym, cover, may_tell

    def news(self, case: Case, decision: Decision) -> Case:
        """The case with its line, which was queued if it says anything new. Of somebody who has not been welcomed it
        waits: what the console knows of it stays as it is."""
        if not self._may_tell(case.subject.uid):
            return case
        line = self._line(case, decision)
        if case.line == line:
            return case
        self.queue([line])
        return case._replace(line=line)

    def whole(self, here: Iterable[tuple[Case, Decision]], others: Iterable[Case]) -> tuple[FindingLine, ...]:
        """Everything that is here, and how what is remembered as gone ended."""
        lines = tuple(self._line(case, why) for case, why in here if self._may_tell(case.subject.uid))
        gone = (case.line for case in others if self._may_tell(case.subject.uid))
        return lines + tuple(line for line in gone if line is not None and line.gone)

    def withheld(self, here: Iterable[Case]) -> tuple[WithheldLine, ...]:
        """How much of whom nothing else may be said yet, by ban."""
        counts = Counter(case.subject.ban for case in here if not self._may_tell(case.subject.uid))
        return tuple(WithheldLine(ban=ban, findings=count) for ban, count in sorted(counts.items()))

    def _line(self, case: Case, decision: Decision) -> FindingLine:
        person = self._pseudonym(case.subject.uid)
        return finding_line(case.subject, decision, case, person=person, cover=self._cover)

"""The text of a new policy: commented, quoted, one value a line, so that people change it without a manual."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from typing import NamedTuple

from policy_schema.document.catalogue import Catalogue

_YAML_ONLY = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")


class Answers(NamedTuple):
    """What somebody answered; each was checked."""

    organisation: str
    time_zone: str
    language: str
    help: str
    decided_by: str
    tool: str
    reason: str
    alternative: str
    alternative_url: str
    notify: str
    block: str
    remove: str
    group: str


def write_policy(answers: Answers, catalogue: Catalogue, today: date) -> str:
    """The policy as YAML, decided today."""
    told = date.fromisoformat(answers.notify)
    review = (told + timedelta(days=90)).isoformat()
    # The last to come back are people on leave; after this day nobody waits for a notice any more.
    latest = (date.fromisoformat(answers.remove) + timedelta(days=30)).isoformat()
    values = {name: quoted(value) for name, value in answers._asdict().items()}
    return _TEMPLATE.format(
        **values,
        alternative_name=quoted(catalogue.tools[answers.alternative].name),
        decided=quoted(min(today, told).isoformat()),
        review=quoted(review),
        steps="\n".join(_steps(answers)),
        stages="\n".join(_stages(answers)),
        latest=quoted(f"{latest} 09:00"),
    )


def quoted(text: str) -> str:
    """The text as a YAML scalar in double quotes: JSON's, but for what YAML would take for a line's end or a mark."""
    return _YAML_ONLY.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def _stages(answers: Answers) -> list[str]:
    return [
        f'      - {{from: "{answers.notify} 09:00", action: "notify"}}',
        f'      - {{from: "{answers.block} 09:00", action: "block", let_finish: "4h", kill_after: "30s"}}',
        f'      - {{from: "{answers.remove} 09:00", action: "remove"}}',
    ]


def _steps(answers: Answers) -> list[str]:
    """Half of the time between notice and block, in three steps; all at once where there is little time."""
    begin, end = date.fromisoformat(answers.notify), date.fromisoformat(answers.block)
    if (end - begin).days < 4:
        return [f'      - {{from: "{begin} 09:00", percent: 100}}']
    pilot, everybody = begin + timedelta(days=1), begin + timedelta(days=2)
    return [
        f'      - {{from: "{begin} 09:00", groups: [{quoted(answers.group)}]}}',
        f'      - {{from: "{pilot} 09:00", percent: 10}}',
        f'      - {{from: "{everybody} 09:00", percent: 100}}',
    ]


_TEMPLATE = """\
# A policy of Interdict: what is not allowed, why, from when, and what to use instead.
# Check it:         interdict-policy lint FILE
# Read the notices: interdict-policy preview FILE
# Put texts in double quotes: a comma or a colon in an unquoted text would cut it.
schema: 1

organisation:
  name: {organisation}
  time_zone: {time_zone} # every time below is local to it
  default_language: {language}
  contacts:
    help: {help} # stands in every notice

# Tools that people may use. `except: "approved"` leaves them out of a ban of a vendor or a category.
approved: [{alternative}]

bans:
  - id: {tool} # for ever: reports and exceptions refer to it
    targets:
      # All versions. Only some: {{tool: {tool}, versions: ">=1.2.0 <1.4.0"}}
      - {{tool: {tool}}}
    # For reports only; a notice never shows it.
    classification: "high-risk-software"
    decision:
      by: {decided_by}
      date: {decided}
      review_by: {review}
    # People read this in the middle of their work. Add languages: zh-Hans, de, ...
    reason:
      {language}: {reason}
    alternatives:
      - {{name: {alternative_name}, tool: {alternative}, url: {alternative_url}}}
    # report: only counted. notify: people are told. block: it does not start, what runs may finish.
    # remove: it is uninstalled or put aside, and can be put back.
    stages:
{stages}
    min_notice: "24h" # nobody is blocked earlier than this after the notice was shown to them
    no_later_than: {latest} # ... but on this day at the latest
    cure: "remove" # or "update", when an allowed version exists
    # Company workstations, unless named otherwise. Others: scope: {{regions: ["CN"], except_groups: ["red-team"]}}
    rollout:
{steps}

exceptions: {{max_days: 90, pending_hold: "24h"}}
pause: {{max: "72h"}}
# What leaves a machine: only what a ban matches, and nothing about persons.
privacy: {{inventory: "matches-only", person_level: {{default: false}}}}
"""

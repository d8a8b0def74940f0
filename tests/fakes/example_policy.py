"""Three versions of an organisation's policy, signed and published for real, as a console follows them."""

from __future__ import annotations

from pathlib import Path

from console.policy.follow import Follower, Source
from console.store.db import Database
from policy_schema.document.canonical import encode
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.load import parse_policy
from policy_schema.rules.instant import Instant, parse_instant
from tests.fakes.policy_server import PolicyRepository

HEAD = """\
schema: 1
organisation:
  name: "Example Group"
  time_zone: "Asia/Shanghai"
  default_language: "en"
  contacts: {help: "https://help.example.com/ai-tools", security: "mailto:security@example.com"}
approved: ["qoder"]
exceptions: {max_days: 90, pending_hold: "24h"}
pause: {max: "72h"}
bans:
  - id: "cursor"
    targets: [{tool: "cursor"}, {tool: "cursor-cli"}]
    classification: "not-approved"
    decision: {by: "Procurement", date: "2026-06-08", reference: "PRO-2026-071", review_by: "2026-12-01"}
    reason:
      en: "There is no contract with its vendor for company code."
      zh-Hans: "公司与其供应商没有处理公司代码的合同。"
    claims:
      - {claim: "Code is sent to servers of the vendor by default", standing: "confirmed", source: "https://example.com/review/cursor"}
    alternatives: [{name: "Qoder", tool: "qoder", url: "https://qoder.com"}]
    stages:
      - {from: "2026-06-12 09:00", action: "notify"}
      - {from: "2026-06-22 09:00", action: "block", let_finish: "4h", kill_after: "30s"}
      - {from: "2026-07-09 18:00", action: "remove"}
    min_notice: "24h"
"""
CLAUDE = """\
  - id: "claude-code"
    targets: [{tool: "claude-code"}]
    classification: "high-risk-software"
    decision: {by: "Information Security", date: "2026-07-03", reference: "SEC-2026-114", review_by: "2026-10-01"}
    reason:
      en: "Information Security has assessed it as not allowed on company devices."
      zh-Hans: "信息安全部门评估后认定，公司设备上不允许使用。"
    claims:
      - claim: "2.1.91 to 2.1.197 put a mark into the prompt that depends on time zone and host"
        standing: "confirmed"
        fixed_in: "2.1.198"
        source: "https://example.com/review/claude-code"
      - claim: "The mark was there to single out users in China"
        standing: "alleged"
        disputed_by: {who: "the vendor", says: "an experiment against abuse"}
      - {claim: "Prompts are kept for five years", standing: "withdrawn"}
    alternatives: [{name: "Qoder", tool: "qoder", url: "https://qoder.com"}]
    links: [{title: "Moving your work and questions about paid subscriptions", url: "https://help.example.com/moving"}]
    stages:
      - {from: "2026-07-04 09:00", action: "notify"}
      - {from: "BLOCK", action: "block", let_finish: "4h", kill_after: "30s"}
      - {from: "2026-07-24 09:00", action: "remove"}
    min_notice: "24h"
    no_later_than: "2026-08-15 09:00"
    scope: {regions: ["CN", "HK"], except_groups: ["red-team"]}
    rollout:
      - {from: "2026-07-04 09:00", groups: ["it"]}
      - {from: "2026-07-05 09:00", percent: 25}
      - {from: "2026-07-06 09:00", percent: 80}
      - {from: "2026-07-09 21:00", percent: 100}
  - id: "claude-agent-sdk"
    targets: [{tool: "claude-agent-sdk"}]
    classification: "high-risk-software"
    decision: {by: "Information Security", date: "2026-07-03", reference: "SEC-2026-114", review_by: "2026-10-01"}
    reason: {en: "It carries the same engine. Please plan to replace it in what you build."}
    alternatives: [{name: "Qoder", tool: "qoder", url: "https://qoder.com"}]
    stages: [{from: "2026-07-04 09:00", action: "notify"}]
"""
MODELS = """\
model_bans:
  - id: "anthropic-models"
    families: ["claude-opus", "claude-sonnet", "claude-haiku"]
    reason: {en: "Not approved for company data."}
    stages: [{from: "2026-07-10 09:00", action: "notify"}]
"""
VERSIONS = (
    ("2026-06-11T02:00:00Z", HEAD),
    ("2026-07-03T06:30:00Z", HEAD + CLAUDE.replace("BLOCK", "2026-07-09 09:00")),
    ("2026-07-07T08:10:00Z", HEAD + CLAUDE.replace("BLOCK", "2026-07-10 09:00") + MODELS),
)
"""When each was published, and its text."""


def follow_versions(database: Database, folder: Path) -> tuple[str, ...]:
    """Publishes each version and lets the console look. Returns their ids, oldest first."""
    repository = PolicyRepository(now=parse_instant(VERSIONS[0][0]))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "root.json").write_bytes(repository.trust)
    ids: list[str] = []
    for at, text in VERSIONS:
        repository.now = parse_instant(at)
        closed = close_policy(parse_policy(text, "policy.yaml"), load_catalogue())
        repository.publish_bytes(encode(dict(closed.document)), list(repository.policies)[len(ids) % 2 :][:2])
        ids.append(closed.id)
        _look(database, repository, folder, repository.now + 40)
    return tuple(ids)


def _look(database: Database, repository: PolicyRepository, folder: Path, now: int) -> None:
    for path, content in repository.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    source = Source(str(folder), folder / "root.json")
    problem = Follower(database=database, source=source, clock=lambda: Instant(now)).look()
    assert problem == "", problem

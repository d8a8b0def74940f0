"""Every route of the console, in one table. `console/app.py` builds the application from it and from nothing else."""

from __future__ import annotations

from typing import Final

from console.access import Limit, Scope
from console.access.oidc.settings import CALLBACK
from console.web.guard import Rule, Who
from console.web.pages import (
    audit,
    bans,
    device,
    devices,
    exceptions,
    exports,
    health,
    login,
    machines,
    moves,
    oidc,
    overview,
    policy,
    programs,
    reports,
    repository,
    settings,
    static,
    view,
)
from policy_schema.messages.enrol import ENROL_PATH
from policy_schema.messages.report import REPORTS_PATH

RULES: Final[tuple[Rule, ...]] = (
    # machines
    Rule("POST", ENROL_PATH, Who.AGENT, machines.enrol),
    Rule("POST", REPORTS_PATH, Who.AGENT, machines.reports),
    # before signing in
    Rule("GET", "/healthz", Who.ANYBODY, machines.healthz),
    Rule("GET", "/readyz", Who.ANYBODY, machines.readyz),
    Rule("GET", "/static/{file:path}", Who.ANYBODY, static.file),
    Rule("GET", "/repository/{file:path}", Who.ANYBODY, repository.file),
    Rule("GET", "/login", Who.ANYBODY, login.form),
    Rule("POST", "/login", Who.ANYBODY, login.sign_in, limit=Limit.SIGN_IN),
    Rule("GET", "/login/oidc", Who.ANYBODY, oidc.begin, limit=Limit.PROVIDER),
    Rule("GET", CALLBACK, Who.ANYBODY, oidc.callback, limit=Limit.PROVIDER),
    Rule("POST", "/logout", Who.VIEWER, login.sign_out),
    Rule("POST", "/view", Who.ANYBODY, view.change),
    # pages
    Rule("GET", "/", Who.VIEWER, overview.show),
    Rule("GET", "/devices", Who.VIEWER, devices.show),
    Rule("GET", "/devices/{device}", Who.VIEWER, device.show, views="device"),
    Rule("GET", "/devices/{device}/reports/{epoch}/{sequence:int}", Who.VIEWER, device.report, views="device"),
    Rule("GET", "/bans", Who.VIEWER, bans.show),
    Rule("GET", "/bans/{ban}", Who.VIEWER, bans.one),
    Rule("GET", "/moves", Who.VIEWER, moves.show),
    Rule("GET", "/policy", Who.VIEWER, policy.show),
    Rule("GET", "/policy/{serial:int}", Who.VIEWER, policy.version),
    Rule("GET", "/health", Who.VIEWER, health.show),
    Rule("GET", "/exceptions", Who.VIEWER, exceptions.show),
    Rule("GET", "/exceptions/new", Who.APPROVER, exceptions.new),
    Rule("POST", "/exceptions/new", Who.APPROVER, exceptions.give),
    Rule("POST", "/exceptions/decide", Who.APPROVER, exceptions.decide_some),
    Rule("POST", "/exceptions/mine", Who.APPROVER, exceptions.mine),
    Rule("GET", "/exceptions/requests/{device}/{request}", Who.VIEWER, exceptions.one, views="device"),
    Rule("POST", "/exceptions/requests/{device}/{request}", Who.APPROVER, exceptions.decide_one, views="device"),
    Rule("POST", "/exceptions/pauses", Who.ADMIN, exceptions.pause),
    Rule("POST", "/exceptions/pauses/lift", Who.ADMIN, exceptions.lift),
    Rule("POST", "/exceptions/alarms/close", Who.ADMIN, exceptions.close_alarm),
    Rule("POST", "/exceptions/{exception}/withdraw", Who.APPROVER, exceptions.withdraw),
    Rule("GET", "/view", Who.VIEWER, view.show),
    Rule("GET", "/audit", Who.ADMIN, audit.show),
    Rule("GET", "/settings", Who.VIEWER, settings.show),
    Rule("POST", "/settings/sessions/end", Who.VIEWER, settings.end_session),
    Rule("POST", "/settings/users", Who.ADMIN, settings.change_user),
    Rule("POST", "/settings/identities/let-go", Who.ADMIN, settings.let_go),
    Rule("POST", "/settings/tokens", Who.ADMIN, settings.make_token),
    Rule("POST", "/settings/tokens/end", Who.ADMIN, settings.end_token),
    # programs
    Rule("GET", programs.OPENAPI, Who.ANYBODY, programs.openapi),
    Rule("GET", programs.METRICS, Who.TOKEN, programs.metrics, scope=Scope.METRICS),
    *(Rule("GET", path, Who.TOKEN, answer, views=views) for path, answer, views in programs.READ),
    # files
    Rule("GET", "/reports", Who.VIEWER, reports.show),
    Rule("GET", "/reports/compliance/{format}", Who.VIEWER, reports.file, limit=Limit.EXPORT),
    Rule("GET", "/export/compliance.csv", Who.VIEWER, exports.compliance_csv, limit=Limit.EXPORT),
    Rule("GET", "/export/compliance.json", Who.VIEWER, exports.compliance_json, limit=Limit.EXPORT),
)

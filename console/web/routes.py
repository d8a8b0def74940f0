"""Every route of the console, in one table. `console/app.py` builds the application from it and from nothing else."""

from __future__ import annotations

from typing import Final

from console.access import Limit
from console.access.oidc.settings import CALLBACK
from console.web.guard import Rule, Who
from console.web.pages import device, devices, exports, login, machines, oidc, overview, static, view
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
    Rule("GET", "/view", Who.VIEWER, view.show),
    # files
    Rule("GET", "/export/compliance.csv", Who.VIEWER, exports.compliance_csv, limit=Limit.EXPORT),
    Rule("GET", "/export/compliance.json", Who.VIEWER, exports.compliance_json, limit=Limit.EXPORT),
)

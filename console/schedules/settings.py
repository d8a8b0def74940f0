"""How scheduled reports are handed over: the tables `[mail]` and `[webhook]` of the settings file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from console.config import Config, Section
from console.errors import BadFile
from console.schedules.mail import MailServer
from console.schedules.undelivered import Undelivered


class Delivering(NamedTuple):
    """What is set up; a schedule that needs more fails with a line that says so."""

    mail: MailServer | None = None
    secret: Path | None = None
    """The file with the secret that webhooks are signed with."""

    def mail_server(self) -> MailServer:
        """Raises:
        Undelivered: none is set up.
        """
        if self.mail is None:
            raise Undelivered("no mail server is set up: [mail] in the settings file")
        return self.mail

    def webhook_secret(self) -> Path:
        """Raises:
        Undelivered: none is set up.
        """
        if self.secret is None:
            raise Undelivered("no secret for webhooks is set up: [webhook] in the settings file")
        return self.secret


def delivering_of(config: Config) -> Delivering:
    """The tables `[mail]` and `[webhook]`.

    Raises:
        BadFile: a key or a value that is none.
    """
    mail, webhook = config.section("mail"), config.section("webhook")
    server = _mail_server(mail) if mail else None
    secret = Path(webhook.text("secret_file")) if webhook else None
    mail.done()
    webhook.done()
    return Delivering(server, secret)


def _mail_server(section: Section) -> MailServer:
    tls = section.text("tls", "starttls")
    if tls not in ("starttls", "tls", "none"):
        raise BadFile(f"tls = {tls!r} in [mail] is none of starttls, tls, none", 'Write tls = "starttls".')
    password, authority = section.text("password_file", ""), section.text("authority", "")
    return MailServer(
        host=section.text("host"),
        port=section.number("port", 465 if tls == "tls" else 587, 1, 65_535),
        sender=section.text("from"),
        user=section.text("user", ""),
        password_file=Path(password) if password else None,
        tls=tls,
        authority=Path(authority) if authority else None,
    )

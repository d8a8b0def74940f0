"""Sends a report by e-mail: SMTP, TLS by default, no message without it unless the server is this machine."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Final, NamedTuple

from console.schedules.undelivered import Undelivered
from console.settings import is_loopback

PATIENCE: Final = 60
"""Seconds for each answer of the server."""


class MailServer(NamedTuple):
    """Where e-mail is handed over. The password stands in a file."""

    host: str
    port: int = 587
    sender: str = ""
    user: str = ""
    password_file: Path | None = None
    tls: str = "starttls"
    """`starttls`, `tls` (from the first byte) or `none` (this machine only)."""
    authority: Path | None = None
    """Certificates to trust in place of the system's."""


class Letter(NamedTuple):
    """One report to send."""

    to: tuple[str, ...]
    subject: str
    text: str
    name: str
    media: str
    content: bytes
    identity: str
    """The same for each try, so that a mailbox can tell a copy."""


def send(server: MailServer, letter: Letter) -> None:
    """Hands the letter over to the server.

    Raises:
        Undelivered: it did not take it; nobody can say whether a message whose last answer was lost arrived.
    """
    try:
        with _connected(server) as smtp:
            if server.user:
                smtp.login(server.user, _password(server))
            refused = smtp.send_message(_message(server, letter))
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        raise Undelivered(f"{server.host} says {error.smtp_code} {said}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise Undelivered(f"{server.host} port {server.port}: {error}") from error
    if refused:
        raise Undelivered(f"{server.host} refused {', '.join(sorted(refused))}")


def _connected(server: MailServer) -> smtplib.SMTP:
    if server.tls == "none" and not is_loopback(server.host):
        raise Undelivered(f"{server.host} is another machine: mail goes there by TLS only (tls: starttls or tls)")
    trust = ssl.create_default_context(cafile=None if server.authority is None else str(server.authority))
    if server.tls == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=PATIENCE, context=trust)
    smtp = smtplib.SMTP(server.host, server.port, timeout=PATIENCE)
    try:
        if server.tls != "none":
            smtp.starttls(context=trust)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _password(server: MailServer) -> str:
    if server.password_file is None:
        raise Undelivered(f"{server.host}: a user without a password file")
    return server.password_file.read_text(encoding="utf-8").splitlines()[0]


def _message(server: MailServer, letter: Letter) -> EmailMessage:
    message = EmailMessage()
    message["From"] = server.sender
    message["To"] = ", ".join(letter.to)
    message["Subject"] = letter.subject
    message["Message-ID"] = f"<{letter.identity}@{server.sender.rpartition('@')[2] or 'interdict.invalid'}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    kind, _, sub = letter.media.partition(";")[0].partition("/")
    message.add_attachment(letter.content, maintype=kind, subtype=sub, filename=letter.name)
    return message

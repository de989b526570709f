"""``python -m afrender.notify``: mails and posts what happened on the farm, as the service ``events`` asks.

Rules of this file:
- What is to be told comes in the environment variable ``AF_EVENT``, as JSON: addresses of chat services hold secrets,
  and words of a command can be read by everybody on the machine.
- Every receiver is tried; one that fails is named by its kind, never by its address, and fails the task, so that it is
  tried again.

``{"title", "body", "emails": [], "notify": [URL, …], "sender", "smtp": {"server", "user", "password", "tls"}}``
"""

from __future__ import annotations

import json
import logging
import os
import smtplib
import ssl
import sys
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from typing import Any

__all__ = ["main", "send_mail"]

_WAIT = 20.0
"""Seconds that a mail server may be silent."""
_PORTS = {"tls": 465}


def send_mail(told: Mapping[str, Any]) -> None:
    """Send one message to all receivers.  Raises OSError or SMTPException."""
    settings = told.get("smtp", {})
    host, _, port = str(settings.get("server", "")).partition(":")
    tls = str(settings.get("tls", "starttls"))
    message = EmailMessage()
    message["Subject"] = " ".join(str(told.get("title", "")).split())
    message["From"] = str(told.get("sender", ""))
    message["To"] = ", ".join(map(str, told["emails"]))
    message.set_content(str(told.get("body", "")))
    context = ssl.create_default_context()
    number = int(port or _PORTS.get(tls, 25))
    server: smtplib.SMTP
    if tls == "tls":
        server = smtplib.SMTP_SSL(host or "localhost", number, timeout=_WAIT, context=context)
    else:
        server = smtplib.SMTP(host or "localhost", number, timeout=_WAIT)
    with server:
        server.ehlo()
        if tls == "starttls" and server.has_extn("starttls"):
            server.starttls(context=context)
        if settings.get("user"):
            server.login(str(settings["user"]), str(settings.get("password", "")))
        server.send_message(message)


def _post(told: Mapping[str, Any]) -> Iterator[str]:
    """Post to every address; yield what failed."""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would print addresses with their secrets
    for number, url in enumerate(told.get("notify", ()), 1):
        kind = str(url).partition("://")[0]
        sender = apprise.Apprise()
        if not sender.add(str(url)):
            yield f"address {number} ({kind}) is none that can be posted to"
        elif not sender.notify(title=str(told.get("title", "")), body=str(told.get("body", ""))):
            yield f"address {number} ({kind}) did not take it"
        else:
            sys.stdout.write(f"Posted to address {number} ({kind}).\n")


def main() -> int:
    """Tell everybody; return 1 when somebody could not be told."""
    try:
        told = json.loads(os.environ["AF_EVENT"])
    except (KeyError, ValueError) as error:
        sys.stderr.write(f"afrender.notify: AF_EVENT does not say what is to be told: {error!r}\n")
        return 1
    failed = []
    if told.get("emails"):
        try:
            send_mail(told)
            sys.stdout.write(f"Mailed to {len(told['emails'])} receivers.\n")
        except (OSError, ValueError, smtplib.SMTPException) as error:
            failed.append(f"mail: {error}")
    failed.extend(_post(told))
    for one in failed:
        sys.stderr.write(f"afrender.notify: {one}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

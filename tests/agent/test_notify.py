"""Mails and posts about events reach real servers of their kind on this machine."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from afrender.reader import Applications, Reader
from afrender.services.base import Plan
from tests.agent.farm import spec
from tests.ports import free_port


class Mailbox:
    """Keeps what a mail server is given; takes only the password it knows."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], Message]] = []
        self.refuse = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse:
            return "554 not today"
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=default)))
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"farm", b"secret"), handled=False)


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    """A mail server on a free port."""
    box = Mailbox()
    port = free_port()
    server = Controller(
        box,
        hostname="127.0.0.1",
        port=port,
        authenticator=box.authenticate,
        auth_require_tls=False,
        auth_exclude_mechanism=["LOGIN"],
        ready_timeout=60,
    )
    # It warns of a field of its own that it fills itself.
    log = logging.getLogger("mail.log")
    level = log.level
    log.setLevel(logging.ERROR)
    server.start()
    try:
        yield box, f"127.0.0.1:{port}"
    finally:
        server.stop()
        log.setLevel(level)


@pytest.fixture
def posts() -> Iterator[tuple[list[tuple[str, Any]], int]]:
    """A server that keeps what is posted to it; what is posted to ``/no`` it refuses."""
    taken: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append((self.path, json.loads(body)))
            self.send_response(500 if self.path == "/no" else 200)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield taken, server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def plan(event: dict[str, Any], **settings: object) -> Plan:
    """Return what the shipped service makes of an event."""
    made = Applications(settings={"email_sender_address_host": "farm.example.org", **settings}).prepare(
        spec(service="events", numeric=False, flags=0, command="", task_command=json.dumps(event))
    )
    assert isinstance(made, Reader), made
    return made.plan


def run(made: Plan) -> subprocess.CompletedProcess[str]:
    """Run a plan as the agent does."""
    environment = {**os.environ, **made.environment, "no_proxy": "127.0.0.1"}
    words = made.command
    assert isinstance(words, list) and words[:1] == [sys.executable]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)


def event(name: str = "JOB_DONE", **custom: object) -> dict[str, Any]:
    """Return an event of a job whose user has an address."""
    methods = custom.pop("methods", ["email"])
    job = {
        "id": 7,
        "name": "shot é",
        "user_name": "ann",
        "custom_data": json.dumps({"events": {name: {"methods": methods}}, **custom}),
        "folders": {"output": "/prj/out"},
        "blocks": [{"name": "render", "tasks_num": 3, "p_tasks_done": 2, "p_tasks_error": 1}],
    }
    user = {"name": "ann", "custom_data": json.dumps({"emails": ["ann@example.org"]})}
    return {"events": [name], "job": job, "user": user}


def test_a_mail_is_delivered_to_everybody_named(mailbox: tuple[Mailbox, str]) -> None:
    box, server = mailbox
    settings = {"email_smtp_server": server, "email_smtp_user": "farm", "email_smtp_password": "secret"}
    made = plan(event(emails=["bob@example.org"]), **settings, email_smtp_tls="none")
    assert not any("secret" in word for word in made.command), "words of a command can be read by everybody"
    ended = run(made)
    assert ended.returncode == 0, ended.stderr
    ((receivers, mail),) = box.mails
    assert receivers == ["ann@example.org", "bob@example.org"], "what user and job say is put together"
    assert mail["Subject"] == "JOB_DONE - shot é" and mail["From"] == "noreply@farm.example.org"
    text = mail.get_content()  # type: ignore[attr-defined]
    assert "Block: render, 2 of 3 tasks done, 1 with errors" in text and "Folder output: /prj/out" in text
    assert "2 receivers" in ended.stdout


def test_a_refused_mail_or_login_fails_the_task(mailbox: tuple[Mailbox, str]) -> None:
    box, server = mailbox
    box.refuse = True
    ended = run(plan(event(), email_smtp_server=server))
    assert ended.returncode == 1 and "not today" in ended.stderr
    wrong = {"email_smtp_user": "farm", "email_smtp_password": "wrong"}
    ended = run(plan(event(), email_smtp_server=server, **wrong))
    assert ended.returncode == 1 and "wrong" not in ended.stderr + ended.stdout
    ended = run(plan(event(), email_smtp_server="127.0.0.1:1"))
    assert ended.returncode == 1 and "refused" in ended.stderr


def test_webhooks_and_chat_services_are_posted_to_beside_the_mail(
    mailbox: tuple[Mailbox, str], posts: tuple[list[tuple[str, Any]], int]
) -> None:
    box, server = mailbox
    taken, port = posts
    addresses = [f"json://127.0.0.1:{port}/hook", f"mmost://127.0.0.1:{port}/token1234567890"]
    ended = run(plan(event(methods=["notify", "email"], notify=addresses), email_smtp_server=server))
    assert ended.returncode == 0, ended.stderr
    hook, chat = sorted(taken, key=lambda post: "text" in post[1])
    assert hook[0] == "/hook" and hook[1]["title"] == "JOB_DONE - shot é" and "2 of 3 tasks" in hook[1]["message"]
    assert chat[0] == "/hooks/token1234567890" and "JOB_DONE - shot é" in chat[1]["text"]
    assert len(box.mails) == 1


def test_an_address_that_refuses_fails_the_task_without_being_told(posts: tuple[list[tuple[str, Any]], int]) -> None:
    _, port = posts
    addresses = [f"json://ann:hush@127.0.0.1:{port}/no", "nothing://x", f"json://127.0.0.1:{port}/yes"]
    ended = run(plan(event(methods=["notify"], notify=addresses)))
    assert ended.returncode == 1 and "hush" not in ended.stderr + ended.stdout
    assert "address 1 (json) did not take it" in ended.stderr and "address 2 (nothing)" in ended.stderr
    assert "Posted to address 3" in ended.stdout, "one that fails keeps no other from being told"


def test_a_render_is_told_of_with_its_pools() -> None:
    told = {
        "events": ["RENDER_ZOMBIE"],
        "render": {"name": "r1", "user_name": "ann"},
        "host_resources": {"mem_total_mb": 100, "mem_free_mb": 5, "hdd_total_gb": 9, "hdd_free_gb": 1},
        "pools": [
            {"name": "/cpu", "custom_data": json.dumps({"emails": ["cpu@example.org"]})},
            {"name": "/", "custom_data": json.dumps({"events": {"RENDER_ZOMBIE": {"methods": ["email"]}}})},
        ],
        "user": {"name": "afadmin", "custom_data": "no json"},
    }
    made = plan(told)
    sent = json.loads(made.environment["AF_EVENT"])
    assert sent["title"] == "RENDER_ZOMBIE - r1" and sent["emails"] == ["cpu@example.org"]
    assert "Pools: /cpu, /" in sent["body"] and "Memory: 5 of 100 MB free" in sent["body"]
    assert any("afadmin is no JSON object" in note for note in made.notes)


def test_nothing_to_tell_is_told() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "afrender.notify"],
        env={name: value for name, value in os.environ.items() if name != "AF_EVENT"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 1 and "AF_EVENT" in ended.stderr

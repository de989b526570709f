"""The way into a farm on another machine, or one that does not know us: trust its authority, sign in, connect anew.

Rules of this file:
- A farm is trusted by a person who saw its fingerprint, never in silence; the authority that is kept is the very one
  that was shown.
- Who said "not now" is not asked again until the window is opened anew; the status bar says why nothing is shown.
- Nothing here waits in the window's thread: the network is asked in a thread that tells its answer by a signal.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QDialog, QWidget

from afcore.errors import AfError
from afnet.api.credentials import read_sign_ins, write_sign_in
from afnet.api.trust import (
    authority_path,
    fetch_authority,
    find_authority,
    fingerprint_of,
    shown_fingerprint,
    trust,
)
from afnet.client.blocking import BlockingClient
from afnet.client.servers import Address
from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.views.entering import NearbyDialog, SignInDialog, TrustDialog

if TYPE_CHECKING:
    from afcore.config import Config

__all__ = ["Entrance", "offer_nearby"]


class Entrance(QObject):
    """Opens the questions when the session says that farm and person are strangers; one at a time."""

    _answered = Signal(object, object)
    """What a thread found (or the AfError), and who wants to know."""

    def __init__(
        self, window: QWidget, theme: Theme, session: Session, servers: Sequence[Address], *, user: str,
        again: Callable[[], None],
    ) -> None:  # fmt: skip
        super().__init__(window)
        self.dialog: QDialog | None = None
        """The question that is open."""
        self._window, self._theme, self._session = window, theme, session
        self._server = servers[0] if servers else Address("127.0.0.1", 0)
        self._user = user
        self._again = again
        self._busy = False
        self._pending = ""
        """What the session said while a thread was asked."""
        self._declined: set[str] = set()
        self._closed = False
        self._answered.connect(self._tell, Qt.ConnectionType.QueuedConnection)
        session.stranger.connect(self._meet)

    def close(self) -> None:
        """Ask nothing any more."""
        self._closed = True
        if self.dialog is not None:
            self.dialog.close()

    def _meet(self, what: str) -> None:
        if self._closed or self.dialog is not None or what in self._declined:
            return
        if self._busy:
            self._pending = what
            return
        if what == "unknown_authority":
            host, port = self._server
            self._ask_thread(lambda: fetch_authority(host, port), self._show_authority)
        else:
            self._show_sign_in()

    # Threads

    def _ask_thread(self, work: Callable[[], Any], heard: Callable[[Any], None]) -> None:
        self._busy = True

        def run() -> None:
            try:
                found: object = work()
            except AfError as error:
                found = error
            if not self._closed:
                self._answered.emit(found, heard)

        threading.Thread(target=run, name="afwatch-entrance", daemon=True).start()

    def _tell(self, found: object, heard: Callable[[Any], None]) -> None:
        self._busy = False
        if self._closed:
            return
        heard(found)
        what, self._pending = self._pending, ""
        if what:
            self._meet(what)

    # Trust

    def _show_authority(self, found: str | AfError) -> None:
        if isinstance(found, AfError):
            return  # the link says the same, and tries again
        if _is_trusted(self._server, found):
            return  # it was the last try before that: the next one gets through
        fingerprint = shown_fingerprint(fingerprint_of(found))
        dialog = TrustDialog(self._theme, self._window, address=str(self._server), fingerprint=fingerprint)

        def done(result: int) -> None:
            self._forget(dialog)
            if result == QDialog.DialogCode.Accepted:
                trust(os.environ, *self._server, found)
                self._again()
            else:
                self._declined.add("unknown_authority")

        self._open(dialog, done)

    # Signing in

    def _show_sign_in(self) -> None:
        known = read_sign_ins(os.environ).get(str(self._server), {})
        secure = bool(find_authority(*self._server, os.environ))
        dialog = SignInDialog(
            self._theme, self._window, address=str(self._server), name=str(known.get("name") or self._user),
            secure=secure, sent=lambda name, password: self._sign_in(dialog, name, password),
        )  # fmt: skip

        def done(result: int) -> None:
            self._forget(dialog)
            if result == QDialog.DialogCode.Accepted:
                self._again()
            else:
                self._declined.add("sign_in")

        self._open(dialog, done)

    def _sign_in(self, dialog: SignInDialog, name: str, password: str) -> None:
        def work() -> None:
            given = {"name": name, "password": password, "label": tr("afwatch on {0}", socket.gethostname())}
            # Nothing is shown: an old sign-in that has ended must not stand in the way of a new one.
            with BlockingClient(
                [self._server], program="afwatch", user=name, credential=lambda host, port: ""
            ) as client:
                reply = client.request("session.login", given)
            kept = {"token": reply["token"], "name": reply["name"], "expires": reply["expires"]}
            write_sign_in(os.environ, *self._server, kept)

        def heard(found: AfError | None) -> None:
            if self.dialog is not dialog:
                return
            if isinstance(found, AfError):
                dialog.refused(f"{found.sentence} {getattr(found, 'hint', '')}".strip())
            else:
                dialog.accept()

        self._ask_thread(work, heard)

    # Dialogs

    def _open(self, dialog: QDialog, done: Callable[[int], None]) -> None:
        self.dialog = dialog
        dialog.finished.connect(done)
        dialog.setWindowModality(Qt.WindowModality.WindowModal)
        dialog.open()

    def _forget(self, dialog: QDialog) -> None:
        self.dialog = None
        self._pending = ""  # it was about what has been answered
        dialog.deleteLater()


def _trusted(server: Address) -> str:
    """Return the fingerprint of the authority that is trusted for a server; empty for none."""
    path = authority_path(os.environ, *server)
    return fingerprint_of(path.read_text(encoding="ascii")) if path.exists() else ""


def _is_trusted(server: Address, authority: str) -> bool:
    return _trusted(server) == fingerprint_of(authority)


def offer_nearby(config: Config, theme: Theme) -> Address | None:
    """Offer the farms on the networks of this machine to the person; None when none is found or none is wanted.

    A farm that is trusted already is joined without a question; one that is chosen is trusted from then on.
    """
    from afnet.client.nearby import look_nearby

    if not config["nearby"]:
        return None
    found = look_nearby(config["nearby_networks"])
    for each in found:
        if _trusted(each.address) == each.fingerprint:
            return each.address
    if not found:
        return None
    shown = [(f"{each.name}   {each.address}", shown_fingerprint(each.fingerprint)) for each in found]
    dialog = NearbyDialog(theme, None, shown)
    dialog.exec()
    if dialog.chosen is None:
        return None
    chosen = found[dialog.chosen]
    pem = fetch_authority(*chosen.address)
    if fingerprint_of(pem) != chosen.fingerprint:
        return None
    trust(os.environ, *chosen.address, pem)
    return chosen.address

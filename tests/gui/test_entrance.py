"""The way into a farm elsewhere, by a real window: its fingerprint is shown, the person signs in, rows come."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QDialog

from afcore.config import Config, parse_options
from afcore.states import Role
from afnet.api.credentials import sign_in_path
from afnet.api.trust import authority_path, fingerprint_of, shown_fingerprint
from afnet.client.nearby import Nearby
from afwatch import entrance
from afwatch.app import Watch
from afwatch.theme.paint import Theme
from afwatch.views.entering import NearbyDialog, SignInDialog, TrustDialog, in_lines
from tests.e2e.manymachines import PASSWORD, ManyMachines
from tests.e2e.processes import FarmProcess

Spin = Callable[..., None]


@pytest.fixture
def many(farm: FarmProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ManyMachines:
    """A farm of many machines; this process is on another one, where nobody has signed in."""
    made = ManyMachines(farm)
    made.start()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.delenv("AF_TOKEN", raising=False)
    farm.submit({"frame_first": 1, "frame_last": 2, "command": "true"}, name="far away", offline=True)
    return made


@pytest.fixture
def far(many: ManyMachines, application: QApplication, tmp_path: Path) -> Iterator[Watch]:
    """A monitor of that farm, shown and looking for it."""
    made = Watch([many.away], user="boss", mode=Role.GOD, settings_file=tmp_path / "watch.json", scheme="dark")
    made.window.resize(1400, 900)
    made.start()
    yield made
    made.window.close()
    made.close()


def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config")}


def question(watch: Watch, kind: type[QDialog], spin: Spin) -> Any:
    """Wait for a question and return its dialog."""
    spin(lambda: isinstance(watch.entrance.dialog, kind), f"a {kind.__name__}", 60)
    return watch.entrance.dialog


def test_a_new_person_trusts_the_farm_signs_in_once_and_sees_it(
    many: ManyMachines, far: Watch, spin: Spin, tmp_path: Path
) -> None:
    asked = question(far, TrustDialog, spin)
    shown = in_lines(shown_fingerprint(fingerprint_of(many.authority.read_text())))
    assert shown in [label.text() for label in asked.findChildren(type(asked.wrong))]
    assert asked.no.isDefault() and not asked.yes.isDefault(), "Enter in haste trusts nobody"
    kept = authority_path(environ(tmp_path), *many.away)
    assert not kept.exists()
    asked.yes.click()
    signing = question(far, SignInDialog, spin)
    assert kept.read_text() == many.authority.read_text()
    assert signing.name.text() == "boss" and not signing.go.isEnabled()
    signing.password.setText("incorrect horse")
    signing.go.click()
    spin(lambda: signing.wrong.isVisible(), "the refusal", 60)
    assert "password" in signing.wrong.text().lower() and signing.password.text() == ""
    signing.password.setText(PASSWORD)
    signing.go.click()
    spin(lambda: [row.name for row in far.session.state.jobs.values() if row.name == "far away"], "its jobs", 60)
    assert far.session.user == "boss" and far.session.granted is Role.GOD
    file = sign_in_path(environ(tmp_path))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())[str(many.away)]["name"] == "boss"
    assert PASSWORD not in file.read_text()

    # Revoked: it is asked again, by itself, with the name that is known.
    far.session.ask("token.revoke", id=json.loads(file.read_text())[str(many.away)]["token"].split("_")[1])
    again = question(far, SignInDialog, spin)
    assert again.name.text() == "boss"
    again.reject()
    spin(lambda: far.entrance.dialog is None, "the question to be gone")


def test_who_does_not_trust_the_farm_sends_it_nothing_and_is_not_asked_again(
    many: ManyMachines, far: Watch, spin: Spin, tmp_path: Path
) -> None:
    question(far, TrustDialog, spin).no.click()
    spin(lambda: far.entrance.dialog is None, "the question to be gone")
    far.entrance._again()
    said: list[str] = []
    far.session.stranger.connect(said.append)
    spin(lambda: said, "the next try", 60)
    assert far.entrance.dialog is None and not far.session.state.connected
    assert not authority_path(environ(tmp_path), *many.away).exists()


def test_farms_nearby_are_offered_and_the_chosen_one_is_trusted(
    many: ManyMachines, application: QApplication, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fingerprint = fingerprint_of(many.authority.read_text())
    found = [Nearby("atlas:51000", many.away, fingerprint)]
    monkeypatch.setattr("afnet.client.nearby.look_nearby", lambda named: found)
    seen: list[NearbyDialog] = []
    kept = authority_path(environ(tmp_path), *many.away)

    def answer(dialog: NearbyDialog) -> int:
        seen.append(dialog)
        (dialog.own if len(seen) == 1 else dialog.join).click()
        return 0

    monkeypatch.setattr(NearbyDialog, "exec", answer)
    theme = Theme("dark")
    assert entrance.offer_nearby(Config(), theme) is None and not kept.exists()
    assert in_lines(shown_fingerprint(fingerprint)) in seen[0].list.item(0).text()
    assert seen[0].own.isDefault(), "Enter in haste joins nothing"
    assert entrance.offer_nearby(Config(), theme) == many.away and kept.read_text() == many.authority.read_text()
    # Once trusted it is joined without a question; switched off, nobody looks.
    assert entrance.offer_nearby(Config(), theme) == many.away and len(seen) == 2
    assert entrance.offer_nearby(Config([parse_options({"nearby": False})]), theme) is None


def test_what_is_said_while_the_network_is_asked_is_not_lost(
    many: ManyMachines, far: Watch, spin: Spin, tmp_path: Path
) -> None:
    asked = question(far, TrustDialog, spin)
    asked.yes.click()
    # A last try of the connection from before, and the first answer of the one after it.
    far.session.stranger.emit("unknown_authority")
    far.session.stranger.emit("sign_in")
    question(far, SignInDialog, spin).reject()
    spin(lambda: far.entrance.dialog is None, "the question to be gone")

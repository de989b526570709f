"""The place of people: users."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from afwatch.actions import Asking
from afwatch.acts.tree import USER_ACTIONS
from afwatch.models.columns import USERS
from afwatch.places import Place, add_place
from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.theme.tokens import measures
from afwatch.views.pane import ListPane

__all__: list[str] = []


def _users(window: Asking, theme: Theme) -> QWidget:
    return ListPane(window, theme, USERS, USER_ACTIONS, title=tr("Users"), place="users", noun="user",
                    row_height=measures.row_comfortable)  # fmt: skip


def _count_users(session: Session) -> tuple[int, int]:
    return len(session.state.users), 0


add_place(Place("users", tr("Users"), "users", _users, _count_users, 50))

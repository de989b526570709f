"""Shapes of controls as a style sheet made from tokens: palette first, this second, delegates for cells."""

from __future__ import annotations

from afwatch.theme.tokens import Look

__all__ = ["style_sheet"]

_SHEET = """
QToolTip {{ background: {bg4}; color: {text1}; border: 1px solid {line2}; padding: 4px 8px; }}
QMainWindow, QDialog {{ background: {bg2}; }}
#sidebar, #status, #navigation {{ background: {bg0}; }}
#main {{ background: {bg1}; }}
#inspector {{ background: {bg2}; border-left: 1px solid {line2}; }}
#header, #chips, #search-row, #drawer {{ background: {bg1}; }}
#sidebar {{ border-right: 1px solid {line2}; }}
#status {{ border-top: 1px solid {line2}; }}
#drawer {{ border-top: 1px solid {line2}; background: {bg2}; }}
QLabel {{ background: transparent; }}
QLabel[tone="quiet"] {{ color: {text3}; }}
QLabel[tone="help"] {{ color: {text2}; }}
QListView#navigation {{ border: 0; outline: 0; }}
QTableView {{ background: {bg1}; border: 0; outline: 0; gridline-color: {line1};
  selection-background-color: {selection}; selection-color: {text1}; }}
QTableCornerButton::section {{ background: {bg1}; border: 0; }}
QHeaderView {{ background: {bg1}; border: 0; }}
QHeaderView::section {{ background: {bg1}; color: {text3}; border: 0; border-bottom: 1px solid {line2};
  padding: 0 8px; font-weight: 400; }}
QHeaderView::section:first, QHeaderView::section:only-one {{ padding-left: 16px; }}
QHeaderView::section:hover {{ color: {text1}; background: {bg2}; }}
QHeaderView::up-arrow, QHeaderView::down-arrow {{ width: 0; height: 0; }}
QLineEdit, QSpinBox, QComboBox {{ background: {bg1}; color: {text1}; border: 1px solid {line3}; border-radius: 5px;
  padding: 0 8px; min-height: 28px; selection-background-color: {accent}; selection-color: {accent_ink}; }}
QLineEdit:focus, QSpinBox:focus, QComboBox:focus {{ border: 2px solid {focus}; padding: 0 7px; }}
QPushButton, QToolButton[shape="button"] {{ background: {bg3}; color: {text1}; border: 1px solid {line2};
  border-radius: 5px; padding: 0 10px; min-height: 26px; font-weight: 500; }}
QPushButton:hover, QToolButton[shape="button"]:hover {{ background: {bg4}; }}
QPushButton:focus, QToolButton[shape="button"]:focus {{ border: 2px solid {focus}; padding: 0 9px; }}
QPushButton:disabled, QToolButton[shape="button"]:disabled {{ background: transparent; color: {off};
  border: 1px dashed {line2}; }}
QPushButton[role="main"] {{ background: {accent}; color: {accent_ink}; border: 1px solid {accent}; }}
QPushButton[role="danger"] {{ background: {bad_tint}; color: {bad_ink}; border: 1px solid {bad_fill}; }}
QToolButton[shape="bare"] {{ background: transparent; border: 0; border-radius: 5px; padding: 4px; }}
QToolButton[shape="bare"]:hover {{ background: {bg4}; }}
QToolButton[shape="bare"]:focus {{ border: 2px solid {focus}; padding: 2px; }}
QToolButton::menu-indicator {{ image: none; width: 0; }}
QPushButton[shape="chip"] {{ background: transparent; border: 1px solid {line2}; border-radius: 13px; padding: 0 10px;
  min-height: 24px; font-weight: 400; color: {text1}; }}
QPushButton[shape="chip"]:hover {{ background: {bg3}; }}
QPushButton[shape="chip"]:checked {{ background: {selection}; border: 1px solid {accent}; }}
QPushButton[shape="chip"]:focus {{ border: 2px solid {focus}; padding: 0 9px; }}
QPushButton[shape="segment"] {{ background: transparent; border: 0; border-radius: 4px; padding: 0 12px;
  min-height: 26px; color: {text2}; }}
QPushButton[shape="segment"]:checked {{ background: {bg4}; color: {text1}; }}
QPushButton[shape="segment"]:focus {{ border: 2px solid {focus}; padding: 0 10px; }}
QPushButton[shape="flat"] {{ background: transparent; border: 0; color: {text2}; font-weight: 400; padding: 0 8px; }}
QPushButton[shape="flat"]:hover {{ color: {text1}; background: {bg4}; }}
QPushButton[shape="flat"]:focus {{ border: 2px solid {focus}; padding: 0 6px; }}
QPushButton[shape="tab"] {{ background: transparent; border: 0; border-bottom: 2px solid transparent; border-radius: 0;
  padding: 0 10px; min-height: 34px; color: {text2}; font-weight: 400; }}
QPushButton[shape="tab"]:hover {{ color: {text1}; }}
QPushButton[shape="tab"]:checked {{ color: {text1}; border-bottom: 2px solid {accent}; font-weight: 500; }}
QPushButton[shape="tab"]:focus {{ border: 2px solid {focus}; padding: 0 8px; min-height: 32px; }}
#tabs {{ background: {bg2}; border-bottom: 1px solid {line2}; }}
#foot {{ background: {bg2}; border-top: 1px solid {line2}; }}
#palette {{ background: {bg4}; border: 1px solid {line3}; border-radius: 8px; }}
#palette QListView {{ background: {bg4}; border: 0; outline: 0; }}
QMenuBar {{ background: {bg0}; color: {text2}; border-bottom: 1px solid {line2}; padding: 2px 8px; }}
QMenuBar::item {{ background: transparent; padding: 4px 10px; border-radius: 4px; }}
QMenuBar::item:selected {{ background: {bg4}; color: {text1}; }}
QSpinBox::up-button, QSpinBox::down-button {{ width: 0; border: 0; subcontrol-origin: border; }}
QSpinBox QLineEdit {{ border: 0; padding: 0 8px; min-height: 0; background: transparent; }}
QComboBox {{ padding-right: 20px; }}
QComboBox::drop-down {{ border: 0; width: 20px; }}
QComboBox QAbstractItemView {{ background: {bg4}; color: {text1}; border: 1px solid {line2};
  selection-background-color: {selection}; selection-color: {text1}; outline: 0; }}
#page {{ background: {bg2}; }}
QCheckBox::indicator, QTableView::indicator {{ width: 14px; height: 14px; border: 1px solid {line3}; border-radius: 3px;
  background: {bg1}; }}
QCheckBox::indicator:checked, QTableView::indicator:checked {{ background: {accent}; border: 1px solid {accent};
  image: url({mark}); }}
QCheckBox::indicator:checked:disabled {{ background: {off}; border: 1px solid {off}; }}
QCheckBox::indicator:focus {{ border: 2px solid {focus}; width: 12px; height: 12px; }}
QTableWidget {{ background: {bg1}; border: 1px solid {line2}; }}
QListWidget {{ background: {bg1}; border: 1px solid {line2}; }}
QListWidget::item {{ padding: 4px 6px; }}
QListWidget::item:selected {{ background: {selection}; color: {text1}; }}
QListWidget:focus {{ border: 2px solid {focus}; }}
QSlider::groove:horizontal {{ height: 4px; background: {line2}; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {accent}; border-radius: 2px; }}
QSlider::handle:horizontal {{ width: 12px; height: 12px; margin: -4px 0; border-radius: 6px; background: {accent}; }}
QSlider::handle:horizontal:focus {{ border: 2px solid {focus}; }}
QDateTimeEdit {{ background: {bg1}; color: {text1}; border: 1px solid {line3}; border-radius: 5px; padding: 0 6px;
  min-height: 22px; }}
#past {{ background: {selection}; border-bottom: 2px solid {accent}; }}
#band, #approvals {{ background: {wait_tint}; border-bottom: 1px solid {line2}; }}
QCheckBox {{ color: {text1}; spacing: 8px; }}
QCheckBox:disabled {{ color: {off}; }}
QMenu {{ background: {bg4}; color: {text1}; border: 1px solid {line2}; border-radius: 8px; padding: 4px; }}
QMenu::item {{ padding: 5px 28px 5px 12px; border-radius: 4px; min-height: 18px; }}
QMenu::icon {{ padding-left: 8px; }}
QMenu::item:selected {{ background: {selection}; }}
QMenu::item:disabled {{ color: {off}; }}
QMenu::separator {{ height: 1px; background: {line2}; margin: 4px 8px; }}
QPlainTextEdit, QTextBrowser {{ background: {bg1}; color: {text1}; border: 1px solid {line2}; border-radius: 2px;
  selection-background-color: {accent}; selection-color: {accent_ink}; }}
QPlainTextEdit:focus {{ border: 2px solid {focus}; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {line2}; border-radius: 4px; min-height: 28px; min-width: 28px; margin: 1px; }}
QScrollBar::handle:hover {{ background: {line3}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QSplitter::handle {{ background: {line2}; }}
QScrollArea {{ border: 0; background: transparent; }}
#toast {{ background: {bg4}; border: 1px solid {line3}; border-radius: 8px; }}
#card {{ background: {bad_tint}; border: 1px solid {bad_fill}; border-radius: 6px; }}
"""


def style_sheet(look: Look, *, mark: str) -> str:
    """Return the style sheet of a look; ``mark`` is the path of the picture in checked boxes."""
    bad = look.families["bad"]
    names = {name: getattr(look, name) for name in look.__slots__ if isinstance(getattr(look, name), str)}
    wait = look.families["wait"].tint
    return _SHEET.format(mark=mark, wait_tint=wait, bad_ink=bad.ink, bad_fill=bad.fill, bad_tint=bad.tint, **names)

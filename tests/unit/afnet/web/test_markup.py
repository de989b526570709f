"""Nothing gets into a page unescaped, whatever it is called."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from afnet.web.markup import EMPTY, Markup, el, join

EVIL = '"><script>alert(1)</script>&\''


def test_text_and_attributes_are_escaped() -> None:
    made = el("a", EVIL, ["x", el("b", EVIL)], None, 3, title=EVIL, data_x="1", class_="c", hidden=True, lang=None)
    assert "<script" not in made
    assert made.startswith('<a title="&quot;&gt;&lt;script&gt;')
    assert ' data-x="1" class="c" hidden>' in made and made.endswith("</b>3</a>") and "lang" not in made


def test_markup_is_taken_as_it_is_once() -> None:
    assert join(el("b", "x"), "<") == "<b>x</b>&lt;" and type(join("x")) is Markup
    assert el("br") == "<br>" and el("p", EMPTY) == "<p></p>"


@given(st.text())
def test_no_text_opens_an_element(text: str) -> None:
    made = el("p", text, title=text)
    assert made.count("<") == 2 and made.count('"') == 2

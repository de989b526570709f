"""A person at a browser: signs in, opens pages, and notices whatever a browser complains about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

__all__ = ["PASSWORD", "WAIT", "fits_a_hand", "looking", "reads_well"]

PASSWORD = "correct horse battery"
WAIT = 60_000
"""Milliseconds that anything may take on a busy machine."""
# Of itself an expectation waits for five seconds, whatever the limit of the page.
expect.set_options(timeout=WAIT)

PHONE = {"width": 390, "height": 800}
_SIGNED_IN: dict[tuple[int, str], Any] = {}
DESK = {"width": 1280, "height": 900}


@contextmanager
def looking(
    browser: Browser, port: int, *, name: str = "ann", phone: bool = False, dark: bool = False, script: bool = True,
    fresh: bool = False, wide: int = 0,
) -> Iterator[Page]:
    """Yield a page of somebody who has signed in; fail when the browser complained about anything.

    A sign-in is used again by later pages of the same person, unless it is to be ``fresh``.
    """
    known = None if fresh else _SIGNED_IN.get((port, name))
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{port}",
        viewport={**(PHONE if phone else DESK), **({"width": wide} if wide else {})},  # type: ignore[arg-type]
        color_scheme="dark" if dark else "light",
        java_script_enabled=script,
        has_touch=phone,
        storage_state=known,
    )
    context.set_default_timeout(WAIT)
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)
    try:
        if name and known is None:
            page.goto("/login?next=/jobs")
            page.get_by_label("Name").fill(name)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url("**/jobs")
            if not fresh:
                _SIGNED_IN[port, name] = context.storage_state()
        yield page
        assert complaints == []
    finally:
        context.close()


def reads_well(page: Page) -> None:
    """Fail where something has too little contrast, no name, or is out of order for who cannot see it."""
    found = Axe().run(page)
    said = [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html']} {one['nodes'][0].get('failureSummary', '')}"
        for one in found.response["violations"]
    ]
    assert not said, "\n".join(said)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"the page is {wide} pixels wider than its window"


_IN_HAND = """() => {
  const told = [];
  const say = (what, one) => told.push(`${what}: ${one.outerHTML.slice(0, 160)}`);
  for (const one of document.querySelectorAll("body *")) {
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    if (!box.width || !box.height || style.visibility === "hidden" || one.closest(".unseen,.skip,svg")) continue;
    const wider = one.clientWidth > 2 && one.scrollWidth > one.clientWidth + 1;
    if (wider && ["auto", "scroll"].includes(style.overflowX)) say("scrolls sideways", one);
    if (wider && style.overflowX === "hidden" && style.textOverflow !== "ellipsis") say("is cut without a mark", one);
    if (!one.matches("a,button,summary,select,input:not([type=hidden])")) continue;
    // What is around a small field takes the finger for it.
    const hit = (one.closest(".tick,.check,.find,.slide") || one).getBoundingClientRect();
    if (hit.height < 43.5 || hit.width < 24) say(`${Math.round(hit.width)} by ${Math.round(hit.height)}`, one);
  }
  return told;
}"""


def fits_a_hand(page: Page) -> None:
    """Fail where something scrolls sideways, is cut without saying so, or is too small for a finger."""
    found: list[str] = page.evaluate(_IN_HAND)
    assert not found, "\n".join(dict.fromkeys(found))

"""The classic pages: what is listed is served, and nothing else can be named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from afnet.server.pages import ClassicPages, content_type


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "cgru"
    for name in (
        "afanasy/browser/index.html",
        "afanasy/browser/jobs.js",
        "afanasy/browser/.hidden.js",
        "afanasy/browser/notes.json",
        "afanasy/python/af.py",
        "afanasy/config_default.json",
        "icons/software/blender.png",
        "icons/tickets/MEM.png",
        "icons/.git/config",
        "lib/styles.css",
        "lib/.htaccess",
        "config.json",
        "index.html",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "secret.html").write_text("secret")
    os.symlink(tmp_path / "secret.html", root / "lib" / "link.html")
    os.symlink(tmp_path, root / "lib" / "up")
    return root


def test_only_pages_icons_and_library_are_listed(folder: Path) -> None:
    pages = ClassicPages(str(folder))
    assert len(pages) == 5
    for address in (
        "/lib/.htaccess",
        "/lib/link.html",
        "/lib/up/secret.html",
        "/lib/../config.json",
        "/lib/../../secret.html",
        "/lib/%2e%2e/config.json",
        "/afanasy/browser/.hidden.js",
        "/afanasy/browser/notes.json",
        "/afanasy/browser/../python/af.py",
        "/afanasy/python/af.py",
        "/icons/.git/config",
        "/index.html",
        "//etc/passwd",
        "/etc/passwd",
        "",
    ):
        assert pages.find(address) is None, address


@pytest.mark.parametrize(
    ("address", "name", "kind", "seconds"),
    [
        ("/", "afanasy/browser/index.html", "text/html; charset=UTF-8", 0),
        ("/afanasy/browser", "afanasy/browser/index.html", "text/html; charset=UTF-8", 0),
        ("/afanasy/browser/", "afanasy/browser/index.html", "text/html; charset=UTF-8", 0),
        ("/afanasy/browser/jobs.js", "afanasy/browser/jobs.js", "text/javascript", 3600),
        ("/lib/styles.css", "lib/styles.css", "text/css", 3600),
        ("/icons/software/blender.png", "icons/software/blender.png", "image/png", 3600),
    ],
)
def test_what_is_listed_is_read(folder: Path, address: str, name: str, kind: str, seconds: int) -> None:
    pages = ClassicPages(str(folder))
    path = pages.find(address)
    assert path is not None
    page = pages.read(path)
    assert page is not None and (page.data.decode(), page.content_type, page.cache_seconds) == (name, kind, seconds)


def test_new_files_are_there_after_listing_again(folder: Path) -> None:
    pages = ClassicPages(str(folder))
    (folder / "icons/tickets/GPU.png").write_text("new")
    assert pages.names_in("icons/tickets") == ["MEM.png"] and pages.find("/icons/tickets/GPU.png") is None
    assert pages.reload() == 6
    assert pages.names_in("icons/tickets") == ["GPU.png", "MEM.png"]
    assert pages.names_in("icons/tickets/../../..") == [] == pages.names_in("afanasy")


def test_a_file_that_became_something_else_is_not_read(folder: Path) -> None:
    pages = ClassicPages(str(folder))
    path = pages.find("/lib/styles.css")
    assert path is not None
    path.unlink()
    assert pages.read(path) is None
    os.symlink(folder / "config.json", path)
    assert pages.read(path) is None
    path.unlink()
    path.mkdir()
    assert pages.read(path) is None


def test_without_a_folder_there_is_nothing(expected_logs: object) -> None:
    pages = ClassicPages("", front=True)
    assert not pages.served and not pages.front and pages.find("/") is None and pages.reload() == 0


def test_a_folder_without_pages_is_told(tmp_path: Path, expected_logs: object) -> None:
    expected_logs("there is none of afanasy/browser, lib, icons")  # type: ignore[operator]
    assert len(ClassicPages(str(tmp_path))) == 0


def test_unknown_kinds_are_saved_not_shown() -> None:
    assert content_type("x.svg") == "image/svg+xml" and content_type("x.PNG") == "image/png"
    assert content_type("x.exe") == content_type("x") == "application/octet-stream"

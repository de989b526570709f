"""Path translation: the observed tables in both directions."""

from __future__ import annotations

import pytest

from afcore.pathmap import PathMap

PAIRS = [("P:/", "/ps/prj/"), ("//box/project/", "/ps/prj/"), ("T:/", "/ps/etc/"), ("c:\\temp\\", "/tmp/")]
WINDOWS = PathMap(PAIRS, windows=True)


@pytest.mark.parametrize(
    ("client", "server"),
    [
        ("p:\\shot\\a.nk", "/ps/prj/shot/a.nk"),
        ("\\\\BOX\\project\\x\\y.ma", "/ps/prj/x/y.ma"),
        (
            'nuke -x "P:\\My Shot\\a.nk" -o T:\\out\\b.exr',
            'nuke -x "/ps/prj/My Shot\\a.nk" -o /ps/etc/out/b.exr',
        ),
        ("--file=P:\\a\\b", "--file=/ps/prj/a/b"),
        ("a,P:\\x;T:\\y:P:/z", "a,/ps/prj/x;/ps/etc/y:/ps/prj/z"),
        ("xP:\\a", "xP:\\a"),
        ("-oP:\\a\\b", "-oP:\\a\\b"),
        ("P:", "P:"),
        ("", ""),
    ],
)
def test_windows_to_server(client: str, server: str) -> None:
    assert WINDOWS.to_server(client) == server


@pytest.mark.parametrize(
    ("server", "client"),
    [
        ("/ps/prj/shot/a.nk", "P:\\shot\\a.nk"),
        ('nuke -x "/ps/prj/My Shot/a.nk"', 'nuke -x "P:\\My Shot/a.nk"'),
        ("-o=/tmp/a/b", "-o=c:\\temp\\a\\b"),
        ("/tmp/", "c:\\temp\\"),
        ("/tmp", "/tmp"),
        ("/PS/PRJ/a", "/PS/PRJ/a"),
        ("/ps/prj2/x", "/ps/prj2/x"),
        ("@/ps/prj/x", "@/ps/prj/x"),
    ],
)
def test_server_to_windows(server: str, client: str) -> None:
    assert WINDOWS.to_client(server) == client


def test_unix_separators_are_kept_where_wanted() -> None:
    assert PathMap(PAIRS, windows=True, unix_separators=True).to_client("/ps/prj/shot/a.nk") == "P:/shot/a.nk"


def test_other_systems_are_exact_and_keep_slashes() -> None:
    unix = PathMap([("/Volumes/prj/", "/ps/prj/")])
    assert unix.to_server("/Volumes/prj/a\\b /volumes/prj/a") == "/ps/prj/a\\b /volumes/prj/a"
    assert unix.to_client("x /ps/prj/a") == "x /Volumes/prj/a"


def test_the_longest_prefix_wins_whatever_its_place() -> None:
    paths = PathMap([("/a/", "/x/"), ("/a/b/", "/y/")])
    assert paths.to_server("/a/b/c /a/c") == "/y/c /x/c"
    assert PathMap([("/p/", "/s/"), ("/q/", "/s/t/")]).to_client("/s/t/u /s/u") == "/q/u /p/u"


def test_no_pairs_change_nothing() -> None:
    assert PathMap().to_server("P:/a") == "P:/a"
    assert PathMap([("", "")]).to_client("/a") == "/a"

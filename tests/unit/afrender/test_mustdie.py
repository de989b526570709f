"""Windows that must die: which ones, and how they are asked. The library of Windows is a stand-in."""

from __future__ import annotations

import asyncio
from typing import Any

from afrender.host.mustdie import WM_CLOSE, WindowCloser, close_windows, doomed

TITLES = ["Microsoft Visual C++ Runtime Library", "nuke.exe - Application Error", ""]


def test_only_whole_titles_count() -> None:
    windows = [(1, "nuke.exe - Application Error"), (2, "Nuke"), (3, ""), (4, "my nuke.exe - Application Error notes")]
    assert doomed(windows, TITLES) == [(1, "nuke.exe - Application Error")]


class User32:
    """What of the system's library is used."""

    def __init__(self, windows: dict[int, str]) -> None:
        self.windows = windows
        self.posted: list[tuple[int, int, int, int]] = []

    def EnumWindows(self, visit: Any, parameter: int) -> bool:
        return all(visit(handle, parameter) for handle in self.windows)

    def GetWindowTextW(self, handle: int, text: Any, most: int) -> int:
        text.value = self.windows[handle][: most - 1]
        return len(text.value)

    def PostMessageW(self, *words: int) -> bool:
        self.posted.append(words)  # type: ignore[arg-type]
        return True


def test_windows_are_asked_to_close_without_waiting_for_them() -> None:
    library = User32({7: "x", 8: TITLES[0], 9: "", 10: TITLES[0]})
    assert close_windows(TITLES, library) == [TITLES[0], TITLES[0]]
    assert library.posted == [(8, WM_CLOSE, 0, 0), (10, WM_CLOSE, 0, 0)]


def test_looking_goes_on_after_a_failure_and_ends_with_the_agent() -> None:
    looks: list[int] = []

    async def scene() -> None:
        seen = asyncio.Event()
        loop = asyncio.get_running_loop()

        def close(titles: object) -> list[str]:
            looks.append(1)
            if len(looks) == 1:
                raise OSError("no desktop")
            loop.call_soon_threadsafe(seen.set)
            return [TITLES[0]]

        closer = WindowCloser(TITLES, close, period=0.0)
        closer.start()
        await asyncio.wait_for(seen.wait(), 60)
        await closer.close()

    asyncio.run(scene())
    assert len(looks) >= 2
    assert WindowCloser.of_system([]) is None

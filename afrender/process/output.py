"""Turns the bytes of a process into whole lines.

Rules of this file:
- memory is bounded whatever a process prints: no newline for an hour, or a gigabyte at once;
- cutting the stream anywhere gives the same lines;
- bytes are passed on as they came, none is lost, none is invented.
"""

from __future__ import annotations

import codecs

__all__ = ["PARTIAL_LIMIT", "READ_SIZE", "LineFeed", "lines_text"]

READ_SIZE = 65536
"""Bytes taken from a pipe at once."""

PARTIAL_LIMIT = 16384
"""Bytes of an unfinished line that are held back; a longer one is passed on as if it were whole."""


class LineFeed:
    """Cuts a stream of bytes after line ends, so that every piece holds whole lines and whole characters.

    A line ends with newline, carriage return, or both. An unfinished line is held until its end comes or until it is
    longer than ``PARTIAL_LIMIT``.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    @property
    def held(self) -> bytes:
        """The unfinished line."""
        return self._held

    def feed(self, data: bytes) -> bytes:
        """Return the whole lines that are now known, in the bytes they came in."""
        if not data:
            return b""
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if cut == len(data):
            if not self._held:
                return data
            done, self._held = self._held + data, b""
            return done
        if cut:
            done, self._held = self._held + data[:cut], data[cut:]
        else:
            done, self._held = b"", self._held + data
        if len(self._held) > PARTIAL_LIMIT:
            whole = _whole_characters(self._held)
            done, self._held = done + self._held[:whole], self._held[whole:]
        return done

    def finish(self) -> bytes:
        """Return what was held; the stream is over."""
        done, self._held = self._held, b""
        return done


def _whole_characters(data: bytes) -> int:
    """Return how many bytes of ``data`` end before a UTF-8 character that is not complete yet."""
    tail = data[-4:]
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for skip in range(len(tail)):
        if tail[skip] & 0xC0 != 0x80:
            decoder.reset()
            decoder.decode(tail[skip:])
            pending, _ = decoder.getstate()
            if pending:
                return len(data) - len(pending)
    return len(data)


def lines_text(block: bytes) -> str:
    """Return the text of whole lines: UTF-8 with a mark for each broken byte, every line ended by one newline."""
    text = block.decode("utf-8", "replace")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text

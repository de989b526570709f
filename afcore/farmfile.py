"""Reads the text of a farm file (``farm.xml``): patterns of hosts with their services, and limits of services.

Parsing only: what the patterns mean for a render is decided elsewhere. Every fault is told with its line; a document
type, which could pull in other files, is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat

from afcore.errors import ConfigError, did_you_mean
from afcore.masks import mask_problem

__all__ = ["Farm", "FarmPattern", "FarmService", "ServiceLimit", "parse_farm"]


class ServiceLimit(NamedTuple):
    """How much of a service may run on the whole farm: tasks and hosts; -1 is no limit."""

    name: str
    maxcount: int = -1
    maxhosts: int = -1


class FarmService(NamedTuple):
    """A service of a host, and how many of its tasks may run there at once (``count`` in the file); 0 is no limit."""

    name: str
    most: int = 0


@dataclass
class FarmPattern:
    """What hosts are whose whole name matches ``mask``. None and empty fields say nothing about them.

    Patterns are merged in their order: a host takes something from each that matches it, the later ones over the
    earlier ones.
    """

    name: str = ""
    mask: str = ""
    description: str = ""
    os: str = ""
    properties: str = ""
    resources: str = ""
    data: str = ""
    capacity: int | None = None
    maxtasks: int | None = None
    power: int | None = None
    wolidlesleeptime: int | None = None
    services: list[FarmService] = field(default_factory=list)
    remservices: list[str] = field(default_factory=list)
    clearservices: bool = False
    line: int = 0


@dataclass
class Farm:
    """What a farm file says: patterns in their order, and limits of services."""

    patterns: list[FarmPattern] = field(default_factory=list)
    limits: list[ServiceLimit] = field(default_factory=list)


class _Element:
    def __init__(self, tag: str, attributes: dict[str, str], line: int) -> None:
        self.tag = tag
        self.attributes = attributes
        self.line = line
        self.text = ""
        self.children: list[_Element] = []


_TEXTS = ("mask", "description", "os", "properties", "resources", "data")
_NUMBERS = ("capacity", "maxtasks", "power", "wolidlesleeptime")
_PATTERN_TAGS = (*_TEXTS, *_NUMBERS, "service", "remservice", "clearservices")


def parse_farm(text: str, *, file: str = "farm.xml") -> Farm:
    """Return what the text of a farm file says. Raises ConfigError that tells every fault with its line."""
    root = _parse(text, file)
    reader = _Reader(file)
    farm = Farm()
    if root.tag != "farm":
        reader.tell(root, f"the outermost element must be <farm>, not <{root.tag}>")
    else:
        for child in root.children:
            if child.tag == "pattern":
                farm.patterns.append(reader.pattern(child))
            elif child.tag == "service":
                farm.limits.append(reader.limit(child))
            else:
                reader.unknown(child, ("pattern", "service"))
    reader.finish()
    return farm


def _parse(text: str, file: str) -> _Element:
    """Return the outermost element, each with its line."""
    parser = expat.ParserCreate()
    open_elements = [_Element("", {}, 0)]

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = _Element(tag, attributes, parser.CurrentLineNumber)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(tag: str) -> None:
        open_elements.pop()

    def characters(data: str) -> None:
        open_elements[-1].text += data

    def doctype(*_: object) -> None:
        what = "a farm file has no document type"
        raise ConfigError(file, f"line {parser.CurrentLineNumber}", what, hint="remove <!DOCTYPE …>")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        what = f"is no XML: {expat.errors.messages[error.code]} in column {error.offset + 1}"
        raise ConfigError(file, f"line {error.lineno}", what) from None
    return open_elements[0].children[0]


class _Reader:
    """Turns elements into values and collects what is wrong."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: list[ConfigError] = []

    def tell(self, element: _Element, what: str, hint: str = "") -> None:
        self.errors.append(ConfigError(self.file, f"line {element.line}", what, hint=hint))

    def finish(self) -> None:
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            what = "; ".join(f"{e.key}: {e.what}" + (f" ({e.hint})" if e.hint else "") for e in self.errors)
            raise ConfigError(self.file, "", f"{len(self.errors)} problems: {what}")

    def unknown(self, element: _Element, known: tuple[str, ...]) -> None:
        hint = did_you_mean(element.tag, known) or f"use {', '.join(known)}"
        self.tell(element, f"<{element.tag}> means nothing here", hint)

    def number(self, element: _Element, text: str, what: str, least: int = 0) -> int | None:
        try:
            number = int(text.strip())
        except ValueError:
            self.tell(element, f'{what} must be a whole number, not "{text.strip()}"')
            return None
        if number < least:
            self.tell(element, f"{what} must be at least {least}, not {number}")
            return None
        return number

    def attributes(self, element: _Element, known: tuple[str, ...]) -> dict[str, str]:
        for key in element.attributes:
            if key not in known:
                hint = did_you_mean(key, known) or f"use {', '.join(known)}"
                self.tell(element, f'<{element.tag}> has no attribute "{key}"', hint)
        return element.attributes

    def name(self, element: _Element) -> str:
        name = element.attributes.get("name", "").strip()
        if not name:
            self.tell(element, f"<{element.tag}> has no name", 'write name="…"')
        return name

    def limit(self, element: _Element) -> ServiceLimit:
        given = self.attributes(element, ("name", "maxcount", "maxhosts"))
        limits = {}
        for key in ("maxcount", "maxhosts"):
            number = self.number(element, given.get(key, "-1"), key, -1)
            limits[key] = -1 if number is None else number
        if limits["maxcount"] < 0 and limits["maxhosts"] < 0:
            self.tell(element, "a limit of a service limits nothing", "give maxcount or maxhosts")
        return ServiceLimit(self.name(element), limits["maxcount"], limits["maxhosts"])

    def pattern(self, element: _Element) -> FarmPattern:
        pattern = FarmPattern(name=self.attributes(element, ("name",)).get("name", ""), line=element.line)
        self.name(element)
        for child in element.children:
            text = child.text.strip()
            if child.tag in _TEXTS:
                setattr(pattern, child.tag, text)
            elif child.tag in _NUMBERS:
                setattr(pattern, child.tag, self.number(child, text, child.tag))
            elif child.tag == "service":
                count = self.number(child, self.attributes(child, ("name", "count")).get("count", "0"), "count")
                pattern.services.append(FarmService(self.name(child), count or 0))
            elif child.tag == "remservice":
                pattern.remservices.append(self.name(child))
            elif child.tag == "clearservices":
                pattern.clearservices = True
            else:
                self.unknown(child, _PATTERN_TAGS)
        if not pattern.mask:
            self.tell(element, f'pattern "{pattern.name}" has no mask', "write <mask>.*</mask>")
        elif mask_problem(pattern.mask):
            self.tell(element, mask_problem(pattern.mask))
        return pattern

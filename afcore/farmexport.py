"""Writes the farm file of a running farm: its patterns with what their pools have by now, its limits of services."""

from xml.sax.saxutils import escape, quoteattr

from afcore.hostpatterns import SERVICE_TICKET, SETTINGS, UNLIMITED, HostPattern, parameters_of
from afcore.model.farm import Farm
from afcore.model.tree import Pool

__all__ = ["farm_text"]

_ROOT = 1


def farm_text(farm: Farm) -> str:
    """Return the text of a farm file that describes the farm as it is.

    Loaded again it changes nothing, unless two pools of one pattern were edited differently: the first edited counts.
    """
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<farm>"]
    lines.extend(_limits(farm.pools[_ROOT]))
    patterns = farm.description.patterns
    for pattern in patterns:
        lines.extend(_pattern(pattern, _edited(farm, pattern)))
    return "\n".join([*lines, "</farm>", ""])


def _limits(root: Pool) -> list[str]:
    lines = []
    for name, (count, hosts) in sorted(root.tickets.items()):
        if name.startswith(SERVICE_TICKET):
            most = -1 if count >= UNLIMITED else count
            service = quoteattr(name.removeprefix(SERVICE_TICKET))
            lines.append(f'  <service name={service} maxcount="{most}" maxhosts="{hosts}"/>')
    return lines


def _edited(farm: Farm, pattern: HostPattern) -> Pool | None:
    """Return the first pool of a pattern that is not as the file said, else any of its pools."""
    by_name = {each.name: each for each in farm.description.patterns}
    found = None
    for pool in farm.pools.values():
        if pool.patterns and pool.patterns[-1] == pattern.name:
            said = parameters_of([by_name[name] for name in pool.patterns if name in by_name])
            if any(getattr(pool, name) != value for name, value in said.items()):
                return pool
            found = found or pool
    return found


def _pattern(pattern: HostPattern, pool: Pool | None) -> list[str]:
    """Return the lines of one pattern, with what its pool has now."""
    lines = [f"  <pattern name={quoteattr(pattern.name)}>", f"    <mask>{escape(pattern.mask)}</mask>"]
    for element, parameter in SETTINGS.items():
        value = pattern.parameters.get(parameter) if pool is None else getattr(pool, parameter)
        if value not in (None, "", -1):
            lines.append(f"    <{element}>{escape(str(value))}</{element}>")
    if pattern.resources:
        lines.append(f"    <resources>{escape(pattern.resources)}</resources>")
    if pattern.clear:
        lines.append("    <clearservices/>")
    disabled = pattern.remove if pool is None or pattern.clear else pool.services_disabled
    lines.extend(f"    <remservice name={quoteattr(name)}/>" for name in disabled)
    services = list(pattern.services) if pool is None else pool.services
    for name in services:
        count = pattern.services.get(name, 0) if pool is None else pool.tickets_host.get(SERVICE_TICKET + name, 0)
        limit = f' count="{count}"' if 0 < count < UNLIMITED else ""
        lines.append(f"    <service name={quoteattr(name)}{limit}/>")
    return [*lines, "  </pattern>"]

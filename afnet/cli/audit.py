"""One act of the audit as lines for a person: who, when, from where, and what was before and after."""

from typing import Any

from afnet.cli.text import describe

__all__ = ["act_lines"]

_SHOWN_MOST = 200


def act_lines(row: dict[str, Any]) -> list[str]:
    """Return the lines of an act with its facts."""
    facts = row.pop("facts")
    lines = describe(row)
    for fact in facts[:_SHOWN_MOST]:
        old, new = fact.pop("old", None), fact.pop("new", None)
        lines.append("")
        lines.append(" ".join([fact.pop("event"), *(f"{name} {value}" for name, value in fact.items() if value)]))
        if isinstance(old, dict) and isinstance(new, dict):
            lines.extend(f"  {name}: {old.get(name)!r} -> {new[name]!r}" for name in new)
    if len(facts) > _SHOWN_MOST:
        lines.append(f"... and {len(facts) - _SHOWN_MOST} more; --json prints all.")
    return lines

"""What the house forbids in source text, as pure functions from a parsed file to a list of complaints.

Rules of this file:
- a check takes text or a syntax tree and returns complaints; it reads no files and knows no exemptions;
- every check has a planted bad snippet in ``test_checks.py`` that it must refuse.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cache

__all__ = [
    "bare_sleeps",
    "core_bans",
    "dangerous_calls",
    "error_tree",
    "exports",
    "foreign_imports",
    "imported_modules",
    "misplaced_parts",
    "module_docstring",
    "newer_than_39",
    "prints",
    "undone",
]


def _dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` for a chain of names and attributes, or an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


@cache
def _walked(tree: ast.AST) -> tuple[list[ast.Import | ast.ImportFrom], list[ast.Call]]:
    """Return the imports and calls of a tree, which is walked once for all checks: there are a million nodes."""
    imports: list[ast.Import | ast.ImportFrom] = []
    calls: list[ast.Call] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            calls.append(node)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(node)
    return imports, calls


def imported_modules(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted module) of every absolute import, at the top or late in a function."""
    for node in _walked(tree)[0]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif node.level == 0:
            yield node.lineno, node.module or ""


def _aliases(tree: ast.AST) -> dict[str, str]:
    """Map local names to what they were imported as: ``from time import sleep as nap`` gives nap -> time.sleep."""
    names: dict[str, str] = {}
    for node in _walked(tree)[0]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                head = alias.name.split(".")[0]
                names[alias.asname or head] = alias.name if alias.asname else head
        elif node.level == 0:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Yield every call with the full name of what is called, imports resolved."""
    names = _aliases(tree)
    for node in _walked(tree)[1]:
        called = _dotted(node.func)
        head, _, rest = called.partition(".")
        head = names.get(head, head)
        yield node, f"{head}.{rest}" if rest else head


def core_bans(tree: ast.AST) -> list[str]:
    """Find what a pure core may not do even through a name that is not an import: read clocks, files, input, chance."""
    builtins = {"open", "input", "breakpoint", "__import__"}
    modules = {"time", "random", "secrets", "uuid", "os", "io", "logging", "locale", "platform", "getpass"}
    found = []
    for call, name in _calls(tree):
        head = name.split(".")[0]
        tail = name.rsplit(".", 1)[-1]
        if name in builtins:
            found.append(f"{call.lineno}: calls {name}(), which reaches outside the core")
        elif head in modules and "." in name:
            found.append(f"{call.lineno}: calls {name}(), which reaches outside the core")
        elif head in {"datetime", "date"} and tail in {"now", "utcnow", "today", "fromtimestamp"}:
            found.append(f"{call.lineno}: calls {name}(), the clock is an argument here")
    return found


def dangerous_calls(tree: ast.AST) -> list[str]:
    """Find evaluation of text, unpickling, and shells that the program builds a line for by itself."""
    builtins = {"eval", "exec", "__import__"}
    shells = {
        "os.system",
        "os.popen",
        "subprocess.getoutput",
        "subprocess.getstatusoutput",
        "asyncio.create_subprocess_shell",
    }
    modules = {"pickle", "cPickle", "shelve", "marshal", "dill", "cloudpickle"}
    found = []
    for call, name in _calls(tree):
        if name in builtins:
            found.append(f"{call.lineno}: calls {name}()")
        elif name in shells or name.endswith(".subprocess_shell"):
            found.append(f"{call.lineno}: {name}() goes through a shell; start a list of arguments")
        found += [
            f"{call.lineno}: shell={ast.unparse(word.value)} goes through a shell; start a list of arguments"
            for word in call.keywords
            if word.arg == "shell" and not (isinstance(word.value, ast.Constant) and word.value.value is False)
        ]
    found += [f"{line}: imports {name}" for line, name in imported_modules(tree) if name.split(".")[0] in modules]
    return found


def prints(tree: ast.AST) -> list[str]:
    """Find calls of print()."""
    return [f"{call.lineno}: print()" for call, name in _calls(tree) if name == "print"]


def bare_sleeps(tree: ast.AST) -> list[str]:
    """Find ``time.sleep``, with which a test guesses how long something takes."""
    return [
        f"{call.lineno}: time.sleep(); wait for the thing itself (tests/waiting.py)"
        for call, name in _calls(tree)
        if name == "time.sleep"
    ]


def module_docstring(tree: ast.Module) -> list[str]:
    """Ask for a module docstring whose first paragraph is one sentence."""
    text = ast.get_docstring(tree)
    if not text:
        return ["1: the module does not open with a docstring"]
    first = " ".join(text.split("\n\n")[0].split())
    if not first.endswith((".", ":", "?")):
        return ["1: the first paragraph of the docstring is not a sentence"]
    return []


def exports(tree: ast.Module) -> list[str]:
    """Ask for a sorted ``__all__`` that lists every public class and function of the module, and only what is there.

    Sorted is plain, or constants before classes before functions.
    Constants and names from elsewhere may be listed; a module that defines nothing public may go without.
    """
    public: set[str] = set()
    defined: set[str] = set()
    listed: list[str] | None = None
    for node in _top_level(tree.body):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            defined.add(node.name)
            if not node.name.startswith("_"):
                public.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {leaf.id for t in targets for leaf in ast.walk(t) if isinstance(leaf, ast.Name)}
            if "__all__" in names:
                listed = list(ast.literal_eval(node.value)) if node.value is not None else None
            defined |= names
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            defined |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
    if listed is None:
        return [f"1: no __all__, but public names: {', '.join(sorted(public))}"] if public else []
    found = []
    if listed not in (sorted(set(listed)), sorted(set(listed), key=_kind_then_name)):
        found.append("1: __all__ is not sorted, or names something twice")
    if public - set(listed):
        found.append(f"1: not in __all__: {', '.join(sorted(public - set(listed)))} (list it or begin it with _)")
    if set(listed) - defined:
        found.append(f"1: __all__ names what is not there: {', '.join(sorted(set(listed) - defined))}")
    return found


def _kind_then_name(name: str) -> tuple[int, str]:
    """Order names as import sorters do: CONSTANTS, then Classes, then functions."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, also those under a top-level if or try."""
    for node in body:
        if isinstance(node, ast.If):
            yield from _top_level(node.body + node.orelse)
        elif isinstance(node, ast.Try):
            yield from _top_level(node.body + node.orelse + node.finalbody)
            for handler in node.handlers:
                yield from _top_level(handler.body)
        else:
            yield node


def misplaced_parts(module: str, tree: ast.AST, places: Mapping[str, Collection[str]]) -> list[str]:
    """Find imports of a bought part outside the modules and packages where it may be imported."""
    found = []
    for line, imported in imported_modules(tree):
        part = imported.split(".")[0]
        if part in places and not any(module == p or module.startswith(p + ".") for p in places[part]):
            where = ", ".join(sorted(places[part])) or "nowhere"
            found.append(f"{line}: {module} imports {part}, which may be imported in {where} only")
    return found


def foreign_imports(tree: ast.AST, own: Collection[str]) -> list[str]:
    """Find imports that are neither standard library nor one of the ``own`` modules (or inside one)."""
    found = []
    for line, name in imported_modules(tree):
        inside = any(name == module or name.startswith(module + ".") for module in own)
        if not inside and name.split(".")[0] not in sys.stdlib_module_names:
            found.append(f"{line}: imports {name}, which is not the standard library or the submit slice")
    return found


def newer_than_39(source: str) -> list[str]:
    """Find syntax that Python 3.9 cannot parse, and files without the future import that keeps annotations unread."""
    try:
        tree = ast.parse(source, feature_version=(3, 9))
    except SyntaxError as error:
        return [f"{error.lineno}: {error.msg}"]
    found = [
        f"{node.lineno}: match needs Python 3.10, though some parsers let it through"
        for node in ast.walk(tree)
        if isinstance(node, ast.Match)
    ]
    for call, name in _calls(tree):
        if name.rsplit(".", 1)[-1] in {"dataclass", "field"}:
            words = {"slots", "kw_only", "weakref_slot", "match_args"}
            newer = [word.arg for word in call.keywords if word.arg in words]
            found += [f"{call.lineno}: {name}({arg}=…) needs Python 3.10" for arg in newer]
        if name == "zip" and any(word.arg == "strict" for word in call.keywords):
            found.append(f"{call.lineno}: zip(strict=…) needs Python 3.10")
    has_code = any(not isinstance(node, ast.Expr) for node in tree.body)
    futures = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    if has_code and not any(alias.name == "annotations" for node in futures for alias in node.names):
        found.append("1: from __future__ import annotations is missing")
    return found


def undone(text: str) -> list[str]:
    """Find marks of unfinished work."""
    words = "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"])
    return [
        f"{number}: {match.group()}"
        for number, line in enumerate(text.splitlines(), 1)
        if (match := re.search(rf"\b({words})\b", line))
    ]


def error_tree(tree: ast.Module) -> list[str]:
    """Compare the tree drawn in a docstring (``+-- Name``, by indent) with the exception classes of the module."""
    drawn: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (ast.get_docstring(tree) or "").splitlines():
        match = re.match(r"^(?P<lead>[\s|]*)(?P<branch>\+-- )?(?P<name>[A-Z][A-Za-z]+)(\s|$)", line)
        if not match or (not match["branch"] and (path or line.split() != [match["name"]])):
            continue
        depth = len(match["lead"])
        while path and path[-1][0] >= depth:
            path.pop()
        drawn[match["name"]] = path[-1][1] if path else ""
        path.append((depth, match["name"]))
    bases = {
        node.name: next((_dotted(base) for base in node.bases), "")
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
    errors: dict[str, str] = {}
    for name, base in bases.items():
        root = base
        while root in bases:
            root = bases[root]
        if root in {"Exception", "BaseException"}:
            errors[name] = base if base in bases else ""
    found = [f"1: {name} is not drawn in the tree" for name in errors if name not in drawn]
    found += [f"1: {name} is drawn and is not a class" for name in drawn if name not in errors]
    found += [
        f"1: {name} is drawn under {drawn[name] or 'nothing'} and is a {errors[name] or 'root'}"
        for name in errors
        if name in drawn and drawn[name] != errors[name]
    ]
    return found

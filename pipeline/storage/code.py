"""Which of the project's modules a module uses, and hashes of code that comments and docstrings do not change."""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from pipeline.storage.root import PROJECT

PACKAGE = "pipeline"


def code_files(*modules: str, leave_out: Sequence[str] = ()) -> dict[str, Path]:
    """Return the project's modules that some modules import, directly or not, themselves included.

    A name that a package passes on counts as an import of the module that defines it; the package's `__init__.py`
    counts only for what it defines itself. Imports within functions count too, those for type checking do not.

    Args:
        modules: Dotted names; a package stands for all its modules.
        leave_out: Modules and packages whose imports are not followed.

    Returns:
        Dotted name → file, sorted by name.
    """
    found: dict[str, Path] = {}
    waiting = [name for module in modules for name in _modules_of(module)]
    while waiting:
        name = waiting.pop()
        if name in found or any(name == each or name.startswith(f"{each}.") for each in leave_out):
            continue
        found[name] = _path(name)
        waiting += _imported_modules(name)
    return dict(sorted(found.items()))


def code_digest(files: Iterable[Path]) -> str:
    """Hash Python files by what they do; comments, docstrings and formatting do not count."""
    hashed = hashlib.sha256()
    for path in files:
        hashed.update(path.relative_to(PROJECT).as_posix().encode() + b"\0" + _normalized(path).encode() + b"\0")
    return hashed.hexdigest()


@cache
def _imported_modules(module: str) -> list[str]:
    """Return the project's modules that a module imports, by dotted name, sorted."""
    found = set()
    for node in _running(_parse(_path(module))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if _is_ours(alias.name) and not _is_package(alias.name)}
        elif isinstance(node, ast.ImportFrom) and (source := _source(module, node)):
            found |= {_definer(source, alias.name) for alias in node.names}
    return sorted(name for name in found if name != PACKAGE)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes, without what stands under `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)


def _definer(module: str, name: str) -> str:
    """Return the module that defines a name which another module passes on."""
    if _is_package(module):
        for node in _parse(_path(module)).body:
            if isinstance(node, ast.ImportFrom) and (source := _source(module, node)):
                original = {alias.asname or alias.name: alias.name for alias in node.names}
                if name in original:
                    return _definer(source, original[name])
        if _exists(f"{module}.{name}"):
            return f"{module}.{name}"
    return module


def _source(module: str, node: ast.ImportFrom) -> str | None:
    """Return the absolute name of the module that an import names, if it is one of the project's."""
    source = node.module or ""
    if node.level:
        parts = module.split(".") if _is_package(module) else module.split(".")[:-1]
        source = ".".join([*parts[: len(parts) - node.level + 1], *([source] if source else [])])
    return source if _is_ours(source) else None


def _is_ours(name: str) -> bool:
    return (name == PACKAGE or name.startswith(f"{PACKAGE}.")) and _exists(name)


def _exists(name: str) -> bool:
    return _is_package(name) or _path(name).is_file()


def _is_package(name: str) -> bool:
    return (PROJECT / Path(*name.split(".")) / "__init__.py").is_file()


def _path(name: str) -> Path:
    path = PROJECT / Path(*name.split("."))
    return path / "__init__.py" if _is_package(name) else path.with_suffix(".py")


def _modules_of(name: str) -> list[str]:
    if not _is_package(name):
        return [name]
    paths = sorted(_path(name).parent.rglob("*.py"))
    dotted = [".".join(path.relative_to(PROJECT).with_suffix("").parts) for path in paths]
    return [each for each in dotted if not each.endswith(".__init__")]


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _normalized(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            # Strings that stand alone, attributes' docstrings among them, do nothing.
            node.body = [each for each in node.body if not _is_text(each)]
    return ast.dump(tree)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)

"""Which top-level packages import which, and that an import has no side effect."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("chat", "web", "tasks", "local", "terminal")
ALLOWED = {
    "chat": {"chat"},
    "web": {"web", "chat"},
    "tasks": {"tasks", "chat"},
    "terminal": {"terminal"},
}
ALLOWED_MODULES = {("web", "tasks.task_queue")}  # only to enqueue


def imports() -> list[tuple[str, str]]:
    """Return each import of our packages: the importing file, and the imported module."""
    found = []
    for package in ALLOWED:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.append((str(path.relative_to(ROOT)), node.module))
                elif isinstance(node, ast.Import):
                    found += [(str(path.relative_to(ROOT)), alias.name) for alias in node.names]
    return [(path, module) for path, module in found if module.split(".")[0] in PACKAGES]


@pytest.mark.parametrize(("path", "module"), imports())
def test_imports_go_one_way(path, module):
    package = path.split("/")[0]
    assert module.split(".")[0] in ALLOWED[package] or (package, module) in ALLOWED_MODULES


def test_web_enqueues_and_uses_nothing_else_of_the_worker():
    for path in (ROOT / "web").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "tasks.task_queue":
                assert [alias.name for alias in node.names] == ["TaskQueue"]


@pytest.mark.parametrize("package", ["chat", "web", "tasks", "terminal"])
def test_importing_starts_no_thread_and_opens_no_connection(package):
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / package).rglob("*.py")
        if path.name not in ("__init__.py", "__main__.py")
    ]
    check = (
        "import importlib, socket, sys, threading\n"
        "def refuse(*a): raise AssertionError('a connection')\n"
        "socket.socket.connect = refuse\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )
    subprocess.run([sys.executable, "-c", check, *modules], cwd=ROOT, check=True, timeout=60)

"""Whether each name and each file exists that documents, docstrings and comments mention."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = (
    "chat",
    "web",
    "tasks",
    "local",
    "terminal",
    "bench",
    "tests",
    "client",
    "deploy",
    "docs",
)
FILES = [
    path
    for folder in [ROOT, *(ROOT / name for name in FOLDERS)]
    for path in sorted(folder.glob("*" if folder == ROOT else "**/*"))
    if path.is_file() and "node_modules" not in path.parts
]
SOURCES = [path for path in FILES if path.suffix == ".py"]
DOCUMENTS = [path for path in FILES if path.suffix == ".md"]

NAME = r"[A-Za-z_]\w*"
# A name in `single` or ``double`` backticks, and the errors under "Raises:".
MENTIONED = re.compile(rf"(?<!`)`({NAME}(?:\.{NAME})*)(?:\(\))?`(?!`)|``({NAME})``")
RAISES = re.compile(r"^Raises:\n((?: +.+\n?)+)", re.MULTILINE)
RAISED = re.compile(rf"^    ((?:{NAME}(?:\.{NAME})?(?:, )?)+): ", re.MULTILINE)
FILE = re.compile(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|lua|md|ts|tsx|css))[` ]")
FUNCTION = re.compile(r"`((?:[A-Z]\w*\.)?[a-z]\w*|[A-Z]\w*[a-z]\w*)`")
FIRST_COLUMN = re.compile(r"^\|[^|]*", re.MULTILINE)
# Names of other projects: redis-py, marshmallow, the shell.
FOREIGN = {"send_command", "Url", "nohup"}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def docstrings(path: Path) -> list[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = (ast.get_docstring(node) for node in ast.walk(tree(path)) if isinstance(node, kinds))
    return [text for text in found if text]


@cache
def names_in_code() -> set[str]:
    """Return each name, and each word of a string, that is not in a docstring."""
    found = set(dir(builtins))
    for path in SOURCES:
        found |= {path.stem, path.parent.name}
        prose = set(docstrings(path))
        for node in ast.walk(tree(path)):
            values = [value for _, value in ast.iter_fields(node) if isinstance(value, str)]
            code = [text for text in values if inspect.cleandoc(text) not in prose]
            found.update(*(re.findall(NAME, text) for text in code))
    return found


def names_in_prose(path: Path) -> Iterator[str]:
    comments = re.findall(r"# .*", path.read_text())
    for text in [*docstrings(path), *comments]:
        for single, double in MENTIONED.findall(text):
            yield from (single or double).split(".")
        for block in RAISES.findall(text):
            for errors in RAISED.findall(block):
                yield from re.findall(NAME, errors)


def our_part(path: Path) -> str:
    text = path.read_text()
    # The first column names the tutorial's files.
    return FIRST_COLUMN.sub("", text) if path.name == "from-the-tutorial.md" else text


def definitions(name: str) -> set[str]:
    """Return the functions, classes and methods of the files that are called ``name``."""
    found = set()
    for path in SOURCES:
        if str(path).endswith(f"/{name}"):
            for node in ast.walk(tree(path)):
                if isinstance(node, ast.ClassDef | ast.FunctionDef):
                    found.add(node.name)
                if isinstance(node, ast.ClassDef):
                    methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
                    found |= {f"{node.name}.{method.name}" for method in methods}
    return found


def test_each_name_in_a_docstring_or_comment_is_in_the_code():
    known = names_in_code() | FOREIGN
    unknown = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        for name in names_in_prose(path)
        if name not in known
    }
    assert unknown == set()


def test_each_file_in_a_document_exists():
    unknown = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in DOCUMENTS
        for name in FILE.findall(our_part(path))
        if not any(str(file).endswith(f"/{name}") for file in FILES)
    }
    assert unknown == set()


def test_each_step_on_the_path_of_a_message_is_in_its_file():
    steps = 0
    for line in (ROOT / "docs" / "path-of-a-message.md").read_text().splitlines():
        where = line.split("|")[2] if line.count("|") > 3 else ""
        files = [name for name in FILE.findall(where) if name.endswith(".py")]
        defined = set().union(*map(definitions, files))
        for name in FUNCTION.findall(where) if files else ():
            assert name in defined, f"{name} is not in {files}"
            steps += 1
    assert steps > 5

"""Fail-points: they do nothing unless they are asked for, and say so when they are asked for wrongly."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from remotereasoner.batch import failpoints

SOURCES = Path(failpoints.__file__).parent


def run(wish: str, *names: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path[:0] = {sys.path!r}\nfrom remotereasoner.batch.failpoints import hit\n"
    code += "\n".join(f"hit({name!r}); print({name!r}, flush=True)" for name in names)
    environment = {failpoints.VARIABLE: wish} if wish else {}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_the_process_ends_at_the_point_and_nowhere_else() -> None:
    names = ("mark.before", "write.temp", "mark.before", "write.temp")
    ended = run("mark.before:2", *names)
    assert (ended.returncode, ended.stdout.split()) == (-9, ["mark.before", "write.temp"])
    ended = run("", *names)
    assert (ended.returncode, ended.stdout.split()) == (0, list(names))


@pytest.mark.parametrize("wish", ["nowhere", "write.temp:0", "write.temp:x", ":1"])
def test_a_wrong_wish_is_an_error(wish: str) -> None:
    ended = run(wish)
    assert ended.returncode == 1
    assert "give NAME or NAME:N, NAME one of plan.inserted" in ended.stderr


def test_there_are_twelve_and_each_is_somewhere() -> None:
    assert len(failpoints.FAILPOINTS) == len(set(failpoints.FAILPOINTS)) == 12
    passed = {
        node.args[0].value
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "hit"
        and isinstance(node.args[0], ast.Constant)
    }
    assert passed == set(failpoints.FAILPOINTS)

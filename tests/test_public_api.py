from __future__ import annotations

import subprocess
import sys

import pytest

import remotereasoner

HEAVY = ("torch", "transformers", "geopandas", "pyogrio", "cv2", "httpx", "vllm", "rich")


def modules_after(code: str) -> set[str]:
    program = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_next_to_nothing() -> None:
    loaded = modules_after("import remotereasoner")
    assert loaded.isdisjoint({*HEAVY, "click", "numpy", "rasterio", "pydantic"})


def test_the_main_names_load_no_model_code() -> None:
    loaded = modules_after(
        "from remotereasoner import Reasoner, Result, Scene, open_scene, load_engine, load_segmenter"
    )
    assert loaded.isdisjoint(HEAVY)


def test_every_public_name_is_there() -> None:
    assert sorted(remotereasoner.__all__) == remotereasoner.__all__
    for name in remotereasoner.__all__:
        assert getattr(remotereasoner, name) is not None
        assert name in dir(remotereasoner)
    assert remotereasoner.__version__[0].isdigit()


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        remotereasoner.nonsense  # noqa: B018
    with pytest.raises(ImportError):
        from remotereasoner import nonsense  # noqa: F401

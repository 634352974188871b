"""Hostile and old pickles."""

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remotereasoner.data.readers import plain_pickle
from remotereasoner.data.readers.plain_pickle import read_plain_pickle
from remotereasoner.errors import InputError


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


PLAIN = [
    {"ref_id": 1, "sentences": [{"raw": "a ship – große", "tokens": ["a", "ship"]}], "n": 2**80, "f": 0.5},
    (),
    None,
    {1},
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_of_every_protocol(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "refs(unc).p"
    value = PLAIN if protocol >= 4 else PLAIN[:3]  # sets need a name before that
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    assert read_plain_pickle(path) == value


def test_text_of_python_2(tmp_path: Path) -> None:
    path = tmp_path / "old.p"
    path.write_bytes(b"(lp0\n(dp1\nS'raw'\np2\nU\x05caf\xc3\xa9p3\nsS'n'\nL12L\nsa.")
    assert read_plain_pickle(path) == [{"raw": "café", "n": 12}]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_hostile_pickle_is_not_run(tmp_path: Path, protocol: int) -> None:
    marker, path = tmp_path / "ran", tmp_path / "refs.p"
    path.write_bytes(pickle.dumps([Payload(marker)], protocol=protocol))
    with pytest.raises(InputError, match=r"not of plain data"):
        read_plain_pickle(path)
    assert not marker.exists()
    pickle.loads(path.read_bytes())  # noqa: S301  the fixture is hostile indeed
    assert marker.exists()


HOSTILE = {
    "global": b"cos\nsystem\n.",
    "instance": b"(S'true'\nios\nsystem\n.",
    "object": b"(cos\nsystem\nS'true'\no.",
    "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    "reduce without a name": b"\x80\x02]]R.",
    "build": b"\x80\x02]}b.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent": b"Psomewhere\n.",
    "persistent binary": b"\x80\x02K\x01Q.",
    "buffer": b"\x80\x05\x97.",
    "memo of gigabytes": b"\x80\x02]r\xff\xff\xff\x7f.",
    "memo in text": b"(lp99999999999\n.",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_every_way_out_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "refs.p"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"refs\.p is refused|not a pickle"):
        read_plain_pickle(path)


@pytest.mark.parametrize(
    "value", [OrderedDict(a=1), np.float64(1), b"x".__class__.join], ids=["class", "numpy", "method"]
)
def test_objects_of_other_packages_are_refused(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "refs.p"
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(InputError, match=r"not of plain data"):
        read_plain_pickle(path)


BROKEN = {
    "empty": b"", "text": b"hello", "cut off": pickle.dumps([1, "two", 3.0] * 50, protocol=2)[:-20],
    "no value": b".", "lost memo": b"\x80\x02h\x05.", "long": b"L" + b"9" * 5000 + b"L\n.",
}  # fmt: skip


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_pickle(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "refs.p"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"refs\.p"):
        read_plain_pickle(path)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "refs.p"
    with path.open("wb") as file:
        file.truncate(plain_pickle.MAX_PICKLE_BYTES + 1)
    with pytest.raises(InputError, match=r"larger than"):
        read_plain_pickle(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file"):
        read_plain_pickle(tmp_path / "refs.p")

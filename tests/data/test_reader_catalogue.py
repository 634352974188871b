"""The list of data sets, and our own sample file as one."""

from pathlib import Path

import numpy as np
import pytest
from miniatures import A, mask_of, samples
from reader_results import read

from remotereasoner.data.readers import DATA_SETS, ReadOptions, data_set, read_data_set
from remotereasoner.errors import InputError, UsageError


def test_names_are_forgiving_and_mistakes_are_helped() -> None:
    assert data_set("RRSIS_D") is DATA_SETS["rrsis-d"]
    with pytest.raises(UsageError, match="did you mean earthreason"):
        data_set("earthreson")
    with pytest.raises(UsageError, match="there is earthreason, rrsis-d"):
        data_set("xyz")


@pytest.mark.parametrize("name", DATA_SETS)
def test_another_folder_is_refused_by_every_reader(name: str, tmp_path: Path) -> None:
    with pytest.raises((InputError, UsageError)):
        list(read_data_set(name, tmp_path))
    with pytest.raises(InputError, match="there is no folder"):
        read_data_set(name, tmp_path / "nowhere")


@pytest.mark.parametrize("name", DATA_SETS)
def test_options_that_are_used_exist(name: str) -> None:
    for option in DATA_SETS[name].uses:
        assert hasattr(ReadOptions(), option)


def test_samples_pass_with_their_masks(tmp_path: Path) -> None:
    items, bad = read("samples", samples(tmp_path))
    assert [item.sample.id for item in items] == ["1", "3"]
    assert np.array_equal(items[0].mask, mask_of(A))
    assert [(record.file, record.line) for record in bad] == [("samples.jsonl", 2), ("samples.jsonl", 4)]
    assert [item.sample.id for item in read("samples", tmp_path, splits=("test",))[0]] == ["3"]

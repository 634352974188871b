"""Readers of public data sets, one file each, in the layout that their authors publish."""

from remotereasoner.data.readers.base import BadRecord, Item, ReadOptions
from remotereasoner.data.readers.catalogue import DATA_SETS, data_set, read_data_set

__all__ = ["DATA_SETS", "BadRecord", "Item", "ReadOptions", "data_set", "read_data_set"]

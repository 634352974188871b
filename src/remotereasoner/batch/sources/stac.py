"""STAC on disk as entries: an Item, an ItemCollection (streamed), or a catalogue, walked lazily and never over the net.

What is wrong with a part of it (a link that leads nowhere, a broken item) is an entry with a fault; the rest goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from remotereasoner.batch.items import Entry
from remotereasoner.batch.sources.json_stream import FaultError, read_object, stream_members
from remotereasoner.batch.sources.stac_items import entry_of_item, local_path, pystac_module
from remotereasoner.errors import InputError
from remotereasoner.plain_text import printable

__all__ = ["stac_entries"]

_MAX_DEPTH = 32
_Kind = Literal["item", "items", "catalog"]
_KINDS: dict[str, _Kind] = {
    "Feature": "item",
    "FeatureCollection": "items",
    "Catalog": "catalog",
    "Collection": "catalog",
}


def stac_entries(path: Path, asset: str | None) -> Iterator[Entry]:
    """Raises :class:`~remotereasoner.errors.InputError` where the file itself cannot be used, and
    :class:`~remotereasoner.errors.MissingExtraError` without ``[stac]``; both at once, not at the first step.
    """
    pystac_module()
    try:
        kind = _kind_of(path)
        if kind == "items":
            return _items(path, asset)
        raw = read_object(path)
    except FaultError as fault:
        raise InputError(f"{path}: {fault}") from fault
    return iter([entry_of_item(raw, path, asset)]) if kind == "item" else _walk(path, raw, asset)


def _kind_of(path: Path) -> _Kind:
    """By its ``type``, without reading a long list of features."""
    names = set()
    for name, value in stream_members(path, "features"):
        if name == "type" and isinstance(value, str) and value in _KINDS:
            return _KINDS[value]
        if name == "features":
            return "items"
        names.add(name)
    if {"links", "description"} <= names:  # STAC before 1.0 had no type
        return "catalog"
    raise FaultError("not_stac", "this is no STAC item, item collection, catalogue or collection")


def _items(path: Path, asset: str | None) -> Iterator[Entry]:
    try:
        for name, element in stream_members(path, "features"):
            if name == "features":
                yield entry_of_item(element, path, asset, is_alone=False)
    except FaultError as fault:  # broken further on: what came before it stands
        yield Entry((), path.name, fault=(fault.code, str(fault)))


class _Link(NamedTuple):
    rel: str
    href: object
    file: Path
    """Where the link stands."""


def _walk(path: Path, raw: dict[str, Any], asset: str | None) -> Iterator[Entry]:
    """Depth first, in the order of the links. A catalogue that is linked twice, or from below, is walked once."""
    seen = {path.resolve()}
    waiting = [iter(_links(raw, path))]
    while waiting:
        link = next(waiting[-1], None)
        if link is None:
            waiting.pop()
            continue
        try:
            file = local_path(link.href, link.file.parent)
            if link.rel == "child":
                # RuntimeError: a circle of symbolic links
                if (real := file.resolve()) in seen:
                    continue
                seen.add(real)
                if len(waiting) >= _MAX_DEPTH:
                    raise FaultError("too_deep", f"catalogues are nested more than {_MAX_DEPTH} deep")
            found = _linked(file)
            if link.rel == "child":
                waiting.append(iter(_links(found, file)))
            else:
                yield entry_of_item(found, file, asset)
        except FaultError as fault:
            yield Entry((), _name(link), fault=(fault.code, str(fault)))
        except (OSError, RuntimeError):
            yield Entry((), _name(link), fault=("broken_link", "the path of this link cannot be followed"))


def _linked(file: Path) -> dict[str, Any]:
    try:
        return read_object(file)
    except FaultError as fault:
        if fault.code == "not_found":
            raise FaultError(
                "broken_link", f"a link leads to {printable(file.name)[:100]}, which is not there"
            ) from fault
        raise


def _name(link: _Link) -> str:
    """Its href, which is relative in a catalogue on disk; of an address, nothing that may hold a key."""
    href = link.href if isinstance(link.href, str) else ""
    return printable(href.partition("?")[0].rpartition("@")[2])[:256] or f"a link of {link.file.name}"


def _links(raw: dict[str, Any], file: Path) -> list[_Link]:
    """Its links to children and items. Raises :class:`FaultError`."""
    pystac = pystac_module()
    try:
        kind = pystac.Collection if raw.get("type") == "Collection" else pystac.Catalog
        read = kind.from_dict(raw, preserve_dict=False)
        found = [(str(link.rel), link.target) for link in read.links]
    except (pystac.STACError, pystac.STACTypeError) as error:
        raise FaultError("bad_catalog", f"{file.name} is no STAC catalogue: {printable(str(error))[:200]}") from error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise FaultError("bad_catalog", f"{file.name} is a broken STAC catalogue: {type(error).__name__}") from error
    return [_Link(rel, href, file) for rel, href in found if rel in ("child", "item")]

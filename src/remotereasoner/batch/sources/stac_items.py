"""One STAC Item as an entry: which of its assets is the image, and where that lies on this machine.

Nothing is fetched, and what is in the item is not trusted: text is capped, and a link is a path of a local file or a
fault.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from remotereasoner.batch.items import Entry
from remotereasoner.batch.sources.files import entry_of_files, has_raster_suffix, storable_name
from remotereasoner.batch.sources.json_stream import FaultError
from remotereasoner.errors import MissingExtraError
from remotereasoner.plain_text import printable

__all__ = ["entry_of_item", "local_path", "pystac_module"]

_MAX_NAME_CHARS = 256
_MAX_HREF_CHARS = 4096
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+._-]*):", re.ASCII)
_RASTER_TYPES = ("image/tiff", "image/vnd.stac.geotiff", "image/jp2", "image/png", "image/jpeg")
_NOT_THE_IMAGE = frozenset({"thumbnail", "overview", "metadata"})
_SHOWN_KEYS = 12


def pystac_module() -> Any:
    """Raises :class:`~remotereasoner.errors.MissingExtraError` where ``[stac]`` is missing."""
    try:
        import pystac
    except ImportError as error:
        raise MissingExtraError("stac", "reading STAC") from error
    return pystac


def entry_of_item(raw: object, file: Path, asset: str | None, *, is_alone: bool = True) -> Entry:
    """``raw``: the item's JSON, as it stands in ``file``, ``is_alone`` or among others.

    ``asset``: a key, or several with commas: bands of one scene. Without it the image is the only raster with the role
    ``data``, else the one that is called or has the role ``visual``, else the only raster. Faults: ``bad_item``,
    ``no_asset``, ``which_asset``, ``remote_href``, ``refused_path``, and those of
    :func:`~remotereasoner.batch.sources.files.entry_of_files`.
    """
    name = _text(raw.get("id") if isinstance(raw, Mapping) else None) or f"an item of {file.name}"
    extra: dict[str, Any] = {}
    try:
        item = _parsed(raw)
        extra = _extra(item, file if is_alone else None)
        keys = _chosen(item.assets, asset)
        paths = [local_path(item.assets[key].href, file.parent) for key in keys]
    except FaultError as fault:
        return Entry((), name, fault=(fault.code, str(fault)), extra=extra)
    return replace(entry_of_files(paths, name), extra={**extra, "asset": ",".join(keys)})


def _text(value: object) -> str | None:
    """Text of others for names: printable, UTF-8, not endless; None for anything else."""
    return (printable(value)[:_MAX_NAME_CHARS] or None) if isinstance(value, str) else None


def _parsed(raw: object) -> Any:
    pystac = pystac_module()
    if not isinstance(raw, dict):
        raise FaultError("bad_item", "not a STAC item: not a JSON object")
    try:
        return pystac.Item.from_dict(raw, preserve_dict=False)
    except (pystac.STACError, pystac.STACTypeError) as error:
        raise FaultError("bad_item", f"not a STAC item: {_reason(error)}") from error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise FaultError("bad_item", f"a broken STAC item: {type(error).__name__}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return printable(str(error))[:200]


def _extra(item: Any, file: Path | None) -> dict[str, Any]:
    """What a result's own STAC item says of its source. Times are as RFC 3339 has them."""
    pystac = pystac_module()
    extra: dict[str, Any] = {"item_id": _text(item.id)}
    if file is not None:
        extra["stac_file"] = storable_name(os.path.abspath(file))[0]  # noqa: PTH100  links stay as they are
    try:
        metadata = item.common_metadata
        times = {
            "datetime": item.datetime,
            "start_datetime": metadata.start_datetime,
            "end_datetime": metadata.end_datetime,
        }
        extra.update({name: pystac.utils.datetime_to_str(time) for name, time in times.items() if time is not None})
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FaultError("bad_item", f"a broken STAC item: its times cannot be read: {_reason(error)}") from error
    collection = _text(item.collection_id)
    return extra if collection is None else {**extra, "collection": collection}


def _chosen(assets: Mapping[str, Any], asked: str | None) -> list[str]:
    if asked is not None:
        keys = [key.strip() for key in asked.split(",")]
        for key in keys:
            if key not in assets:
                raise FaultError("no_asset", f"no asset {_text(key)!r}: this item has {_listed(list(assets))}")
        return keys
    rasters = {key: _roles(found) for key, found in assets.items() if _is_raster(found)}
    data = [key for key, roles in rasters.items() if "data" in roles]
    visual = [key for key, roles in rasters.items() if key == "visual" or "visual" in roles]
    rest = [key for key, roles in rasters.items() if not roles & _NOT_THE_IMAGE]
    for found in (data, visual, rest):
        if len(found) == 1:
            return found
    if not rest:
        raise FaultError("no_asset", f"no asset is a raster that is read here: this item has {_listed(list(assets))}")
    raise FaultError(
        "which_asset", f"several assets are rasters: choose one of {_listed(rest)}, or several with commas"
    )


def _listed(keys: Sequence[str]) -> str:
    if not keys:
        return "none"
    more = f" and {len(keys) - _SHOWN_KEYS} more" if len(keys) > _SHOWN_KEYS else ""
    return ", ".join(str(_text(key))[:40] for key in keys[:_SHOWN_KEYS]) + more


def _roles(asset: Any) -> frozenset[str]:
    roles = asset.roles if isinstance(asset.roles, list) else []
    return frozenset(role for role in roles if isinstance(role, str))


def _is_raster(asset: Any) -> bool:
    if isinstance(asset.media_type, str) and asset.media_type:
        return asset.media_type.lower().startswith(_RASTER_TYPES)
    return isinstance(asset.href, str) and has_raster_suffix(asset.href)


def local_path(href: object, folder: Path) -> Path:
    """The local file that ``href`` means, relative to ``folder``. Raises :class:`FaultError`: ``remote_href`` for what
    is on another machine, ``refused_path`` for what is no plain path. Only the host of an address is repeated: the
    rest may hold a key.
    """
    if not isinstance(href, str) or not href.strip() or "\0" in href or len(href) > _MAX_HREF_CHARS:
        raise FaultError("refused_path", "an href is empty, no text, or far too long")
    scheme = _SCHEME.match(href)
    if href.startswith("//") or (scheme is not None and "://" in href and scheme[1].lower() != "file"):
        raise FaultError(
            "remote_href", f"{_host(href)} is on another machine: download it, and let the item point to the file"
        )
    if scheme is not None or href.lstrip().startswith(("/vsi", "<")):
        raise FaultError("refused_path", f"{href[:60]!a} is not a path of a local file")
    return folder / href


def _host(href: str) -> str:
    try:
        parts = urlsplit(href.strip())
        return printable(f"{parts.scheme}://{parts.hostname or ''}"[:100])
    except ValueError:
        return "an address"

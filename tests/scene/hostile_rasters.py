"""Writes the hostile rasters that the door is tested with, and runs the door over them.

``python hostile_rasters.py FOLDER`` makes them and prints one JSON line per case with what happened. Run in a process
of its own, because memory is measured; with ``--rasterio-first`` as a user's process that imported rasterio before us.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from peak_memory import peak_rss_mib

CANARY = bytes((k * 37 + 11) % 251 for k in range(64 * 64))
HONEST = 77  # every pixel of an honest raster


@dataclass(frozen=True)
class Case:
    kind: str
    name: str
    source: str
    expected: tuple[str, ...]
    """Allowed error codes; ``ok``: it opens, and all that comes out is honest."""
    follow_symlinks: bool = True


# --- formats written by hand ------------------------------------------------------------------------------------------

SHORT, LONG, ASCII, DOUBLE = 3, 4, 2, 12
_SIZES = {SHORT: 2, LONG: 4, ASCII: 1, DOUBLE: 8}
_CODES = {SHORT: "H", LONG: "I", ASCII: "B", DOUBLE: "d"}


def tiff(
    width: int = 64,
    height: int = 64,
    *,
    extra: dict[int, tuple[int, list[float]]] | None = None,
    next_ifd: int = 0,
    data: bytes | None = None,
    order: str = "<",
    big: bool = False,
) -> bytes:
    """A one-band 8 bit TIFF in one strip, with any tags replaced or added."""
    data = bytes([HONEST]) * 64 * 64 if data is None else data
    head = 16 if big else 8
    tags: dict[int, tuple[int, list[float]]] = {
        256: (LONG, [width]), 257: (LONG, [height]), 258: (SHORT, [8]), 259: (SHORT, [1]), 262: (SHORT, [1]),
        273: (LONG, [head]), 277: (SHORT, [1]), 278: (LONG, [height or 1]), 279: (LONG, [len(data)]),
    }  # fmt: skip
    tags.update(extra or {})
    count_code, entry, offset_code = ("Q", 20, "Q") if big else ("H", 12, "I")
    inline = 8 if big else 4
    ifd_at = head + len(data) + len(data) % 2
    overflow_at = (
        ifd_at + struct.calcsize(order + count_code) + entry * len(tags) + struct.calcsize(order + offset_code)
    )
    body, overflow = struct.pack(order + count_code, len(tags)), b""
    for tag in sorted(tags):
        kind, values = tags[tag]
        packed = b"".join(struct.pack(order + _CODES[kind], v if kind == DOUBLE else int(v)) for v in values)
        body += struct.pack(order + "HH" + ("Q" if big else "I"), tag, kind, len(values))
        if len(packed) <= inline:
            body += packed.ljust(inline, b"\0")
        else:
            body += struct.pack(order + offset_code, overflow_at + len(overflow))
            overflow += packed
    body += struct.pack(order + offset_code, next_ifd)
    mark = b"II" if order == "<" else b"MM"
    header = mark + (struct.pack(order + "HHHQ", 43, 8, 0, ifd_at) if big else struct.pack(order + "HI", 42, ifd_at))
    return header + data + b"\0" * (len(data) % 2) + body + overflow


def png(
    width: int, height: int, *, interlace: int = 0, depth: int = 8, colour: int = 0, rows: int | None = None
) -> bytes:
    def chunk(kind: bytes, payload: bytes) -> bytes:
        return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    row = b"\0" + bytes([HONEST]) * width
    pixels = zlib.compress(row * (height if rows is None else rows), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def png_with_chunk(kind: bytes, payload: bytes) -> bytes:
    plain = png(64, 64)
    chunk = struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))
    return plain[:33] + chunk + plain[33:]


def vrt(secret: Path) -> str:
    return (
        '<VRTDataset rasterXSize="64" rasterYSize="64">'
        '<Metadata><MDI key="INTERNAL_MASK_FLAGS_1">2</MDI></Metadata><VRTRasterBand dataType="Byte" band="1" '
        'subClass="VRTRawRasterBand">'
        f'<SourceFilename relativetoVRT="0">{secret}</SourceFilename><ImageOffset>0</ImageOffset>'
        "<PixelOffset>1</PixelOffset><LineOffset>64</LineOffset></VRTRasterBand></VRTDataset>"
    )


# --- the classes ------------------------------------------------------------------------------------------------------


class Builder:
    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.secret = folder / "secret.bin"
        self.secret.write_bytes(CANARY)
        self.vrt = vrt(self.secret)
        self.url = url

    def file(self, kind: str, name: str, content: bytes | str, *expected: str) -> Case:
        path = self.folder / kind / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Case(kind, name, str(path), expected)

    def made(self, kind: str, name: str, *expected: str, **profile: object) -> Case:
        path = self.folder / kind / name
        path.parent.mkdir(exist_ok=True)
        write_raster(path, **profile)
        return Case(kind, name, str(path), expected)

    def cases(self) -> Iterator[Case]:
        for method in (
            self.disguised, self.sidecars, self.paths, self.services, self.big_blocks, self.sparse, self.no_size,
            self.one_row, self.many_bands, self.transforms, self.crs, self.ifds, self.truncated, self.magic, self.kinds,
            self.payloads,
        ):  # fmt: skip
            yield from method()

    def disguised(self) -> Iterator[Case]:
        kind = "vrt-in-disguise"
        for name in ("a.tif", "a.png", "a.jpg", "a.jp2", "a.vrt", "a"):
            yield self.file(kind, name, self.vrt, "unknown_format")
        yield self.file(kind, "bom.tif", "\ufeff" + self.vrt, "unknown_format")
        yield self.file(kind, "space.tif", "\n\n  " + self.vrt, "unknown_format")
        yield self.file(kind, "xml.tif", '<?xml version="1.0"?>' + self.vrt, "unknown_format")
        yield self.file(kind, "magic.tif", "II*\0" + self.vrt, "broken")
        yield self.file(kind, "warped.tif", self.vrt.replace("<VRTDataset", '<VRTDataset subClass="VRTWarpedDataset"'),
                        "unknown_format")  # fmt: skip

    def sidecars(self) -> Iterator[Case]:
        kind = "sidecar"
        aux = (
            "<PAMDataset><SRS>LOCAL_CS[&quot;x&quot;]</SRS><GeoTransform>1,2,3,4,5,6</GeoTransform>"
            '<PAMRasterBand band="1"><NoDataValue>77</NoDataValue></PAMRasterBand></PAMDataset>'
        )
        for suffix, driver in (("tif", "GTiff"), ("png", "PNG"), ("jpg", "JPEG"), ("jp2", "JP2OpenJPEG")):
            for side, text in (("msk", self.vrt), ("ovr", self.vrt), ("aux.xml", aux)):
                name = f"{side[:3]}_{driver}.{suffix}"
                side_px = 64 if side == "msk" else 1024  # a mask must be of the raster's size, an overview smaller
                case = self.made(kind, name, "ok", driver=driver, width=side_px, height=side_px)
                Path(f"{case.source}.{side}").write_text(text)
                yield case
        case = self.made(kind, "world.tif", "ok", driver="GTiff")
        Path(case.source).with_suffix(".tfw").write_text("1\n0\n0\n-1\n5\n5\n")
        Path(case.source).with_suffix(".prj").write_text(self.url)
        yield case

    def paths(self) -> Iterator[Case]:
        tif = self.made("path", "honest.tif", "ok").source
        for name, text in {
            "vrt": f"vrt://{tif}", "xml": self.vrt, "vsicurl": f"/vsicurl/{self.url}/a.tif", "vsizip": f"/vsizip/{tif}",
            "vsimem": "/vsimem/a.tif", "vsistdin": "/vsistdin/", "vsisubfile": f"/vsisubfile/0_99,{tif}",
            "dir": f"GTIFF_DIR:1:{tif}", "raw": f"GTIFF_RAW:{tif}", "http": f"{self.url}/a.tif",
            "https": "https://localhost/a",
            "ftp": "ftp://localhost/a.tif", "s3": "s3://bucket/a.tif", "file": f"file://{tif}", "zip": f"zip://{tif}!a",
            "compound": f"zip+{self.url}/a.zip!a.tif", "hdf5": f"HDF5:{tif}://x", "wms": f"WMS:{self.url}",
            "pg": "PG:dbname=x",
            "space": f" {self.url}/a.tif", "json": '{"type":"FeatureCollection"}', "empty": "", "blank": "  ",
            "nul": f"{tif}\0.png", "long": "a" * 5000, "slashes": f"//vsicurl/{self.url}", "upper": "HTTP://LOCALHOST/A",
        }.items():  # fmt: skip
            yield Case("path", name, text, ("refused_path", "not_found"))

    def services(self) -> Iterator[Case]:
        for name, content in {
            "wms.tif": f'<GDAL_WMS><Service name="WMS"><ServerUrl>{self.url}</ServerUrl></Service></GDAL_WMS>',
            "tms.tif": f'<GDAL_WMS><Service name="TMS"><ServerUrl>{self.url}/${{z}}</ServerUrl></Service></GDAL_WMS>',
            "wcs.tif": f"<WCS_GDAL><ServiceURL>{self.url}</ServiceURL></WCS_GDAL>",
            "wmts.tif": f"<GDAL_WMTS><GetCapabilitiesUrl>{self.url}</GetCapabilitiesUrl></GDAL_WMTS>",
            "gti.tif": f"<GDALTileIndexDataset><IndexDataset>{self.url}</IndexDataset></GDALTileIndexDataset>",
            "stacit.tif": json.dumps({"type": "FeatureCollection", "stac_version": "1.0", "href": self.url}),
            "stacta.tif": json.dumps({"type": "Feature", "stac_extensions": ["tiled-assets"], "href": self.url}),
            "daas.tif": f'<DAAS><GetMetadataURL>"{self.url}"</GetMetadataURL></DAAS>',
            "pdf.tif": b"%PDF-1.7\n", "gpkg.tif": b"SQLite format 3\0" + bytes(96),
            "hdf5.tif": b"\x89HDF\r\n\x1a\n" + bytes(64),
            "netcdf.tif": b"CDF\1" + bytes(64), "gif.tif": b"GIF89a" + bytes(64), "bmp.tif": b"BM" + bytes(64),
            "nitf.tif": b"NITF02.10" + bytes(64), "webp.tif": b"RIFF\0\0\0\0WEBPVP8 ", "zip.tif": b"PK\3\4" + bytes(64),
            "j2k.jp2": b"\xff\x4f\xff\x51" + bytes(64), "heif.jpg": b"\0\0\0\x18ftypheic" + bytes(64),
        }.items():  # fmt: skip
            yield self.file("service", name, content, "unknown_format")

    def big_blocks(self) -> Iterator[Case]:
        kind = "huge-block"
        for name, profile in {
            "tile.tif": {"width": 20_000, "height": 20_000, "blockxsize": 20_000, "blockysize": 20_000},
            "tile16.tif": {"width": 9_000, "height": 9_000, "blockxsize": 9_008, "blockysize": 9_008,
                           "dtype": "uint16"},
            "bands.tif": {"width": 512, "height": 512, "count": 100, "blockxsize": 512, "blockysize": 512,
                          "dtype": "float64", "interleave": "pixel"},
        }.items():  # fmt: skip
            yield self.made(kind, name, "block_too_large", tiled=True, compress="deflate", sparse_ok=True, empty=True,
                            **profile)  # fmt: skip
        deflated = zlib.compress(bytes(1000))
        for side in (16_000, 60_000):
            strip = {259: (SHORT, [8]), 279: (LONG, [len(deflated)])}
            yield self.file(
                kind,
                f"strip{side}.tif",
                tiff(side, side, extra=strip, data=deflated),
                "block_too_large",
                "needs_overviews",
                "broken",
            )
        yield self.file(kind, "interlaced.png", png(20_000, 20_000, interlace=1, rows=10), "block_too_large")

    def sparse(self) -> Iterator[Case]:
        kind = "huge-sparse"
        tiled = {
            "tiled": True,
            "blockxsize": 512,
            "blockysize": 512,
            "sparse_ok": True,
            "empty": True,
            "bigtiff": "YES",
        }
        yield self.made(kind, "120GB.tif", "too_large", "needs_overviews", width=400_000, height=300_000, **tiled)
        yield self.made(kind, "6GB.tif", "needs_overviews", width=80_000, height=80_000, **tiled)
        yield self.made(kind, "bands.tif", "needs_overviews", width=30_000, height=30_000, count=4, interleave="pixel",
                        **tiled)  # fmt: skip
        yield self.file(kind, "declared.png", png(60_000, 60_000, rows=10), "needs_overviews", "broken")
        yield self.file(kind, "max.png", png(2**31 - 1, 1, rows=0), "broken", "block_too_large")
        yield self.file(kind, "max.tif", tiff(2**32 - 1, 2**32 - 1), "broken", "too_large")
        yield self.file(kind, "signed.tif", tiff(2**31 - 1, 2**31 - 1, extra={278: (LONG, [1])}), "broken", "too_large")

    def no_size(self) -> Iterator[Case]:
        for width, height in ((0, 64), (64, 0), (0, 0)):
            yield self.file("no-size", f"{width}x{height}.tif", tiff(width, height), "broken")
            yield self.file("no-size", f"{width}x{height}.png", png(width, height), "broken")
            frame = struct.pack(">HHBHHB", 0xFFC0, 11, 8, height, width, 1) + b"\1\x11\0"
            yield self.file("no-size", f"{width}x{height}.jpg", b"\xff\xd8" + frame + b"\xff\xd9", "broken")

    def one_row(self) -> Iterator[Case]:
        for width, height in ((1, 1), (1, 64), (64, 1), (1, 20_000), (20_000, 1), (2, 3)):
            yield self.made("one-row", f"{width}x{height}.tif", "ok", width=width, height=height)

    def many_bands(self) -> Iterator[Case]:
        kind = "many-bands"
        yield self.made(kind, "10000.tif", "too_many_bands", width=4, height=4, count=10_000, empty=True)
        for samples in (3_000, 65_535):
            tags = {258: (SHORT, [8] * samples), 277: (SHORT, [samples])}
            yield self.file(kind, f"{samples}.tif", tiff(4, 4, extra=tags, data=bytes(16)), "too_many_bands", "broken")
        yield self.file(kind, "0.tif", tiff(extra={277: (SHORT, [0])}), "broken", "ok")

    def transforms(self) -> Iterator[Case]:
        kind, nan, inf = "transform", float("nan"), float("inf")
        matrices = {
            "nan": [nan] * 6, "nan-one": [1, 0, 0, 0, nan, 0], "inf": [inf, 0, 0, 0, 1, 0], "zero": [0, 0, 5, 0, 0, 5],
            "singular": [1, 2, 3, 2, 4, 6], "tiny": [1e-320, 0, 0, 0, 1e-320, 0], "column": [0, 0, 1, 0, 1, 0],
            "minus-inf": [1, 0, -inf, 0, -1, 0],
        }  # fmt: skip
        for name, (a, b, c, d, e, f) in matrices.items():
            model = [a, b, 0, c, d, e, 0, f, 0, 0, 0, 0, 0, 0, 0, 1]
            yield self.file(kind, f"{name}.tif", tiff(extra={34264: (DOUBLE, model)}), "bad_transform")
        for name, scale in {"scale-nan": [nan, nan, 0], "scale-zero": [0, 0, 0], "scale-inf": [inf, 1, 0]}.items():
            tags = {33550: (DOUBLE, scale), 33922: (DOUBLE, [0, 0, 0, 5, 5, 0])}
            yield self.file(kind, f"{name}.tif", tiff(extra=tags), "bad_transform", "ok")

    def crs(self) -> Iterator[Case]:
        placed = {33550: (DOUBLE, [1, 1, 0]), 33922: (DOUBLE, [0, 0, 0, 5, 5, 0])}
        for name, code in {"none": 1, "user": 32767, "last": 65535, "vertical": 5703, "missing": 31999}.items():
            keys = [1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, code]
            tags = {**placed, 34735: (SHORT, keys)}
            yield self.file("crs", f"{name}.tif", tiff(extra=tags), "ok", "bad_crs", "broken")
        for name, text in {
            "url": self.url, "path": str(self.secret),
            "pipeline": "+proj=pipeline +step +proj=hgridshift +grids=/etc/passwd",
            "wkt": 'ESRI PE String = PROJCS["' + "A" * 200_000, "esri": 'ESRI PE String = GEOGCS["x",' * 50,
        }.items():  # fmt: skip
            ascii_ = [*text.encode(), ord("|"), 0]
            keys = [1, 1, 0, 3, 1024, 0, 1, 1, 3072, 0, 1, 32767, 3073, 34737, len(ascii_) - 1, 0]
            if len(ascii_) > 65_000:
                keys[14] = 65_000
            tags = {**placed, 34735: (SHORT, keys), 34737: (ASCII, ascii_)}
            yield self.file("crs", f"{name}.tif", tiff(extra=tags), "ok", "bad_crs", "broken")

    def ifds(self) -> Iterator[Case]:
        kind = "cyclic-ifd"
        plain = tiff()
        first = struct.unpack("<I", plain[4:8])[0]
        yield self.file(kind, "self.tif", tiff(next_ifd=first), "ok", "broken")
        yield self.file(kind, "header.tif", tiff(next_ifd=8), "ok", "broken")
        yield self.file(kind, "outside.tif", tiff(next_ifd=2**31), "ok", "broken")
        yield self.file(kind, "sub.tif", tiff(extra={330: (LONG, [first])}), "ok", "broken")
        chain = plain
        for _ in range(3_000):  # each page points to the next
            offset = len(chain) + len(chain) % 2
            chain = chain[:-4] + struct.pack("<I", offset) + b"\0" * (len(chain) % 2) + plain[first:]
        yield self.file(kind, "chain.tif", chain, "ok", "broken")
        yield self.file(kind, "count.tif", plain[:first] + b"\xff\xff" + plain[first + 2 :], "broken")
        yield self.file(kind, "first-outside.tif", plain[:4] + b"\xf0\xff\xff\xff" + plain[8:], "broken")
        yield self.file(kind, "big.tif", tiff(big=True, next_ifd=16), "ok", "broken")

    def truncated(self) -> Iterator[Case]:
        for suffix, driver in (("tif", "GTiff"), ("png", "PNG"), ("jpg", "JPEG"), ("jp2", "JP2OpenJPEG")):
            whole = Path(self.made("truncated", f"whole.{suffix}", "ok", driver=driver, noise=True).source).read_bytes()
            for part in (0.01, 0.3, 0.6, 0.98):
                cut = whole[: max(14, int(len(whole) * part))]
                # libjpeg and OpenJPEG fill in what is missing, as every viewer does.
                yield self.file("truncated", f"{part}.{suffix}", cut, "broken", *(["ok"] if suffix[0] == "j" else []))

    def magic(self) -> Iterator[Case]:
        kind = "wrong-magic"
        for name, content in {
            "empty.tif": b"", "one.tif": b"I", "three.tif": b"II*", "text.tif": b"hello",
            "html.png": b"<!doctype html>",
            "elf.jpg": b"\x7fELF" + bytes(60), "gzip.tif": b"\x1f\x8b\x08" + bytes(60), "zeros.jp2": bytes(4096),
        }.items():  # fmt: skip
            yield self.file(kind, name, content, "unknown_format")
        for name, head in {
            "only.tif": b"II*\0", "only-be.tif": b"MM\0*", "only-big.tif": b"II+\0", "only.png": b"\x89PNG\r\n\x1a\n",
            "only.jpg": b"\xff\xd8\xff", "only.jp2": b"\0\0\0\x0cjP  \r\n\x87\n",
        }.items():  # fmt: skip
            yield self.file(kind, name, head, "broken")
            yield self.file(kind, f"then-{name}", head + CANARY, "broken")

    def kinds(self) -> Iterator[Case]:
        kind = "file-kind"
        honest = self.made(kind, "honest.tif", "ok").source
        folder = self.folder / kind
        (folder / "link.tif").symlink_to(honest)
        yield Case(kind, "link", str(folder / "link.tif"), ("ok",))
        yield Case(kind, "link-refused", str(folder / "link.tif"), ("refused_path",), follow_symlinks=False)
        (folder / "secret.tif").symlink_to(self.secret)
        yield Case(kind, "link-to-secret", str(folder / "secret.tif"), ("unknown_format",))
        (folder / "dangling.tif").symlink_to(folder / "nothing")
        yield Case(kind, "dangling", str(folder / "dangling.tif"), ("not_found",))
        (folder / "loop.tif").symlink_to(folder / "loop.tif")
        yield Case(kind, "loop", str(folder / "loop.tif"), ("broken",))
        os.mkfifo(folder / "fifo.tif")
        yield Case(kind, "fifo", str(folder / "fifo.tif"), ("not_a_file",))
        (folder / "to-fifo.tif").symlink_to(folder / "fifo.tif")
        yield Case(kind, "link-to-fifo", str(folder / "to-fifo.tif"), ("not_a_file",))
        listener = socket.socket(socket.AF_UNIX)
        os.chdir(folder)  # socket paths are short
        listener.bind("socket.tif")
        yield Case(kind, "socket", "socket.tif", ("not_a_file",))
        for name, path in {
            "zero": "/dev/zero",
            "null": "/dev/null",
            "random": "/dev/urandom",
            "folder": str(folder),
        }.items():
            yield Case(kind, name, path, ("not_a_file",))
        yield Case(kind, "missing", str(folder / "no.tif"), ("not_found",))
        yield Case(kind, "below-a-file", honest + "/a.tif", ("not_found",))
        yield Case(kind, "dots", f"{folder}/../{kind}/..", ("not_a_file",))
        yield Case(kind, "long-name", str(folder / ("a" * 300)), ("broken",))

    def payloads(self) -> Iterator[Case]:
        kind = "payload"
        xxe = (
            f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{self.secret}">]>'
            '<GDALMetadata><Item name="a">&x;</Item></GDALMetadata>'
        )
        yield self.file(kind, "xxe.tif", tiff(extra={42112: (ASCII, [*xxe.encode(), 0])}), "ok", "broken")
        for name, text in {"deep.tif": "<a>" * 5_000, "latin.tif": "<GDALMetadata><Item name='DESCRIPTION' sample='0' "
                           "role='description'>\xe9\xff</Item></GDALMetadata>"}.items():  # fmt: skip
            yield self.file(kind, name, tiff(extra={42112: (ASCII, [*text.encode("latin-1"), 0])}), "ok", "broken")
        yield self.file(kind, "nodata.tif", tiff(extra={42113: (ASCII, [*b"9e999\0"])}), "ok")
        bomb = zlib.compress(bytes(100 << 20), 1)
        yield self.file(kind, "ztxt.png", png_with_chunk(b"zTXt", b"a\0\0" + bomb), "ok", "broken")
        yield self.file(kind, "iccp.png", png_with_chunk(b"iCCP", b"a\0\0" + bomb), "ok", "broken")
        deflate_bomb = {259: (SHORT, [8]), 279: (LONG, [len(bomb)])}
        yield self.file(kind, "deflate.tif", tiff(64, 64, extra=deflate_bomb, data=bomb), "ok", "broken")
        jp2 = Path(self.made(kind, "plain.jp2", "ok", driver="JP2OpenJPEG").source).read_bytes()
        gml = (
            f'<gml:FeatureCollection srsName="{self.url}/crs"><gml:Envelope srsName="{self.url}/x"/>'
            "</gml:FeatureCollection>"
        )
        box = gml.encode()
        lbl = struct.pack(">I4s", 16, b"lbl ") + b"gml.data"
        inst = struct.pack(">I4s", 8 + 25, b"lbl ") + b"gml.root-instance".ljust(25, b"\0")
        xml = struct.pack(">I4s", 8 + len(box), b"xml ") + box
        inner = struct.pack(">I4s", 8 + len(inst) + len(xml), b"asoc") + inst + xml
        outer = struct.pack(">I4s", 8 + len(lbl) + len(inner), b"asoc") + lbl + inner
        at = jp2.index(b"jp2c") - 4
        yield self.file(kind, "gml.jp2", jp2[:at] + outer + jp2[at:], "ok", "broken")
        siz = jp2.index(b"\xff\x51") + 6
        for name, offsets in {
            "size": (siz,),
            "size-and-tile": (siz, siz + 16),
            "header": (jp2.index(b"ihdr") + 4,),
        }.items():
            changed = bytearray(jp2)
            for offset in offsets:
                changed[offset : offset + 8] = struct.pack(">II", 60_000, 60_000)
            yield self.file(
                kind,
                f"huge-{name}.jp2",
                bytes(changed),
                "broken",
                "needs_overviews",
                "block_too_large",
                "too_large",
                "ok",
            )


# --- running ----------------------------------------------------------------------------------------------------------


def write_raster(path: Path, **profile: object) -> None:
    import numpy as np
    import rasterio

    from remotereasoner.scene._gdal import gdal_env

    empty, noise = profile.pop("empty", False), profile.pop("noise", False)
    options = {"driver": "GTiff", "width": 64, "height": 64, "count": 1, "dtype": "uint8", **profile}
    shape = (options["count"], options["height"], options["width"])
    with gdal_env(), rasterio.open(path, "w", **options) as raster:
        if noise:
            raster.write(np.random.default_rng(7).integers(0, 255, shape, dtype=np.uint8))
        elif not empty:
            raster.write(np.full(shape, HONEST, dtype=options["dtype"]))


def run(case: Case) -> dict[str, object]:
    from remotereasoner.errors import ImageReadError
    from remotereasoner.scene import open_scene, raster_info

    started = time.perf_counter()
    outcomes, texts, pixels = [], [], []
    for call in (
        lambda: open_scene(case.source, max_side_px=256, follow_symlinks=case.follow_symlinks),
        lambda: open_scene(case.source, window=(0, 0, 1, 1), follow_symlinks=case.follow_symlinks),
        lambda: raster_info(case.source, follow_symlinks=case.follow_symlinks),
    ):
        try:
            result = call()
        except ImageReadError as error:
            outcomes.append(error.code)
            texts.append(str(error))
        else:
            outcomes.append("ok")
            texts.append(repr(result.to_dict() if hasattr(result, "to_dict") else result.rendering))
            pixels += [result.pixels, result.valid] if hasattr(result, "pixels") else []
    leaked = any(CANARY[:24] in text.encode("latin-1", "replace") for text in texts)
    leaked |= any(CANARY[:24] in array.tobytes() or CANARY[:24] in array[..., 0].tobytes() for array in pixels)
    honest = all((array.min(), array.max()) in ((HONEST, HONEST), (1, 1)) for array in pixels)
    peak_mib = peak_rss_mib()
    seconds = round(time.perf_counter() - started, 2)
    return {"kind": case.kind, "name": case.name, "code": outcomes[0], "expected": case.expected, "all": outcomes,
            "honest": honest, "leaked": leaked, "mib": peak_mib, "seconds": seconds}  # fmt: skip


def say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main() -> None:
    if "--rasterio-first" in sys.argv:
        import rasterio  # noqa: F401
    import remotereasoner.scene  # noqa: F401  before rasterio otherwise

    folder = Path(sys.argv[1])
    if "--build" in sys.argv:
        say([asdict(case) for case in Builder(folder, sys.argv[2]).cases()])
        return
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.0)
    url = f"http://127.0.0.1:{server.getsockname()[1]}"
    # Made by a child, so that the memory of writing is not counted as reading.
    built = subprocess.run([sys.executable, __file__, str(folder), url, "--build"], check=True, stdout=subprocess.PIPE)
    cases = [Case(**fields) for fields in json.loads(built.stdout)]
    os.chdir(folder / "file-kind")
    for case in cases:
        say(run(case))
    try:
        server.accept()
        connections = 1
    except BlockingIOError:
        connections = 0
    from remotereasoner.scene._gdal import unexpected_drivers

    say({"connections": connections, "drivers": unexpected_drivers()})


if __name__ == "__main__":
    main()

"""Text to CRS: what is accepted, what is refused, and that neither opens or fetches anything."""

from __future__ import annotations

import socket
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from pyproj import CRS

from remotereasoner.errors import CoordinateError
from remotereasoner.scene.crs import LONLAT, crs_from_wkt, parse_crs, wrap_longitude

ACCEPTED = {
    "EPSG:4326": 4326,
    "epsg:32618": 32618,
    "EPSG:3857": 3857,
    "EPSG:3031": 3031,
    "EPSG:2056": 2056,
    "urn:ogc:def:crs:EPSG::32618": 32618,
    "urn:ogc:def:crs:EPSG:9.8.6:4326": 4326,
    "URN:OGC:DEF:CRS:EPSG::3035": 3035,
    "http://www.opengis.net/def/crs/EPSG/0/4326": 4326,
    "https://www.opengis.net/def/crs/EPSG/0/32755": 32755,
    "OGC:CRS84": 4326,
    "urn:ogc:def:crs:OGC:1.3:CRS84": 4326,
    "http://www.opengis.net/def/crs/OGC/1.3/CRS84": 4326,
}
REFUSED = [
    "", " ", "4326", "EPSG", "EPSG:", "EPSG:abc", "EPSG: 4326", "EPSG:4326 ", "EPSG:4326\n", "EPSG:-1", "EPSG:1",
    "EPSG:99999",
    "EPSG:4326+5773", "EPSG:4326,3857", "EPSG:４３２６", "ESRI:102100", "IGNF:LAMB93", "AUTO:42001,0,0", "WGS84",
    "{url}/crs",
    "{url}/def/crs/EPSG/0/4326", "http://www.opengis.net.evil.example/def/crs/EPSG/0/4326",
    "http://www.opengis.net/def/crs/EPSG/0/4326?x={url}", "http://www.opengis.net/def/crs/EPSG/0/../../4326",
    "http://www.opengis.net@127.0.0.1/def/crs/EPSG/0/4326", "ftp://www.opengis.net/def/crs/EPSG/0/4326", "/etc/passwd",
    "file:///etc/passwd", "../secret.prj", "C:\\secret.prj", "/vsicurl/{url}/x", "+proj=longlat", "+init=epsg:4326",
    "+proj=pipeline +step +proj=hgridshift +grids=/etc/passwd", "+proj=utm +zone=18 +nadgrids={url}/x.gsb",
    'GEOGCS["x",DATUM["y",SPHEROID["z",6378137,298]]]', '{"type": "GeographicCRS"}', "urn:ogc:def:crs:EPSG::",
    "urn:ogc:def:crs,crs:EPSG::4326,crs:EPSG::5773", "urn:x:EPSG::4326", "\0", "EPSG:4326\0", "A" * 1_000_000,
    'PROJCS["' + "A" * 1_000_000,
]  # fmt: skip

_events: list[str] = []
_watching = False


def _watch(event: str, _arguments: tuple[object, ...]) -> None:
    if _watching and (event == "open" or event.startswith(("socket.", "os.", "subprocess.", "urllib."))):
        _events.append(event)


sys.addaudithook(_watch)


@contextmanager
def nothing_opened():
    global _watching
    _events.clear()
    _watching = True
    try:
        yield
    finally:
        _watching = False
    assert _events == []


@pytest.fixture
def listener():
    """The URL of a loopback server that must stay unasked."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.0)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(BlockingIOError):
            server.accept()


def test_the_table_is_long_enough() -> None:
    assert len(ACCEPTED) + len(REFUSED) >= 40


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted(text: str) -> None:
    with nothing_opened():
        crs = parse_crs(text)
    assert crs.to_epsg() == ACCEPTED[text]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_refused(listener, number: int) -> None:
    text = REFUSED[number].replace("{url}", listener)
    with nothing_opened(), pytest.raises(CoordinateError) as caught:
        parse_crs(text)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("value", [4326, None, b"EPSG:4326", CRS.from_epsg(4326)])
def test_only_text(value) -> None:
    with pytest.raises(CoordinateError, match="must be text"):
        parse_crs(value)


def test_the_hook_hears() -> None:
    with pytest.raises(AssertionError), nothing_opened(), Path(__file__).open():
        pass


def test_wkt_of_rasters() -> None:
    assert crs_from_wkt(CRS.from_epsg(32618).to_wkt()).to_epsg() == 32618
    for wkt in ("", "nonsense", "GEOGCS[", "A" * 200_000):
        with pytest.raises(CoordinateError):
            crs_from_wkt(wkt)


def test_longitudes() -> None:
    assert wrap_longitude(np.array([190.0, -190.0, 180.0, -180.0, 10.25, 720.5])).tolist() == [
        -170.0, 170.0, 180.0, -180.0, 10.25, 0.5,
    ]  # fmt: skip
    assert wrap_longitude(np.array([-179.0]), 179.0).tolist() == [181.0]
    assert LONLAT.to_epsg() == 4326

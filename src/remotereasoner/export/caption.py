"""Text in pictures: fonts, wrapping, and the strip under an overlay that holds question, status and reasoning."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from remotereasoner.plain_text import printable

__all__ = ["CaptionLine", "caption_strip", "load_font", "wrap_text"]

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_BACKGROUND = (24, 26, 30)


@dataclass(frozen=True)
class CaptionLine:
    """A paragraph of the strip; what is longer than ``max_lines`` ends in an ellipsis."""

    text: str
    size_px: int
    colour: tuple[int, int, int]
    max_lines: int


@lru_cache(maxsize=32)
def load_font(size_px: int) -> Font:
    """Pillow's own font, so that pictures look the same on every machine. It covers Latin scripts."""
    return ImageFont.load_default(size=size_px)


def _fitting(word: str, font: Font, width_px: int) -> int:
    """How many characters of ``word`` fit into a line; at least one."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(word[:middle]) <= width_px:
            low = middle
        else:
            high = middle - 1
    return low


def wrap_text(text: str, font: Font, width_px: int, max_lines: int) -> list[str]:
    """``text`` in lines no wider than ``width_px``; words that are too long are broken; cut off with an ellipsis."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        joined = f"{line} {word}" if line else word
        if font.getlength(joined) <= width_px:
            line = joined
            continue
        if line:
            lines.append(line)
        while font.getlength(word) > width_px and len(lines) <= max_lines and len(word) > 1:
            count = _fitting(word, font, width_px)
            lines.append(word[:count])
            word = word[count:]
        line = word
        if len(lines) > max_lines:
            break
    if line:
        lines.append(line)
    if len(lines) <= max_lines:
        return lines
    last = lines[max_lines - 1]
    while last and font.getlength(last + " …") > width_px:
        last = last[:-1]
    return [*lines[: max_lines - 1], last.rstrip() + " …"]


def caption_strip(width_px: int, paragraphs: list[CaptionLine]) -> Image.Image:
    """A dark strip of ``width_px`` that is as high as its text. All text is treated as untrusted."""
    margin = 12
    rows: list[tuple[str, CaptionLine, int]] = []
    for paragraph in paragraphs:
        font = load_font(paragraph.size_px)
        wrapped = wrap_text(printable(paragraph.text), font, width_px - 2 * margin, paragraph.max_lines)
        for number, line in enumerate(wrapped):
            gap = paragraph.size_px // 2 if number == len(wrapped) - 1 else 0
            rows.append((line, paragraph, round(paragraph.size_px * 1.35) + gap))
    height = 2 * margin + sum(row[2] for row in rows) - (rows[-1][1].size_px // 2 if rows else 0)
    strip = Image.new("RGB", (width_px, height), _BACKGROUND)
    draw = ImageDraw.Draw(strip)
    y = margin
    for line, paragraph, advance in rows:
        draw.text((margin, y), line, font=load_font(paragraph.size_px), fill=paragraph.colour)
        y += advance
    return strip

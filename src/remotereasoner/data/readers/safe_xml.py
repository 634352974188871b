"""XML of annotations, without what makes XML dangerous: no document type, so no entities and nothing external."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers.expat import ExpatError, ParserCreate

from remotereasoner.data.fields import FieldError, shown
from remotereasoner.data.readers.files import read_bytes

__all__ = ["read_xml"]

_MAX_BYTES = 1 << 20
_MAX_DEPTH = 32


class _Builder:
    def __init__(self) -> None:
        self.tree = TreeBuilder()
        self.depth = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise FieldError(f"elements are nested deeper than {_MAX_DEPTH}")
        self.tree.start(tag, attributes)

    def end(self, tag: str) -> None:
        self.depth -= 1
        self.tree.end(tag)


def _refuse(*_: object) -> NoReturn:
    raise FieldError("it declares a document type: entities could make it anything, so it is not read")


def read_xml(path: Path) -> Element:
    """The root element of an XML file of at most 1 MiB. Raises FieldError."""
    content = read_bytes(path, _MAX_BYTES)
    builder = _Builder()
    parser = ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.tree.data
    try:
        parser.Parse(content, True)
    except ExpatError as error:
        raise FieldError(f"{shown(path.name)} is not XML: {error}") from None
    return builder.tree.close()

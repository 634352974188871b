"""How findings look in QGIS (QML) and in other programs (SLD): the overlay's colours, and numbers from 1.

Nothing of the answer goes into a style: colours follow the findings' position, labels are an expression on a column.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from remotereasoner.export.overlay import COLOURS

__all__ = ["findings_qml", "findings_sld"]

_FILL_ALPHA = 70
_OUTLINE_MM = "0.5"
_SLD = "http://www.opengis.net/sld"
_SE = "http://www.opengis.net/se"


def _options(parent: ET.Element, **values: str) -> None:
    options = ET.SubElement(parent, "Option", type="Map")
    for name, value in values.items():
        ET.SubElement(options, "Option", name=name, value=value, type="QString")


def findings_qml() -> str:
    """A QGIS style (3.22 and later): categories by position modulo the number of colours, labels with the number."""
    root = ET.Element("qgis", version="3.34.0", styleCategories="Symbology|Labeling", labelsEnabled="1")
    renderer = ET.SubElement(
        root,
        "renderer-v2",
        type="categorizedSymbol",
        attr=f'"index" % {len(COLOURS)}',
        symbollevels="0",
        forceraster="0",
        enableorderby="0",
    )
    categories = ET.SubElement(renderer, "categories")
    symbols = ET.SubElement(renderer, "symbols")
    for number, (red, green, blue) in enumerate(COLOURS):
        ET.SubElement(
            categories,
            "category",
            value=str(number),
            type="long",
            symbol=str(number),
            label=f"{number + 1}, {number + 1 + len(COLOURS)}, …",
            render="true",
        )
        symbol = ET.SubElement(symbols, "symbol", type="fill", name=str(number), alpha="1", clip_to_extent="1")
        layer = ET.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1", "locked": "0", "pass": "0"})
        _options(
            layer,
            color=f"{red},{green},{blue},{_FILL_ALPHA}",
            style="solid",
            outline_color=f"{red},{green},{blue},255",
            outline_style="solid",
            outline_width=_OUTLINE_MM,
            outline_width_unit="MM",
            joinstyle="round",
        )
    labeling = ET.SubElement(root, "labeling", type="simple")
    settings = ET.SubElement(labeling, "settings", calloutType="simple")
    style = ET.SubElement(
        settings, "text-style", fieldName='"index" + 1', isExpression="1", fontSize="9", fontSizeUnit="Point",
        textColor="16,16,16,255",
    )  # fmt: skip
    ET.SubElement(
        style, "text-buffer", bufferDraw="1", bufferSize="1", bufferSizeUnits="MM", bufferColor="255,255,255,255"
    )
    ET.SubElement(settings, "placement", placement="1", centroidInside="1", priority="5")
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + ET.tostring(root, encoding="unicode")


def findings_sld() -> str:
    """A Styled Layer Descriptor 1.1 with one colour: what programs other than QGIS can read."""
    red, green, blue = COLOURS[0]
    colour = f"#{red:02x}{green:02x}{blue:02x}"
    root = ET.Element(f"{{{_SLD}}}StyledLayerDescriptor", version="1.1.0")
    named = ET.SubElement(root, f"{{{_SLD}}}NamedLayer")
    ET.SubElement(named, f"{{{_SE}}}Name").text = "findings"
    style = ET.SubElement(ET.SubElement(named, f"{{{_SLD}}}UserStyle"), f"{{{_SE}}}FeatureTypeStyle")
    symbolizer = ET.SubElement(ET.SubElement(style, f"{{{_SE}}}Rule"), f"{{{_SE}}}PolygonSymbolizer")
    fill = ET.SubElement(symbolizer, f"{{{_SE}}}Fill")
    _parameters(fill, {"fill": colour, "fill-opacity": f"{_FILL_ALPHA / 255:.2f}"})
    _parameters(ET.SubElement(symbolizer, f"{{{_SE}}}Stroke"), {"stroke": colour, "stroke-width": "2"})
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _parameters(parent: ET.Element, values: dict[str, str]) -> None:
    for name, value in values.items():
        ET.SubElement(parent, f"{{{_SE}}}SvgParameter", name=name).text = value

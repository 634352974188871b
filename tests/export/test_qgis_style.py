from __future__ import annotations

from xml.etree import ElementTree

from remotereasoner.export.overlay import COLOURS
from remotereasoner.export.qgis_style import findings_qml, findings_sld


def test_each_colour_has_its_category_and_symbol() -> None:
    root = ElementTree.fromstring(findings_qml())  # noqa: S314
    renderer = root.find("renderer-v2")
    assert renderer is not None
    assert renderer.get("type") == "categorizedSymbol"
    categories = renderer.findall("categories/category")
    symbols = {symbol.get("name"): symbol for symbol in renderer.findall("symbols/symbol")}
    assert [category.get("value") for category in categories] == [str(number) for number in range(len(COLOURS))]
    for category, (red, green, blue) in zip(categories, COLOURS, strict=True):
        option = symbols[category.get("symbol")].find("layer/Option/Option[@name='outline_color']")
        assert option is not None
        assert option.get("value") == f"{red},{green},{blue},255"


def test_the_sld_names_the_layer() -> None:
    root = ElementTree.fromstring(findings_sld().encode())  # noqa: S314
    names = [element.text for element in root.iter("{http://www.opengis.net/se}Name")]
    assert names == ["findings"]
    parameters = {e.get("name"): e.text for e in root.iter("{http://www.opengis.net/se}SvgParameter")}
    assert parameters["stroke"] == "#e69f00"

"""XML that wants more than to be read."""

from pathlib import Path

import pytest

from remotereasoner.data.fields import FieldError
from remotereasoner.data.readers.safe_xml import read_xml


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "a.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_elements_attributes_and_text(tmp_path: Path) -> None:
    root = read_xml(written(tmp_path, '<?xml version="1.0"?><a><b k="v">x &amp; <c/>y</b><!-- no --></a>'))
    assert root.findtext("b") == "x & "
    assert root.find("b").attrib == {"k": "v"}


LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + k)} "{f"&{chr(97 + k)};" * 10}">' for k in range(12)
) + "]><a>&m;</a>"  # fmt: skip
HOSTILE = {
    "a billion laughs": LAUGHS,
    "external entity": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "external document type": '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>',
    "parameter entity": '<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]><a/>',
    "quadratic": f'<!DOCTYPE a [<!ENTITY x "{"x" * 10_000}">]><a>{"&x;" * 10_000}</a>',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_document_types_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(FieldError, match="document type"):
        read_xml(written(tmp_path, text))


def test_depth_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(FieldError, match="nested deeper"):
        read_xml(written(tmp_path, "<a>" * 10_000))


def test_size_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(FieldError, match="larger than"):
        read_xml(written(tmp_path, "<a>" + " " * (1 << 20) + "</a>"))


@pytest.mark.parametrize("text", ["", "<a>", "<a></b>", "plain", "<a>&unknown;</a>", b"<a>\xff</a>"])
def test_what_is_not_xml(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(FieldError, match="not XML"):
        read_xml(written(tmp_path, text))

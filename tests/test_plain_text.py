from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remotereasoner.plain_text import printable, well_formed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcödé, 漢字, עברית", "plain, ünïcödé, 漢字, עברית"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;cGF5bG9hZA==", ""),
        ("\x9b31mred", "red"),
        ("\x1bcreset", "reset"),
        ("a\tb\nc\r\nd\x00e\x08f\x7f", "a b c def"),
        ("\u202eevil\u202c \u2066x\u2069 \ufeff", "evil x "),
        ("\U0001f469\u200d\U0001f680", "\U0001f469\u200d\U0001f680"),
        ("[bold]not markup[/bold]", "[bold]not markup[/bold]"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_line_breaks_where_asked_for() -> None:
    assert printable("a\r\nb\nc\td", newlines=True) == "a\nb\nc d"


@given(st.text())
def test_nothing_that_commands_a_terminal_is_left(text: str) -> None:
    shown = printable(text)
    assert all(unicodedata.category(c)[0] != "C" or c in "\u200c\u200d" for c in shown)
    assert printable(shown) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_well_formed_text_can_be_encoded(text: str) -> None:
    kept = well_formed(text)
    assert kept.encode().decode() == kept
    assert well_formed(kept) == kept
    assert len(kept) <= len(text)


def test_what_is_well_formed_stays() -> None:
    assert well_formed("a\x00\U0001f681 漢") == "a\x00\U0001f681 漢"
    assert well_formed("\ud83d\ude81") == "\U0001f681"
    assert well_formed("\ud83d!") == "\ufffd!"

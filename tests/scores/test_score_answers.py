from __future__ import annotations

import pytest

from remotereasoner.scores.answers import answer_match, normalised_answer, number_of


@pytest.mark.parametrize(
    ("predicted", "accepted"),
    [
        ("Yes", ["yes"]),
        ("yes, there is.", ["Yes"]),
        ("Yes, two of them are moored", ["yes"]),
        ("There is.", ["yes"]),
        ("No, there isn't", ["no"]),
        ("not present", ["no"]),
        ("The answer is: Rural", ["rural"]),
        ("**rural**", ["Rural"]),
        ("a harbour", ["the harbour"]),
        ("the", ["The"]),
        ("It’s a port", ["it's a port"]),
        ("three", ["3"]),
        ("3", ["three"]),
        ("Twenty-one", ["21"]),
        ("twenty one ships", ["21"]),
        ("1,200", ["1200.0"]),
        ("12 ships", ["12"]),
        ("12 ships", ["12 ships"]),
        ("none", ["0"]),
        ("-3.50", ["-3.5"]),
        ("top left", ["bottom", "top-left", "top left"]),
        ("40%", ["40 %"]),
        ("７", ["7"]),
    ],
)
def test_the_same(predicted: str, accepted: list[str]) -> None:
    assert answer_match(predicted, accepted) == 1.0


@pytest.mark.parametrize(
    ("predicted", "accepted"),
    [
        ("yes and no", ["yes"]),
        ("no", ["yes"]),
        ("it is not", ["yes"]),
        ("yesterday", ["yes"]),
        ("12 ships", ["12 planes"]),
        ("12", ["12 m"]),
        ("12 or 13", ["12"]),
        ("13", ["12"]),
        ("b12", ["12"]),
        ("", ["x"]),
        ("   ", [""]),
        ("rural", []),
        ("urban", ["rural"]),
        ("1" * 50, ["1"]),
        ("rural " * 500, ["rural"]),
        ("top right", ["top left"]),
    ],
)
def test_not_the_same(predicted: str, accepted: list[str]) -> None:
    assert answer_match(predicted, accepted) == 0.0


def test_tolerance_is_of_the_accepted_number() -> None:
    assert answer_match("104", ["100"], relative_tolerance=0.05) == 1.0
    assert answer_match("106", ["100"], relative_tolerance=0.05) == 0.0
    assert answer_match("1", ["0"], relative_tolerance=0.5) == 0.0


def test_parts() -> None:
    assert normalised_answer("The final answer is:  Two  Ships.") == "2 ships"
    assert number_of("about ninety-nine") == 99.0 and number_of("no number") is None and number_of("1 to 2") is None

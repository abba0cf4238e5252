"""What licences allow."""

import pytest

from amb3r_core.models.amb3r.weights_licence import KNOWN, find_licence


@pytest.mark.parametrize(
    ("stated", "commercial"),
    [
        ("MIT", "allowed"),
        ("Apache-2.0", "allowed"),
        ("CC-BY-NC-4.0", "forbidden"),
        ("for non-commercial research", "forbidden"),
        ("ask me", "not granted"),
        ("vggt-1b-commercial", "allowed"),
        ("VGGT-1B", "forbidden"),
        (None, "not granted"),
    ],
)
def test_commercial_use_is_allowed_only_where_the_licence_says_so(stated: str | None, commercial: str) -> None:
    assert find_licence(stated, default="amb3r").commercial == commercial


def test_a_stated_licence_is_kept_in_its_words() -> None:
    assert find_licence("ask me", default="amb3r").text == "ask me"
    assert find_licence(None, default="vggt-1b") == KNOWN["vggt-1b"]


def test_without_a_known_default_nothing_is_granted() -> None:
    assert find_licence(None, default="other").commercial == "not granted"

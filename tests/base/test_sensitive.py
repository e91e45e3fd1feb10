"""What is looked for first spares time and changes nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from amx_tui.base.sensitive import _SENSITIVE, mask_sensitive

pieces = st.sampled_from(
    ["a@b.de", "https://me:pw@host/", "sk-abcdefgh12", "AKIAABCDEFGH1234", "eyJabcdefg.abc", "BEARER x",
     "basic dXNlcjpwdw", "Password=x1", "api_key=1", "DE89370400440532013000", "4111 1111 1111 1111",
     "123-45-6789", "+49 40 123456", "(040) 123456", "040 / 123456", "abcdefghijklmnopqrstuvwxyz1", " ",
     "\n", "ſecret=x", "٣٣٣-٣٣-٣٣٣٣", "BUKRS", "="]
)  # fmt: skip


@given(st.lists(pieces | st.text(max_size=6), max_size=12).map("".join))
def test_a_text_is_masked_as_if_everything_was_tried(text: str) -> None:
    masked = text
    for _, pattern, replace in _SENSITIVE:
        masked = pattern.sub(replace, masked)
    assert mask_sensitive(text) == masked

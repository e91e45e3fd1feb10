"""YAML as a tree that knows where each piece stands."""

from __future__ import annotations

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from amx_tui.base.yaml_text import plain_tag

_SIGNS = st.text("0123456789abefnotuxyzNOEZT_+-.:=<~ ", max_size=12)


@given(_SIGNS | st.sampled_from(["", "null", "YES", "<<", "=", "2024-01-01", "190:20:30", ".inf"]))
@example("")
def test_a_plain_text_is_taken_for_what_yaml_takes_it_for(text: str) -> None:
    resolver = yaml.resolver.Resolver()
    assert plain_tag(text) == resolver.resolve(yaml.ScalarNode, text, (True, False))

"""Takes a secret out of a text in which it stood as plain text, when it has moved into the keyring. It
knows where secrets stand, not how they moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from amx_tui.base.yaml_edits import Splice, apply, render
from amx_tui.base.yaml_text import Kind, Node
from amx_tui.config.fields import text_of
from amx_tui.config.file import entry_nodes, read_root
from amx_tui.config.model import ConfigProblem
from amx_tui.config.sections import SECTIONS

# A shorter secret may be a word that stands in the file for other reasons.
_LONG_ENOUGH = 8
_GONE = "…"


@dataclass(frozen=True, slots=True)
class Clear:
    """`secret` is replaced by `reference`."""

    secret: str = field(repr=False)
    reference: str


def cleared(text: str, clears: Sequence[Clear], *, below: str = "") -> str:
    """`text` with a reference wherever one of the secrets is the value of a secret setting, and without
    them anywhere else, such as in a comment. With `below`, only what stands below that key of the top
    level is changed. A text that is no valid YAML loses them all the same."""
    references = {clear.secret.strip(): clear.reference for clear in clears if clear.secret.strip()}
    if not references:
        return text
    try:
        root = read_root(text, "it")
    except ConfigProblem:
        root = None
    splices = []
    for node in _secrets(root, below) if root is not None else ():
        if text_of(node) in references and node.kind is Kind.SCALAR:
            anchor = f"&{node.anchor} " if node.anchor else ""
            reference = f"{anchor}{render(references[text_of(node)])}"
            end = node.end
            if node.style in ("|", ">"):
                # Such a text ends with its last line end, which stays.
                end -= len(text[node.start : end]) - len(text[node.start : end].rstrip("\r\n"))
            splices.append(Splice(node.start, end, reference))
    text = apply(text, splices)
    if not below:
        for secret in sorted(references, key=len, reverse=True):
            if len(secret) >= _LONG_ENOUGH:
                text = text.replace(secret, _GONE)
    return text


def twins(text: str, secret: str) -> list[str]:
    """The places of `text`, such as `llm_profiles.work`, that hold `secret` as plain text."""
    root = read_root(text, "it")
    top = root.mapping() if root is not None else {}
    return [
        f"{section.many}.{name}"
        for section in SECTIONS
        for name, node in entry_nodes(top, section).items()
        for setting, value in node.mapping().items()
        if setting in section.secrets and text_of(value) == secret.strip()
    ]


def _secrets(node: Node, below: str) -> Iterator[Node]:
    """The values of all settings that are secrets, at whatever depth."""
    names = {name for section in SECTIONS for name in section.secrets}
    waiting = [value for key, value in node.pairs if not below or key.resolved.text == below]
    if not below:
        waiting = [node]
    while waiting:
        inner = waiting.pop()
        waiting += inner.items
        for key, value in inner.pairs:
            if key.resolved.text in names:
                yield value
            waiting.append(value)

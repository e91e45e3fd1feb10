"""Reads the values of one mapping of a settings file, each with what it may be; what it may not be
becomes a problem with its key and line, and the rest is still there."""

from __future__ import annotations

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.base.yaml_text import Kind, Node
from amx_tui.config.model import ConfigProblem


def text_of(node: Node | None) -> str:
    """A scalar as it is written, without the white space around it; "" for null and for no scalar."""
    if node is None or node.is_null or node.resolved.kind is not Kind.SCALAR:
        return ""
    return node.resolved.text.strip()


def texts_of(node: Node | None) -> tuple[str, ...]:
    """The texts of a list, or the one text that stands in its place; what is no text is left out."""
    if node is None:
        return ()
    node = node.resolved
    items = node.items if node.kind is Kind.SEQUENCE else [node]
    return tuple(text for text in map(text_of, items) if text)


def unusable(name: str, where: str, node: Node, why: str, instead: str = "") -> ConfigProblem:
    """The entry `where` of the file called `name` cannot be used."""
    return ConfigProblem(
        f"{one_line(where, 120)} in {name}, line {node.line}, cannot be used",
        f"{why}; {instead}" if instead else why,
        f"Correct line {node.line} of {name}",
    )


class Fields:
    """The values of one mapping, each read with what it may be; what it may not be is noted."""

    def __init__(
        self,
        where: str,
        node: Node,
        name: str,
        problems: list[Problem],
        told: dict[str, str] | None = None,
    ) -> None:
        self.nodes = node.mapping()
        self._node = node
        self._where = where
        self._name = name
        self._problems = problems
        self._told = {} if told is None else told

    def _note(self, key: str, why: str, instead: str = "") -> None:
        node = self.nodes.get(key, self._node)
        self._told[key] = why
        self._problems.append(unusable(self._name, f"{self._where}.{key}", node, why, instead))

    def text(self, key: str, *, is_needed: bool = False) -> str:
        node = self.nodes.get(key)
        if node is not None and node.resolved.kind is not Kind.SCALAR:
            self._note(key, "It has to be one text")
            return ""
        text = text_of(node)
        if is_needed and not text:
            self._note(key, "It is missing")
        return text

    def number(
        self, key: str, usual: float, *, least: float, most: float, clamps: bool = False
    ) -> float:
        node = self.nodes.get(key)
        if node is None or node.is_null:
            return usual
        value = node.number
        if value is not None and clamps:
            value = min(max(value, least), most)
        if value is not None and least <= value <= most:
            return float(value)
        why = f"{_quoted(node)} is not a number from {least:g} to {most:g}"
        self._note(key, why, f"{usual:g} is used instead")
        return usual

    def whole(
        self, key: str, usual: int, *, least: int = 1, most: int | None = None, clamps: bool = False
    ) -> int:
        node = self.nodes.get(key)
        if node is None or node.is_null:
            return usual
        value = node.number
        if value is not None and clamps and most is not None:
            value = min(max(value, least), most)
        if value is not None and value == int(value) and least <= value <= (most or value):
            return int(value)
        limit = f" from {least} to {most}" if most else " above 0"
        self._note(
            key,
            f"{_quoted(node)} is not a whole number{limit}",
            f"{usual} is used instead" if usual else "it counts as not set",
        )
        return usual

    def choice(self, key: str, usual: str, choices: tuple[str, ...]) -> str:
        node = self.nodes.get(key)
        text = text_of(node)
        if node is None or not text or text in choices:
            return text or usual
        why = f"{_quoted(node)} is none of {', '.join(choices)}"
        self._note(key, why, f"{usual} is used instead")
        return usual

    def flag(self, key: str) -> bool | None:
        node = self.nodes[key]
        if node.truth is None:
            self._note(key, f"{_quoted(node)} is neither true nor false", "it counts as not set")
        return node.truth

    def rate(self, key: str) -> float | None:
        node = self.nodes.get(key)
        if node is None or node.is_null:
            return None
        value = node.number
        if value is not None and value >= 0:
            return float(value)
        self._note(key, f"{_quoted(node)} is not USD per million tokens", "it counts as not set")
        return None


def _quoted(node: Node) -> str:
    """What stands there, if it is short: a longer text may be a key in the wrong line."""
    node = node.resolved
    if node.kind is not Kind.SCALAR:
        return "What stands there"
    return f"“{one_line(node.text)}”" if len(node.text) <= 12 else "What stands there"

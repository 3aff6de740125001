"""Values of a YAML file from the events of a parser, without recursion."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

from onnx_roofline.base.text import MAX_KEY_CHARACTERS, shown
from onnx_roofline.base.yaml_nodes import Node, Problems

if TYPE_CHECKING:
    from yaml.events import Event

# Limits of a file that a person writes.
MAX_DEPTH = 32
MAX_NODES = 10_000


class _Frame:
    """A collection that is still open."""

    __slots__ = ("column", "entries", "has_key", "items", "key", "key_column", "key_line", "kind", "line", "path")

    def __init__(self, kind: Literal["mapping", "sequence"], line: int, column: int, path: str) -> None:
        self.kind, self.line, self.column, self.path = kind, line, column, path
        self.entries: dict[str, Node] = {}
        self.items: list[Node] = []
        self.key: str | None = None  # None with has_key: a key that was refused, whose value is dropped
        self.has_key = False
        self.key_line, self.key_column = line, column


class Builder:
    """Builds the node tree from parser events with a stack of its own, so that nesting can't exhaust Python's."""

    def __init__(self, problems: Problems, until: Collection[str] | None) -> None:
        self.problems = problems
        self.root: Node | None = None
        self.has_all = False  # the keys in `until`
        self._until = None if until is None else frozenset(until)
        self.line = self.column = 1
        self._stack: list[_Frame] = []
        self._nodes = 0
        self._documents = 0

    def take(self, event: "Event") -> bool:
        """Takes one event; False when reading on makes no sense (a problem says why)."""
        from yaml import events

        self.line = getattr(event.start_mark, "line", 0) + 1
        self.column = getattr(event.start_mark, "column", 0) + 1
        if isinstance(event, events.DocumentStartEvent):
            self._documents += 1
            return self._documents == 1 or self._stop("found a second document, wanted one; remove the '---' line")
        if isinstance(event, events.CollectionEndEvent):
            self._end()
            return True
        if not isinstance(event, events.NodeEvent):
            return True
        self._nodes += 1
        if self._nodes > MAX_NODES:
            return self._stop(f"found more than {MAX_NODES} values, wanted a file that a person wrote; shorten it")
        path = self._child_path()
        if isinstance(event, events.AliasEvent):
            self.problems.add(
                self.line, f"found the alias *{shown(event.anchor or '', quotes=False)}; write the value out"
            )
            self._complete(self._node("refused", path))
            return True
        if event.anchor is not None:
            self.problems.add(self.line, f"found the anchor &{shown(event.anchor, quotes=False)}; write the value out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.problems.add(self.line, f"found the tag {shown(tag)}; values need no tag, remove it")
        if isinstance(event, events.ScalarEvent):
            self._complete(self._node("scalar", path, event.value, is_quoted=bool(event.style)))
            return True
        if len(self._stack) >= MAX_DEPTH:
            return self._stop(f"found values nested over {MAX_DEPTH} deep, wanted at most that; flatten the file")
        kind: Literal["mapping", "sequence"] = "mapping" if isinstance(event, events.MappingStartEvent) else "sequence"
        line, column = self._key_place() if self._stack and self._stack[-1].has_key else (self.line, self.column)
        self._stack.append(_Frame(kind, line, column, path))
        return True

    def _node(self, kind: Literal["scalar", "refused"], path: str, text: str = "", *, is_quoted: bool = False) -> Node:
        place = (self.column, *self._key_place())
        return Node(kind, self.line, path, self.problems, text, is_quoted, {}, (), *place)

    def _key_place(self) -> tuple[int, int]:
        """Line and column of the key whose value comes next; zeros in a list, and at the root."""
        if not self._stack or not self._stack[-1].has_key:
            return 0, 0
        return self._stack[-1].key_line, self._stack[-1].key_column

    def _stop(self, message: str) -> bool:
        self.problems.add(self.line, message)
        return False

    def _child_path(self) -> str:
        if not self._stack:
            return ""
        parent = self._stack[-1]
        if parent.kind == "sequence":
            return f"{parent.path}[{len(parent.items)}]"
        if not parent.has_key:
            return parent.path
        key = parent.key if parent.key is not None else "?"
        return f"{parent.path}.{key}" if parent.path else key

    def _end(self) -> None:
        frame = self._stack.pop()
        items, place = tuple(frame.items), (frame.column, *self._key_place())
        node = Node(frame.kind, frame.line, frame.path, self.problems, "", False, frame.entries, items, *place)
        self._complete(node)

    def _complete(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        if parent.kind == "sequence":
            parent.items.append(node)
        elif not parent.has_key:
            parent.key, parent.has_key = self._key(node, parent), True
            parent.key_line, parent.key_column = node.line, node.column
        else:
            if parent.key is not None:
                parent.entries[parent.key] = node
            parent.has_key = False
            if self._until is not None and len(self._stack) == 1 and self._until <= parent.entries.keys():
                self.has_all = True
                self._end()

    def _key(self, node: Node, parent: _Frame) -> str | None:
        """The text of a key, or None when the key is refused."""
        if node.kind == "refused":
            return None
        if node.kind != "scalar" or not node.characters:
            return self._refuse_key(node, f"found {node._found()} as a key, wanted a text")
        key = node.characters
        if key == "<<" and not node.quoted:
            return self._refuse_key(node, "found the merge key <<; write the entries out")
        if len(key) > MAX_KEY_CHARACTERS or not key.isprintable():
            return self._refuse_key(
                node, f"found the key {shown(key)}, wanted up to {MAX_KEY_CHARACTERS} printable characters"
            )
        if key in parent.entries:
            first = parent.entries[key].line
            return self._refuse_key(
                node, f"found the key {shown(key)} again (first at line {first}); keep one of the two"
            )
        return key

    def _refuse_key(self, node: Node, message: str) -> str | None:
        self.problems.add(node.line, message)
        return None

"""Reuse distances in bytes: how much else was touched since a tensor was last touched, each other tensor once."""


class StackDistances:
    """Touches tensors one after another; a Fenwick tree over time holds each tensor's bytes at its last touch.

    >>> distances = StackDistances()
    >>> [distances.touch(name, size) for name, size in (("a", 10), ("b", 5), ("b", 5), ("a", 10))]
    [None, None, 0, 5]
    """

    def __init__(self) -> None:
        self._tree: list[int] = [0]
        self._last: dict[str, tuple[int, int]] = {}
        self._total = 0

    def touch(self, name: str, size: int) -> int | None:
        """Bytes of the other tensors touched since `name` was; None at its first touch. O(log touches)."""
        previous = self._last.get(name)
        distance = None
        if previous is not None:
            position, old = previous
            distance = self._total - self._sum_to(position)
            self._add(position, -old)
        position = self._append(size)
        self._last[name] = (position, size)
        return distance

    def _append(self, size: int) -> int:
        """Add a time step that holds `size`; its node covers the steps that a Fenwick node at its index covers."""
        index = len(self._tree)
        below, step = 0, 1
        while step < (index & -index):
            below += self._tree[index - step]
            step *= 2
        self._tree.append(size + below)
        self._total += size
        return index

    def _add(self, index: int, delta: int) -> None:
        self._total += delta
        while index < len(self._tree):
            self._tree[index] += delta
            index += index & -index

    def _sum_to(self, index: int) -> int:
        result = 0
        while index:
            result += self._tree[index]
            index -= index & -index
        return result

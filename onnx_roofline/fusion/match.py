"""Where a template matches in a view, and whether what it matches may become one kernel."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from onnx_roofline.fusion.groups import Groups
from onnx_roofline.fusion.scope_view import ABSENT, ScopeView
from onnx_roofline.fusion.template import Template
from onnx_roofline.ir.records import KernelRole

_COMMUTATIVE = frozenset({"Add", "Mul", "Sum", "Max", "Min", "And", "Or"})
# Relative distance of a constant from the number that a template has: literals are rounded to float16 and shortened.
_TOLERANCE = 2e-3
# Readings of one template at one op that are tried: optional ops and operand orders multiply.
_MAX_READINGS = 32

# Nodes matched so far and tensors by the names that the template gives them.
_Found = tuple[tuple[int, ...], Mapping[str, int]]


class Matcher:
    """Matching in one view; only ops that are still alone can be matched."""

    def __init__(self, view: ScopeView, groups: Groups, *, through_reshapes: bool) -> None:
        self.view, self.groups, self.through_reshapes = view, groups, through_reshapes

    def apply(
        self,
        name: str,
        template: Template,
        candidates: Mapping[str, list[int]],
        *,
        keeps_inner: bool,
        role: KernelRole | None = None,
    ) -> None:
        """Makes a kernel of every place where the template matches, last places first, and notes refusals."""
        if not all(needed & candidates.keys() for needed in template.needed_types()):
            return
        anchors = sorted({node for kind in template.first_types() for node in candidates.get(kind, ())}, reverse=True)
        for anchor in anchors:
            if not self.groups.is_alone(anchor) or self.view.barrier[anchor]:
                continue
            reasons: dict[str, int] = {}
            for nodes, _ in islice(self._at_node(template, anchor, ((), {})), _MAX_READINGS):
                if len(nodes) < 2:
                    continue
                reason = "" if keeps_inner else self._read_elsewhere(nodes, anchor)
                if not reason:
                    reason = self.groups.merge(nodes, name, role)
                    reason = f"{name} at {self.view.label(anchor)} not fused: {reason}" if reason else ""
                    if not reason:
                        break
                reasons.setdefault(reason, anchor)
            for reason, node in reasons.items():
                self.groups.refuse(node, reason)

    def _read_elsewhere(self, nodes: tuple[int, ...], anchor: int) -> str:
        """Which inner result something outside needs, or ""."""
        view, inside = self.view, set(nodes)
        for node in nodes:
            if node == anchor:
                continue
            for tensor in view.outputs[node]:
                if tensor in view.kept:
                    return f"{view.label(node)} not fused: its result is an output of the graph"
                outside = next((reader for reader in view.readers[tensor] if reader not in inside), None)
                if outside is not None:
                    return f"{view.label(node)} not fused: its result is also read by {view.label(outside)}"
        return ""

    def _at_node(self, template: Template, node: int, found: _Found) -> Iterator[_Found]:
        """Readings of a template that ends with this node."""
        if template.kind == "choice":
            for arg in template.args:
                yield from self._at_node(arg, node, found)
        elif template.kind == "op":
            yield from self._at_node_exactly(template, node, found)
            if template.optional:
                yield from self._at_node(template.args[0], node, found)

    def _operands(self, template: Template, node: int, found: _Found) -> Iterator[_Found]:
        args = template.args
        inputs = self.view.inputs[node]
        if len(args) > len(inputs):
            return
        if self._fit(args, inputs):
            yield from self._in_order(args, range(len(args)), node, found)
        is_commutative = len(args) == 2 and len(inputs) == 2 and self.view.types[node] in _COMMUTATIVE
        if is_commutative and self._fit(args, inputs[::-1]):
            yield from self._in_order(args, range(1, -1, -1), node, found)

    def _fit(self, args: tuple[Template, ...], tensors: tuple[int, ...]) -> bool:
        """Whether the ops that make these operands are of types that the templates can end with."""
        view = self.view
        for arg, tensor in zip(args, tensors, strict=False):
            wanted = arg.last_types
            if wanted is not None:
                producer = view.producer[tensor] if tensor != ABSENT else ABSENT
                if producer == ABSENT or view.types[producer] not in wanted:
                    return False
        return True

    def _in_order(self, args: tuple[Template, ...], slots: range, node: int, found: _Found) -> Iterator[_Found]:
        """Readings in which each template matches the operand at its slot."""
        if not args:
            yield found
            return
        for first in self._at_operand(args[0], node, slots[0], found):
            yield from self._in_order(args[1:], slots[1:], node, first)

    def _at_operand(self, template: Template, node: int, slot: int, found: _Found) -> Iterator[_Found]:
        tensor = self.view.inputs[node][slot]
        if tensor == ABSENT:
            return
        if template.kind == "any":
            yield found
        elif template.kind == "constant":
            if self._is_constant(template, node, slot, tensor):
                yield found
        elif template.kind == "same":
            known = found[1].get(template.name)
            if known not in (None, tensor):
                return
            named = found if known is not None else (found[0], {**found[1], template.name: tensor})
            if template.args:
                yield from self._at_operand(template.args[0], node, slot, named)
            else:
                yield named
        elif template.kind == "choice":
            for arg in template.args:
                yield from self._at_operand(arg, node, slot, found)
        else:
            producer = self.view.producer[tensor]
            # The type first: few producers are of the one that is wanted.
            if producer != ABSENT and self.view.types[producer] in template.types and self._is_free(producer):
                open_ = self.through_reshapes or template.across or not self.view.reshaped[node][slot]
                if open_:
                    yield from self._at_node_exactly(template, producer, found)
            if template.optional:
                yield from self._at_operand(template.args[0], node, slot, found)

    def _at_node_exactly(self, template: Template, node: int, found: _Found) -> Iterator[_Found]:
        if self.view.types[node] in template.types and _check(template.check, self.view, node):
            nodes = found[0] if node in found[0] else (*found[0], node)
            yield from self._operands(template, node, (nodes, found[1]))

    def _is_free(self, node: int) -> bool:
        return not self.view.barrier[node] and self.groups.is_alone(node)

    def _is_constant(self, template: Template, node: int, slot: int, tensor: int) -> bool:
        row = self.view.rows[node]
        value, kind = row.values[slot], row.inputs[slot]
        if value is None and not self.view.constant[tensor]:
            return False
        if template.value is not None:
            if value is None or value.size != 1:
                return False
            return abs(float(value.reshape(())) - template.value) <= _TOLERANCE * abs(template.value)
        if template.name and (kind is None or kind.elements is None):
            return False
        assert kind is not None or not template.name
        if template.name == "s":
            return kind is not None and kind.elements == 1
        if template.name == "v":
            return kind is not None and len(kind.dims) <= 2 and sum(dim != 1 for dim in kind.dims) <= 1
        return True


def _check(name: str, view: ScopeView, node: int) -> bool:
    return not name or CHECKS[name](view, node)


def _read_by_product(view: ScopeView, node: int) -> bool:
    """A Transpose that a matrix product can read through: of rows and columns, or of rows and the batch before them.

    Source: com.microsoft FusedMatMul-1, transA and transBatchA.
    """
    order = view.rows[node].op.attributes.get("perm")
    kind = view.input_type(node, 0)
    if order is None and kind is not None and kind.shape is not None:
        order = tuple(reversed(range(len(kind.shape))))
    if not isinstance(order, tuple) or len(order) < 2:
        return False
    last = len(order) - 1
    return order in (
        (*range(last - 1), last, last - 1),
        (*range(1, last), 0, last),
        (*range(1, last), last, 0),
    )


def _unmeasured(view: ScopeView, node: int) -> bool:
    """No op asks for the shape of the result, which would keep it in place."""
    return not any(tensor in view.measured for tensor in view.outputs[node])


def _scales(view: ScopeView, node: int) -> bool:
    """Not a multiplication or division by one."""
    values = [value for value in view.rows[node].values if value is not None and value.size == 1]
    return not any(float(value.reshape(())) == 1 for value in values)


def _same_shapes(view: ScopeView, node: int) -> bool:
    """Two operands of one shape, neither of them a constant: the addition of a skip connection."""
    kinds = view.rows[node].inputs
    return len(kinds) == 2 and kinds[0] == kinds[1] and not any(view.constant[tensor] for tensor in view.inputs[node])


def _reduces_last_axis(view: ScopeView, node: int) -> bool:
    """A reduction over the last axis alone, as the attribute or the input of later opsets says."""
    row = view.rows[node]
    axes = row.op.attributes.get("axes")
    if axes is None and len(row.values) > 1 and row.values[1] is not None:
        axes = tuple(int(axis) for axis in row.values[1].reshape(-1))
    kind = row.inputs[0]
    return kind is not None and kind.shape is not None and axes in ((-1,), (len(kind.shape) - 1,))


def _matrices(view: ScopeView, node: int) -> bool:
    """Operands of two axes, as Gemm takes them."""
    return all(kind is not None and kind.is_known and len(kind.dims) == 2 for kind in view.rows[node].inputs)


def _per_channel(view: ScopeView, node: int) -> bool:
    """One operand is a scalar, [C, 1, 1] or [1, C, 1, 1] beside [N, C, H, W]: a convolution takes it in."""
    kinds, result = view.rows[node].inputs, view.rows[node].outputs[0]
    if not result.is_known or len(result.dims) < 3:
        return False
    channel, rest = result.dims[1], (1,) * (len(result.dims) - 2)
    return any(
        kind is not None and kind.is_known and kind.dims in ((), (channel, *rest), (1, channel, *rest))
        for kind in kinds
    )


CHECKS: Mapping[str, Callable[[ScopeView, int], bool]] = {
    "product": _read_by_product,
    "scales": _scales,
    "unmeasured": _unmeasured,
    "skip": _same_shapes,
    "last_axis": _reduces_last_axis,
    "matrices": _matrices,
    "channel": _per_channel,
}

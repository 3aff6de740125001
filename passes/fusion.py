"""Fusion: which ops one device kernel executes together, as a given backend would have it.

Views and folded Q and DQ ops are taken out first, so that an edge leads from the op that computes a tensor to the op
that uses it. Then the backend's named patterns are matched in its order, and what is left fuses by the general rule,
if the backend has one. Kernels never wait for each other in a circle.

Ignores what depends on the device: registers and shared memory that a large kernel would run out of.
"""

from collections.abc import Sequence
from itertools import islice
from typing import ClassVar

from msgspec import Struct

from onnx_roofline.fusion.backends import Backend
from onnx_roofline.fusion.general import fuse_generally
from onnx_roofline.fusion.groups import Groups
from onnx_roofline.fusion.kinds import CONTRACTION, REDUCTION, node_kinds
from onnx_roofline.fusion.match import Matcher
from onnx_roofline.fusion.roles import role_of
from onnx_roofline.fusion.scope_view import ScopeView, views_by_scope
from onnx_roofline.fusion.siblings import join_no_ops, join_slices
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.records import Folding, Kernel, KernelRole, TypedOp, Work
from onnx_roofline.memory.kv_caches import InPlace
from onnx_roofline.ops.cost.lookup import traits_of

NO_KERNEL = Kernel("")
_ALONE = "alone"
# Reasons that one kernel keeps; a kernel of many ops borders on many.
_MAX_REFUSED = 8


class FusionPass(Struct, frozen=True):
    """Groups the compute ops of each scope into kernels; ops of different scopes are never in one."""

    backend: Backend

    name: ClassVar[str] = "fusion"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Folding, Work, InPlace)
    produces: ClassVar[type] = Kernel

    def run(self, model: Model) -> PassResult:
        """A Kernel for every row; all members of a kernel hold the same record."""
        found: dict[str, Kernel] = {}
        works, in_place = model.column(Work), model.column(InPlace)
        for view in views_by_scope(model).values():
            kinds = node_kinds(view, self.backend.kinds)
            groups = self._fused(view, kinds)
            for place, members in groups.members.items():
                if len(members) == 1 and self.backend.appends_in_place and in_place[view.keys[place]].is_view:
                    continue
                # An op that runs bodies is a kernel only if it does something of its own beside them.
                if not view.barrier[place] or works[view.keys[place]].moves_data:
                    kernel = _kernel(view, groups, place, members, kinds)
                    found.update((view.keys[node], kernel) for node in members)
        return PassResult({key: found.get(key, NO_KERNEL) for key in model.column(TypedOp)})

    def _fused(self, view: ScopeView, kinds: Sequence[int]) -> Groups:
        backend = self.backend
        groups = Groups(view, backend.max_group)
        matcher = Matcher(view, groups, through_reshapes=backend.through_reshapes)
        candidates: dict[str, list[int]] = {}
        for node, kind in enumerate(view.types):
            candidates.setdefault(kind, []).append(node)
        for pattern in backend.patterns:
            for template in pattern.templates:
                matcher.apply(pattern.name, template, candidates, keeps_inner=pattern.keeps_inner, role=pattern.role)
            if pattern.procedure == "slices":
                join_slices(view, groups, candidates, pattern.name)
            elif pattern.procedure == "no_ops":
                join_no_ops(view, groups, candidates, pattern.name)
        if backend.general_rule == "tvm":
            fuse_generally(view, groups, kinds, residual_add=backend.residual_add)
        return groups


def _kernel(view: ScopeView, groups: Groups, place: int, members: list[int], kinds: Sequence[int]) -> Kernel:
    return Kernel(
        id=view.keys[_root(members, kinds)],
        members=tuple(view.keys[node] for node in members),
        pattern=groups.patterns.get(place, _ALONE),
        refused=tuple(islice(groups.refused.get(place, ()), _MAX_REFUSED)),
        role=_role(view, groups, place, members),
    )


def _role(view: ScopeView, groups: Groups, place: int, members: list[int]) -> KernelRole:
    """What the pattern states, else what the members do; a lone op may be a whole attention."""
    if len(members) == 1:
        return "attention" if traits_of(view.rows[members[0]].op).attends else "none"
    stated = groups.roles.get(place)
    return role_of(view, members) if stated is None else stated


def _root(members: list[int], kinds: Sequence[int]) -> int:
    """The first contraction, else the first reduction, else the last member."""
    if len(members) == 1:
        return members[0]
    for wanted in (CONTRACTION, REDUCTION):
        for node in members:
            if kinds[node] == wanted:
                return node
    return members[-1]

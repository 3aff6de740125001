"""The ops, tensors and kernels of an analysis as records of the JSON, a row at a time."""

from collections.abc import Iterator
from fractions import Fraction

from msgspec import UNSET

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.graph import Graph, TensorType, op_reads
from onnx_roofline.ir.open_records import OpenBodies
from onnx_roofline.ir.placed_records import DeviceTime, Placement, Roof, Roofline, Together
from onnx_roofline.ir.records import (
    Body,
    Counts,
    Executions,
    Kernel,
    Live,
    Moved,
    Reuse,
    Traffic,
    TypedOp,
    Work,
    op_status,
    total,
)
from onnx_roofline.report import contract
from onnx_roofline.report.alternative_records import flip_record, split_record, vectors_record
from onnx_roofline.what_if.alternatives import Alternatives


class GraphRecords:
    """The graphs of one analysis; nothing is kept, every row is made when it is asked for."""

    def __init__(self, analysis: Analysis) -> None:
        self.model = analysis.model
        self.dtype = analysis.settings.float_dtype
        self.weights = analysis.summary.weights
        self.primary = analysis.system.gpu.slug
        self.open = {one.key: one for one in self.model.whole(OpenBodies).found}
        self.alternatives = Alternatives(analysis)
        self.is_full = analysis.settings.pim_model == "full"
        self.scopes: dict[str, dict[str, TypedOp]] = {}
        for key, row in self.model.column(TypedOp).items():
            self.scopes.setdefault(row.scope, {})[key] = row

    def functions(self) -> dict[str, contract.Function]:
        """Each function once for each signature, with how often its body runs."""
        called = {
            body.scope: row.op.function
            for row in self.model.column(TypedOp).values()
            for body in row.bodies
            if row.op.function is not None
        }
        executions = self.model.column(Executions)
        found: dict[str, contract.Function] = {}
        for scope, key in called.items():
            assert key is not None
            graph = self.model.functions[key].graph
            first = next(iter(self.scopes.get(scope, {})), None)
            found[scope] = contract.Function(
                function=key,
                executions=_number(executions[first].count) if first is not None else 0,
                tensors=dict(self.tensors(graph, scope)),
                graph=self.graph(graph, scope),
            )
        return found

    def tensors(self, graph: Graph, scope: str) -> Iterator[tuple[str, contract.Tensor]]:
        """(name, tensor) of one graph: inputs, stored tensors, then op outputs in order, each name once."""
        produced = {name for row in self.scopes.get(scope, {}).values() for name in row.op.outputs if name}
        for graph_input in graph.inputs:
            if graph_input.name not in graph.stored and graph_input.name not in produced:
                yield graph_input.name, _tensor(graph_input.type.at_width_of(self.dtype), "input")
        for name, stored in graph.stored.items():
            if name not in produced:
                role = "weight" if self.weights.holds(stored) else "constant"
                yield name, _tensor(stored.type.at_width_of(self.dtype), role)
        outputs = {output.name for output in graph.outputs}
        for row in self.scopes.get(scope, {}).values():
            for name, kind in zip(row.op.outputs, row.outputs, strict=True):
                if name:
                    role = "output" if name in outputs else "activation" if row.role == "compute" else "constant"
                    yield name, _tensor(kind, role)

    def graph(self, graph: Graph, scope: str, *, is_empty: bool = False) -> contract.Graph:
        """networkx node-link data of one graph; bodies of control flow are nested graphs, as deep as the limit."""
        return contract.Graph(
            directed=True,
            multigraph=True,
            graph=contract.GraphName(graph.name),
            nodes=() if is_empty else tuple(self.nodes(scope)),
            edges=() if is_empty else tuple(self.edges(scope)),
        )

    def nodes(self, scope: str) -> Iterator[contract.Node]:
        """The ops of one scope in order."""
        return map(self.node, self.scopes.get(scope, {}))

    def edges(self, scope: str) -> Iterator[contract.Edge]:
        """A producer and a reader of each tensor that ops of one scope hand on."""
        rows = self.scopes.get(scope, {})
        producers = {name: key for key, row in rows.items() for name in row.op.outputs if name}
        for key, row in rows.items():
            for name in dict.fromkeys(op_reads(row.op)):
                if name in producers:
                    yield contract.Edge(producers[name], key, name)

    def node(self, key: str) -> contract.Node:
        """An op by its row id, with the graphs that it runs."""
        row, model = self.model.column(TypedOp)[key], self.model
        op, executions, kernel = row.op, model.column(Executions)[key], model.column(Kernel)[key]
        roofs, held = model.column(Roofline)[key].devices, self.weights.of((key,))
        return contract.Node(
            id=key,
            name=op.name,
            op_type=op.op_type,
            domain=op.domain,
            inputs=tuple(op.inputs),
            outputs=tuple(op.outputs),
            module=op.module,
            role=row.role,
            shape_only=row.role == "shape_only",
            status=op_status(model.column(Work)[key], model.column(Traffic)[key], executions),
            executions=_number(executions.count),
            executions_origin=executions.origin,
            parameters=held.parameters,
            weight_bytes=held.weight_bytes,
            work=_work(model.column(Work)[key]),
            traffic=self._traffic(key, kernel),
            kernel=kernel.id or None,
            roofline={slug: _roof(roof) for slug, roof in roofs.items()},
            placement=self.placement(key),
            bodies=tuple(self._body(key, row, body, executions) for body in row.bodies) if row.bodies else UNSET,
            note=row.note or UNSET,
        )

    def _traffic(self, key: str, kernel: Kernel) -> contract.Traffic:
        traffic = self.model.column(Traffic)[key]
        moved_bytes: int | None = 0
        if kernel.id == key:
            moved = self.model.column(Reuse)[key].devices.get(self.primary)
            moved_bytes = None if moved is None else moved.moved_bytes
        return contract.Traffic(
            read_bytes=traffic.read_bytes,
            write_bytes=traffic.write_bytes,
            naive_bytes=traffic.naive_bytes,
            compulsory_bytes=traffic.compulsory_bytes,
            fused_away=tuple(contract.FusedAway(s.tensor, s.bytes, s.rule) for s in traffic.savings),
            moved_bytes=moved_bytes,
            live_bytes=self.model.column(Live)[key].bytes,
        )

    def placement(self, key: str) -> contract.Placement:
        """Where an op runs, why, and at the root of a kernel what would change that."""
        placement, others = self.model.column(Placement)[key], self.alternatives
        is_root = key in others
        return contract.Placement(
            device=placement.device,
            reason=placement.reason,
            decision=placement.decision,
            explanation=placement.explanation,
            time_s=placement.time_s,
            transfer_s=placement.transfer_s,
            regret=placement.regret,
            with_splits=None if placement.with_splits is None else _with_splits(placement.with_splits),
            devices={slug: _device_time(entry) for slug, entry in placement.devices.items()},
            vectors=vectors_record(others.vectors(key)) if is_root else None,
            flips=tuple(map(flip_record, others.flips(key))) if is_root else (),
            split=split_record(others.split(key)[0]) if is_root else None,
        )

    def kernels(self) -> Iterator[contract.Kernel]:
        """Every kernel in order."""
        for key, kernel in self.model.column(Kernel).items():
            if kernel.id == key:
                yield self.kernel(key)

    def kernel(self, root: str) -> contract.Kernel:
        """A kernel with its members, its three traffic figures and what was not fused at its border."""
        model, kernel = self.model, self.model.column(Kernel)[root]
        traffics = model.column(Traffic)
        parts = [traffics[member] for member in kernel.members]
        return contract.Kernel(
            id=root,
            pattern=kernel.pattern,
            members=kernel.members,
            executions=_number(model.column(Executions)[root].count),
            naive_bytes=total([part.naive_bytes for part in parts]),
            compulsory_bytes=total([part.compulsory_bytes for part in parts]),
            fused_away_bytes=sum(part.fused_away_bytes for part in parts),
            devices={
                slug: _on_device(moved, self._full_time(root, slug))
                for slug, moved in model.column(Reuse)[root].devices.items()
            },
            refused=kernel.refused,
        )

    def _full_time(self, root: str, slug: str) -> DeviceTime | None:
        """A kernel's time under the full model; None where another was asked for or nothing is placed."""
        return self.alternatives.times(root).get(slug) if self.is_full else None

    def _body(self, key: str, row: TypedOp, body: Body, executions: Executions) -> contract.Body:
        """A body with its multiplicity per run of its op; None where an If's choice is open and the body is empty."""
        repeat = body.repeat
        first = next(iter(self.scopes.get(body.scope, {})), None)
        if repeat is None and first is not None and executions.count:
            repeat = Fraction(self.model.column(Executions)[first].count) / Fraction(executions.count)
        graph = row.op.bodies[body.attribute] if row.op.function is None else None
        return contract.Body(
            attribute=body.attribute,
            scope=body.scope,
            multiplicity=None if repeat is None else _number(repeat),
            origin=self.open[key].origin if key in self.open else body.origin,
            tensors=UNSET if graph is None else dict(self.tensors(graph, body.scope)),
            graph=UNSET if graph is None else self.graph(graph, body.scope),
        )


def _tensor(kind: TensorType, role: str) -> contract.Tensor:
    is_plain = kind.container == "tensor"
    return contract.Tensor(
        dtype=kind.dtype or None,
        shape=kind.shape,
        bytes=kind.bytes,
        kind=role,  # type: ignore[arg-type]
        origin=UNSET if kind.is_sure else "assumed" if kind.assumed else "data",
        container=UNSET if is_plain else kind.container,  # type: ignore[arg-type]
        length=UNSET if is_plain else kind.length,
    )


def counts_record(counts: Counts) -> contract.Counts:
    """Operations by class."""
    return contract.Counts(
        macs=counts.macs,
        adds=counts.adds,
        muls=counts.muls,
        divs=counts.divs,
        compares=counts.compares,
        transcendentals=counts.transcendentals,
        int_ops=counts.int_ops,
        bit_ops=counts.bit_ops,
    )


def _work(work: Work) -> contract.Work:
    counts = work.counts
    return contract.Work(
        status=work.status,
        rule=work.rule or None,
        note=work.note,
        macs=None if counts is None else counts.macs,
        flops=None if counts is None else counts.flops,
        counts=None if counts is None else counts_record(counts),
        compute_dtype=work.compute_dtype or None,
        read_elements=work.reads,
        write_elements=work.writes,
        moves_data=work.moves_data,
        sequential_steps=work.sequential_steps,
        contractions=tuple(
            contract.Contraction(
                batch=c.batch,
                m=c.m,
                n=c.n,
                k=c.k,
                kernel=c.kernel,
                strides=c.strides,
                dilations=c.dilations,
                images=c.images,
            )
            for c in work.contractions
        ),
    )


def _device_time(entry: DeviceTime) -> contract.DeviceTime:
    return contract.DeviceTime(
        time_s=entry.time_s,
        energy_j=entry.energy_j,
        bound=entry.bound,  # type: ignore[arg-type]
        reason=entry.reason,
        in_part=entry.in_part,
        explanation=entry.explanation,
        engines=dict(entry.engines),
        launch_s=entry.launch_s,
        low_s=entry.low_s,
        high_s=entry.high_s,
        origin=entry.origin,
    )


def _with_splits(how: Together) -> contract.WithSplits:
    return contract.WithSplits(
        kind=how.kind,
        kernels=how.kernels,
        devices=how.devices,
        time_s=how.time_s,
        gpu_share=how.gpu_share,
        axis=how.axis or None,  # type: ignore[arg-type]
    )


def _on_device(moved: Moved, entry: DeviceTime | None) -> contract.KernelOnDevice:
    is_timed = entry is not None and entry.time_s is not None
    return contract.KernelOnDevice(
        moved_bytes=moved.moved_bytes,
        refetched_bytes=moved.refetched_bytes,
        resident_bytes=moved.resident_bytes,
        resident_at_best_bytes=moved.resident_at_best_bytes,
        reasons=moved.reasons,
        time_s=None if entry is None else entry.time_s,
        low_s=None if entry is None else entry.low_s,
        high_s=None if entry is None else entry.high_s,
        origin=None if entry is None else entry.origin,
        engines={} if entry is None else dict(entry.engines),
        bound=None if entry is None else entry.bound,  # type: ignore[arg-type]
        launch_s=entry.launch_s if entry is not None and is_timed else None,
    )


def moved_record(moved: Moved) -> contract.DeviceMoved:
    """What a device's on-chip memory makes of compulsory bytes."""
    return contract.DeviceMoved(
        moved_bytes=moved.moved_bytes,
        refetched_bytes=moved.refetched_bytes,
        resident_bytes=moved.resident_bytes,
        resident_at_best_bytes=moved.resident_at_best_bytes,
        reasons=moved.reasons,
    )


def _roof(roof: Roof) -> contract.Roof:
    return contract.Roof(
        supported=roof.supported,
        reason=roof.reason,
        intensity=roof.intensity,
        ridge=roof.ridge,
        attainable_flops_per_s=roof.attainable_flops_per_s,
        compute_time_s=roof.compute_time_s,
        memory_time_s=roof.memory_time_s,
        launch_time_s=roof.launch_time_s,
        total_time_s=roof.total_time_s,
        bound=roof.bound,
        moved_bytes=roof.moved_bytes,
        time_low_s=roof.time_low_s,
        time_high_s=roof.time_high_s,
        bound_is_stable=roof.bound_is_stable,
    )


def _number(value: int | Fraction) -> int | float:
    """A whole fraction as an exact integer, another as a float."""
    return value.numerator if value.denominator == 1 else float(value)

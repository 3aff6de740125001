"""The annotated graph as JSON: deterministic byte for byte, no NaN, integers exact."""

from collections.abc import Iterator

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.analysis.summary import Summary
from onnx_roofline.ir.open_records import dims_of
from onnx_roofline.ir.placed_records import Certainty, Energy, PlacementSummary
from onnx_roofline.report import contract
from onnx_roofline.report.caches import caches_record
from onnx_roofline.report.encoding import encode
from onnx_roofline.report.footprint import memory_record
from onnx_roofline.report.graph_records import GraphRecords, counts_record, moved_record
from onnx_roofline.report.system import system_record


def build_document(analysis: Analysis) -> contract.AnnotatedGraph:
    """The whole document; its graph as JSON is what `networkx.node_link_graph(graph, edges="edges")` reads."""
    rows = GraphRecords(analysis)
    main = analysis.model.graph
    return _document(analysis, rows, dict(rows.tensors(main, "")), rows.graph(main, ""), tuple(rows.kernels()))


def write_document(analysis: Analysis) -> Iterator[str]:
    """The document as text: one line for each top-level member, and one for each node, edge, tensor and kernel.

    Rows are made one at a time: the text needs no more memory than the longest of them.
    """
    rows = GraphRecords(analysis)
    main = analysis.model.graph
    whole = _document(analysis, rows, {}, rows.graph(main, "", is_empty=True), ())
    opening = "{\n"
    for name in whole.__struct_fields__:
        yield f"{opening}{encode(name)}:"
        opening = ",\n"
        if name == "tensors":
            yield from _lines("{", (f"{encode(tensor)}:{encode(kind)}" for tensor, kind in rows.tensors(main, "")), "}")
        elif name == "graph":
            # The two lists are empty: they come last.
            yield encode(whole.graph).removesuffix('"nodes":[],"edges":[]}') + '"nodes":'
            yield from _lines("[", map(encode, rows.nodes("")), "]")
            yield ',"edges":'
            yield from _lines("[", map(encode, rows.edges("")), "]}")
        elif name == "kernels":
            yield from _lines("[", map(encode, rows.kernels()), "]")
        else:
            yield encode(getattr(whole, name))
    yield "\n}\n"


def _lines(opening: str, rows: Iterator[str], closing: str) -> Iterator[str]:
    before = opening + "\n"
    for row in rows:
        yield before + row
        before = ",\n"
    yield ("\n" if before == ",\n" else opening) + closing


def _document(
    analysis: Analysis,
    rows: GraphRecords,
    tensors: dict[str, contract.Tensor],
    graph: contract.Graph,
    kernels: tuple[contract.Kernel, ...],
) -> contract.AnnotatedGraph:
    """The document around the rows of the main graph."""
    model, summary = analysis.model, analysis.summary
    return contract.AnnotatedGraph(
        schema_version=contract.SCHEMA_VERSION,
        tool=contract.TOOL,
        model=model_record(analysis),
        dims=dim_records(analysis),
        system=system_record(analysis.system),
        assume_dtype=analysis.settings.float_dtype or None,
        quantize=analysis.settings.quantize or None,
        limits=contract.Limits(**analysis.settings.limits.as_dict()),
        pipeline=analysis.pipeline,
        coverage=_coverage(summary),
        totals=_totals(summary, analysis.system.gpu.slug),
        caches=caches_record(summary.caches),
        memory=memory_record(analysis),
        placement=_placement_summary(model.whole(PlacementSummary)),
        tensors=tensors,
        graph=graph,
        functions=rows.functions(),
        kernels=kernels,
        warnings=tuple(contract.Warned(n.code, n.where, n.message) for n in model.warnings),
    )


def model_record(analysis: Analysis) -> contract.ModelFile:
    """What the file says of itself."""
    info, summary = analysis.model.info, analysis.summary
    return contract.ModelFile(
        path=info.path.replace("\\", "/").rpartition("/")[2],
        graph_sha256=info.graph_sha256,
        ir_version=info.ir_version,
        opsets=dict(info.opsets),
        producer=info.producer,
        parameters=summary.parameters,
        weight_bytes=summary.weight_bytes,
    )


def dim_records(analysis: Analysis) -> dict[str, contract.Dim]:
    """Each open dim by name."""
    return {
        name: contract.Dim(dim.value, dim.origin, dim.reason)  # type: ignore[arg-type]
        for name, dim in dims_of(analysis.model).items()
    }


def _coverage(summary: Summary) -> contract.Coverage:
    return contract.Coverage(
        ops=contract.Statuses(**summary.status_counts),
        unknown_op_types=summary.unknown_op_types,
        unknown_bytes_share=summary.unknown_bytes_share,
        ops_without_counts=summary.unknown_counts_ops,
        ops_without_bytes=summary.unknown_bytes_ops,
        kernels_without_time=contract.UntimedKernels(
            devices={slug: time.untimed_kernels for slug, time in summary.times_alone.items()},
            placement=summary.time_placed.untimed_kernels,
        ),
    )


def _totals(summary: Summary, primary: str) -> contract.Totals:
    return contract.Totals(
        macs=summary.counts.macs,
        flops=summary.counts.flops,
        counts=counts_record(summary.counts),
        parameters=summary.parameters,
        traffic=contract.TotalTraffic(
            naive_bytes=summary.naive_bytes,
            compulsory_bytes=summary.compulsory_bytes,
            fused_away_bytes=summary.naive_bytes - summary.compulsory_bytes,
            moved_bytes=summary.moved[primary].moved_bytes,
            moved_by_device={slug: moved_record(moved) for slug, moved in summary.moved.items()},
        ),
        peak_activation_bytes=summary.peak_activation_bytes,
        sequential_steps=summary.sequential_steps,
        time_s=contract.TotalTime(
            devices={slug: time.time_s for slug, time in summary.times_alone.items()},
            placement=summary.time_placed.time_s,
        ),
    )


def _placement_summary(summary: PlacementSummary) -> contract.PlacementSummary:
    return contract.PlacementSummary(
        objective_name=summary.objective_name,  # type: ignore[arg-type]
        objective=summary.objective,
        lower_bound=summary.lower_bound,
        gap=summary.gap,
        proof=summary.proof,
        method=summary.method,
        pim_model=summary.pim_model,
        resident_bytes=summary.resident_bytes,
        capacity_bytes=summary.capacity_bytes,
        alternatives=tuple(
            contract.Alternative(
                name=item.name,
                total_s=item.total_s,
                kernel_s=item.kernel_s,
                transfer_s=item.transfer_s,
                kernels_on_pim=item.on_pim,
                energy_j=None if item.energy is None else _joules(item.energy),
            )
            for item in summary.alternatives
        ),
        makespan_s=summary.makespan_s,
        makespan_bound_s=summary.makespan_bound_s,
        makespan_note=summary.makespan_note,
        kernels_without_time=summary.untimed_kernels,
        with_splits_s=summary.with_splits_s,
        with_splits_note=summary.with_splits_note,
        kernels_split=summary.kernels_split,
        kernels_pipelined=summary.kernels_pipelined,
        certainty=None if summary.certainty is None else _certainty(summary.certainty),
        launches=summary.launches,
        launch_s=summary.launch_s,
        dispatch=summary.dispatch,
        dispatch_s=summary.dispatch_s,
    )


def _joules(energy: Energy) -> contract.Joules:
    return contract.Joules(
        energy.total_j, energy.dram_j, energy.on_chip_j, energy.link_j, energy.macs_j, energy.static_j
    )


def _certainty(found: Certainty) -> contract.Certainty:
    return contract.Certainty(found.low_s, found.high_s, dict(found.by_origin), found.robust_share)

"""Placement: which device runs each kernel so that the whole is cheapest, with the transfers that it takes.

The serial optimum for latency or energy is a minimum cut and exact for this cost model; energy-delay is the best of
several weighted cuts. The PIM's time is the closed form of `pim_time` ("full") or the plain roofline.

Ignores overlap of the devices (the schedule beside it does not) and the order in which transfers queue.
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.quantities import format_si
from onnx_roofline.hardware import System
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.placed_records import (
    Alternative,
    Decision,
    DeviceTime,
    Dispatch,
    PimTimeModel,
    Placement,
    PlacementReason,
    PlacementSummary,
    Roofline,
)
from onnx_roofline.ir.records import Executions, Kernel, Traffic, TypedOp, Work
from onnx_roofline.memory.footprint import Footprint, footprint
from onnx_roofline.memory.kv_caches import InPlace
from onnx_roofline.placement.kernel_graph import (
    KernelGraph,
    Placeable,
    at_bandwidth_share,
    kernel_graph,
    roofline_pick,
)
from onnx_roofline.placement.solver import (
    Assignment,
    Cost,
    Problem,
    Schedule,
    Solution,
    baselines,
    evaluate,
    regrets,
    schedule,
    solve,
)
from onnx_roofline.placement.splitting import with_splits
from onnx_roofline.placement.whole import certainty, is_robust, placement_energy

# Below this share of the kernel's own time a decision is a near tie: the cost model is not that good.
NEAR_TIE_SHARE = 0.05
# Kernels up to which a schedule on both devices at once is made; larger ones take seconds.
SCHEDULED_KERNELS = 1_000
_NO_SPLITS = "the devices exclude each other: no kernel is split"
_WITH_SPLITS = (
    "chains between branch points, each covered with kernels whole, split or in pipelines, the rest as placed; "
    "no proof that it is the least"
)
# Weights tried for energy-delay, as powers of two around the balance of both.
_WEIGHT_STEPS = range(-8, 9)


class PlacementPass(Struct, frozen=True):
    """Options: `pim_model` "full" or "roofline"; `objective` latency, energy or energy-delay; `dispatch` graph or
    eager.
    """

    system: System
    pim_model: PimTimeModel = "full"
    objective: str = "latency"
    dispatch: Dispatch = "graph"

    name: ClassVar[str] = "placement"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Work, InPlace, Kernel, Traffic, KernelWork, Executions, Roofline)
    produces: ClassVar[type] = Placement

    def run(self, model: Model) -> PassResult:
        """A Placement for every row; of the whole summary, kernel graph, footprint, and a schedule if one is made."""
        if self.objective != "latency":
            missing = _missing_energies(self.system)
            if missing:
                raise UsageError(f"--objective {self.objective}: {'; '.join(missing)}")
        graph = kernel_graph(model, self.system, self.pim_model)
        problem, solution = self._solved(graph)
        flips = regrets(problem, solution)
        placed = self._kernels(graph, problem, solution, flips)
        works, in_place = model.column(Work), model.column(InPlace)
        rows: dict[str, Placement] = {}
        for key, kernel in model.column(Kernel).items():
            if not kernel.id:
                parts = in_place[key].kept if in_place[key].is_view else ()
                note = works[key].note or (parts[0].rule if parts else model.column(TypedOp)[key].role)
                rows[key] = Placement(None, "not placed", note, 0.0)
            elif kernel.id not in placed:
                rows[key] = _unplaced(model, kernel, graph.refused.get(kernel.id))
            elif kernel.id == key:
                rows[key] = placed[key]
            else:
                rows[key] = self._member(placed[kernel.id], kernel.id)
        held = footprint(model)
        summary, overlap = self._summary(model, graph, problem, solution, placed, held)
        if self.objective == "latency" and self.system.concurrency != "exclusive":
            total_s, changed = with_splits(graph, problem, solution.assignment, self.system, self.pim_model)
            rows.update((key, replace(rows[key], with_splits=how)) for key, how in changed.items())
            kinds = [how.kind for how in changed.values()]
            summary = replace(
                summary,
                with_splits_s=total_s,
                with_splits_note=_WITH_SPLITS,
                kernels_split=kinds.count("split"),
                kernels_pipelined=kinds.count("pipeline"),
            )
        return PassResult(rows, wholes=(summary, graph, held, *([] if overlap is None else [overlap])))

    def _solved(self, graph: KernelGraph) -> tuple[Problem, Solution]:
        if self.objective != "energy-delay":
            problem = graph.problem(self.system, self.objective)
            return problem, solve(problem)
        return self._energy_delay(graph)

    def _energy_delay(self, graph: KernelGraph) -> tuple[Problem, Solution]:
        """The weighted cut with the least product of time and energy; the product itself is no cut."""
        latency, energy = graph.problem(self.system, "latency"), graph.problem(self.system, "energy")
        fastest, frugal = solve(latency), solve(energy)
        balance = fastest.objective / frugal.objective if frugal.objective else 1.0
        best: tuple[float, Problem, Solution] | None = None
        for step in _WEIGHT_STEPS:
            problem = graph.problem(self.system, "energy-delay", 1.0, balance * 2.0**step)
            solution = solve(problem)
            time_s = evaluate(latency, solution.assignment).total
            product = time_s * evaluate(energy, solution.assignment).total
            if best is None or product < best[0]:
                best = product, problem, solution
        assert best is not None
        product, problem, solution = best
        bound = fastest.lower_bound * frugal.lower_bound
        proof = "best of weighted cuts; the bound is least time x least energy"
        return problem, replace(solution, objective=product, lower_bound=bound, proof=proof)

    def _kernels(
        self, graph: KernelGraph, problem: Problem, solution: Solution, flips: "list[float | None]"
    ) -> dict[str, Placement]:
        transfers = _transfers_by_kernel(graph, self.system, solution.assignment)
        slugs = tuple(device.slug for device in self.system.devices)
        found: dict[str, Placement] = {}
        for node, item in enumerate(graph.kernels):
            device = solution.assignment[node]
            regret = flips[node]
            # A kernel that only one device can run has no other side to regret.
            regret = None if regret is None or regret == float("inf") else regret
            reason = _reason_class(
                self.objective,
                problem.cost[node][device] or 0.0,
                problem.cost[node][1 - device],
                regret,
                is_full=bool(solution.memory_price) and device == 0,
                is_only=self.system.pim is None,
            )
            found[item.kernel.id] = Placement(
                device=slugs[device],
                reason=reason,
                explanation=self._sentence(item.devices, slugs[device], reason, transfers[node], regret),
                time_s=item.devices[slugs[device]].time_s,
                devices=item.devices,
                transfer_s=transfers[node],
                regret=regret,
                decision=self._decision(item, device, regret),
            )
        return found

    def _member(self, root: Placement, kernel_id: str) -> Placement:
        """Where a member goes: with its kernel, but for what follows a product that the PIM runs alone."""
        if root.device is not None and root.devices[root.device].in_part:
            return Placement(self.system.gpu.slug, "fused", f"follows the product of kernel {kernel_id}", 0.0)
        return Placement(root.device, "fused", f"part of kernel {kernel_id}", 0.0)

    def _decision(self, item: Placeable, device: int, regret: float | None) -> Decision | None:
        """Whether a decision holds over both bands; None where there is none, or no band."""
        entries = [item.devices[each.slug] for each in self.system.devices]
        if self.objective != "latency" or len(entries) < 2 or any(entry.low_s is None for entry in entries):
            return None
        return "robust" if is_robust(entries[device], entries[1 - device], item.count, regret) else "near tie"

    def _sentence(
        self, times: Mapping[str, DeviceTime], chosen: str, reason: str, transfer_s: float, regret: float | None
    ) -> str:
        """The decision as a person would say it."""
        parts = []
        for device in self.system.devices:
            entry = times[device.slug]
            if entry.time_s is None:
                parts.append(f"{device.slug} can't run it ({entry.reason})")
            else:
                energy = "" if self.objective == "latency" else f" and {format_si(entry.energy_j, 'J')}"
                parts.append(f"{format_si(entry.time_s, 's')}{energy} on {device.slug}, bound by {entry.bound}")
        text = f"{chosen}: {reason}; {'; '.join(parts)}"
        if transfer_s:
            text += f"; its tensors take {format_si(transfer_s, 's')} over the link"
        if regret is not None:
            unit = "s" if self.objective == "latency" else "J" if self.objective == "energy" else ""
            text += f"; flipping it costs {format_si(regret, unit)}"
        return text

    def _summary(
        self,
        model: Model,
        graph: KernelGraph,
        problem: Problem,
        solution: Solution,
        placed: Mapping[str, Placement],
        held: Footprint,
    ) -> tuple[PlacementSummary, Schedule | None]:
        """What holds of the whole, and the schedule of both devices at once where one is made."""
        in_seconds = self.objective == "latency"
        latency = problem if in_seconds else graph.problem(self.system, "latency")
        launches = sum(item.count for item in graph.kernels)
        dispatch_s = self._dispatch_s(launches)
        alternatives = []
        if self.system.pim is not None:
            picks = {"roofline pick": roofline_pick(model, graph, self.system)}
            for one in baselines(latency, picks):
                alternatives.append(self._alternative(graph, one.name, one.assignment, one.cost, dispatch_s, one.moved))
        cost = evaluate(latency, solution.assignment)
        overlap, note = self._scheduled(graph, latency, solution if in_seconds else None)
        alternatives.append(self._alternative(graph, "optimum", solution.assignment, cost, dispatch_s))
        slugs = [device.slug for device in self.system.devices]
        on = [item.devices[slugs[device]] for item, device in zip(graph.kernels, solution.assignment, strict=False)]
        robust = [placed[item.kernel.id].decision != "near tie" for item in graph.kernels]
        summary = PlacementSummary(
            objective_name=self.objective,
            objective=solution.objective,
            lower_bound=solution.lower_bound,
            gap=solution.gap,
            proof=self._misfit(held, cost.resident_bytes)
            or _proof(solution.proof, len(graph.kernels), len(graph.refused)),
            method=solution.method,
            pim_model=self.pim_model,
            resident_bytes=cost.resident_bytes,
            capacity_bytes=problem.capacity_bytes,
            alternatives=tuple(alternatives),
            makespan_s=None if overlap is None else overlap.makespan,
            makespan_bound_s=None if overlap is None else overlap.lower_bound,
            makespan_note=note,
            untimed_kernels=len(graph.refused),
            with_splits_note=_NO_SPLITS if in_seconds else "splits are found for latency alone",
            certainty=certainty(graph, slugs, solution.assignment, robust, cost.transfer, dispatch_s),
            launches=launches,
            launch_s=sum(entry.launch_s * item.count for entry, item in zip(on, graph.kernels, strict=True)),
            dispatch=self.dispatch,
            dispatch_s=dispatch_s,
        )
        return summary, overlap

    def _misfit(self, whole: Footprint, resident_bytes: int) -> str:
        """What the GPU would have to hold where that is more than it has: a run that can't be is never optimal."""
        gpu, size = self.system.gpu, whole.total_bytes
        if size is None or gpu.capacity_bytes is None:
            return ""
        shares = self.system.link is not None and self.system.link.shared_memory
        held = size - (0 if shares else resident_bytes)
        if held <= gpu.capacity_bytes:
            return ""
        return f"does not fit: {gpu.slug} would hold {format_si(held, 'B')} of {format_si(gpu.capacity_bytes, 'B')}"

    def _dispatch_s(self, launches: float) -> float:
        """What an eager host needs to dispatch all kernels; nothing where they come from a graph."""
        gpu = self.system.gpu.gpu
        return launches * gpu.dispatch_s if self.dispatch == "eager" and gpu is not None else 0.0

    def _alternative(
        self, graph: KernelGraph, name: str, assignment: Assignment, cost: Cost, dispatch_s: float, moved: int = 0
    ) -> Alternative:
        """An assignment with its time and its joules. The host dispatches while the devices work."""
        total_s = max(cost.total, dispatch_s)
        energy = placement_energy(graph, self.system, assignment, total_s)
        return Alternative(name, total_s, cost.node, cost.transfer, sum(assignment), moved, energy)

    def _scheduled(self, graph: KernelGraph, latency: Problem, serial: Solution | None) -> tuple[Schedule | None, str]:
        """(schedule, note) with both devices at work at once, where the system allows it."""
        if self.system.concurrency == "exclusive":
            return None, "the devices exclude each other: one after the other is all there is"
        if latency.size > SCHEDULED_KERNELS:
            return None, f"not scheduled: more than {SCHEDULED_KERNELS:,} kernels"
        together = None
        if self.system.concurrency == "partitioned" and self.system.gpu_bandwidth_share < 1:
            together = at_bandwidth_share(graph, self.system, self.pim_model).problem(self.system, "latency")
        found = schedule(latency, self.system.concurrency, serial, together)
        return found, found.note


def _proof(proof: str, placed: int, untimed: int) -> str:
    """What is proven, and of how many kernels it is proven."""
    if not untimed:
        return proof
    if not placed:
        return f"nothing is placed: {untimed:,} kernel{'s have' if untimed > 1 else ' has'} no time on either device"
    rest = f"{untimed:,} without a time {'are' if untimed > 1 else 'is'} left out"
    return f"{proof}, of {placed:,} kernel{'s' if placed > 1 else ''}; {rest}"


def _transfers_by_kernel(graph: KernelGraph, system: System, assignment: Assignment) -> list[float]:
    """Seconds of the crossings that each kernel's outputs cause, and of model inputs that it alone fetches."""
    seconds = [0.0] * len(assignment)
    for item in graph.crossings:
        home = 0 if item.producer is None else assignment[item.producer]
        away = [node for node in item.consumers if assignment[node] != home]
        if not away:
            continue
        owner = away[0] if item.producer is None else item.producer
        seconds[owner] += system.pair[2].transfer_s(item.bytes) * item.count
    return seconds


def _missing_energies(system: System) -> list[str]:
    """What a system states no energy of, each with the figure that is wanted; in a shared memory nothing is copied."""
    missing = []
    for what, path, silent in (
        ("memory accesses", "energy.dram_pj_per_bit", [d.slug for d in system.devices if d.dram_j_per_byte is None]),
        ("MACs", "energy.mac_pj", [d.slug for d in system.devices if d.j_per_mac is None]),
    ):
        if silent:
            missing.append(f"found no energy of {what} for {', '.join(silent)}, wanted {path} in the profile")
    if system.link is not None and system.link.j_per_byte is None and not system.link.shared_memory:
        missing.append(f"found no energy of transfers for {system.slug}, wanted link.pj_per_bit in the system's file")
    return missing


def _reason_class(
    objective: str, here: float, there: float | None, regret: float | None, *, is_full: bool, is_only: bool = False
) -> PlacementReason:
    """Why the kernel is where it is; costs and `regret` are those of all its executions, in the objective's unit."""
    if is_only:
        return "only device"
    if there is None:
        return "unsupported"
    if regret is not None and regret < NEAR_TIE_SHARE * here:
        return "near tie"
    if here <= there:
        return "faster alone" if objective == "latency" else "cheaper alone"
    return "capacity" if is_full else "follows neighbours"


def _unplaced(model: Model, kernel: Kernel, refusals: Mapping[str, DeviceTime] | None) -> Placement:
    """A kernel that never runs, whose work is unknown, or that neither device can run."""
    if refusals is None:
        return Placement(None, "not placed", "it never runs", 0.0)
    roofs = model.column(Roofline)[kernel.id].devices
    reasons = [roof.reason for roof in roofs.values() if not roof.supported]
    if len(reasons) == len(roofs):
        return Placement(None, "unsupported", "; ".join(reasons), None)
    if all(entry.bound == "unsupported" for entry in refusals.values()):
        # The PIM has a peak for its types, but the time model refuses the op.
        return Placement(None, "unsupported", "; ".join(entry.reason for entry in refusals.values()), None)
    return Placement(None, "unknown", "its work is unknown, so no time can be given", None)

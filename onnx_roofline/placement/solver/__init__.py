"""Who runs where: two-device placement of abstract nodes.

Pure algorithms on costs: no ONNX, no hardware. Device 0 is the GPU side, device 1 the PIM side.
"""

from onnx_roofline.placement.solver.chain import Cover, Segment, Stage, chain_search
from onnx_roofline.placement.solver.cooperation import Cooperation, Step, Ways, cooperate
from onnx_roofline.placement.solver.evaluation import Baseline, Cost, baselines, evaluate, greedy, legalize, violations
from onnx_roofline.placement.solver.makespan import Concurrency, Schedule, schedule
from onnx_roofline.placement.solver.problem import OPTIMAL, Assignment, Boundary, Problem, Solution, Tensor
from onnx_roofline.placement.solver.regret import regrets
from onnx_roofline.placement.solver.serial import solve
from onnx_roofline.placement.solver.split import Affine, Split, best_split

__all__ = [
    "OPTIMAL",
    "Affine",
    "Assignment",
    "Baseline",
    "Boundary",
    "Concurrency",
    "Cooperation",
    "Cost",
    "Cover",
    "Problem",
    "Schedule",
    "Segment",
    "Solution",
    "Split",
    "Stage",
    "Step",
    "Tensor",
    "Ways",
    "baselines",
    "best_split",
    "chain_search",
    "cooperate",
    "evaluate",
    "greedy",
    "legalize",
    "regrets",
    "schedule",
    "solve",
    "violations",
]

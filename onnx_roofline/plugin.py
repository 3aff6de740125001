"""What a plugin is written with: op rules, shape rules, passes, PIM time models and outputs of one's own.

from onnx_roofline import plugin

@plugin.rule("Swish", domain="acme")
def swish(op):
    '''x * sigmoid(x).'''
    return plugin.elementwise(muls=1, transcendentals=1)(op)

A plugin is a Python file (`--plugin FILE.py`) or a module that an installed package names under the entry points
`onnx_roofline.rules`, `.passes` or `.outputs`. Importing it registers what it brings; reports name it first.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import did_you_mean, shown, visible
from onnx_roofline.hardware import Device
from onnx_roofline.ir.graph import Model, TensorType
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.pipeline import Pass, PassResult
from onnx_roofline.ir.placed_records import PIM_TIME_MODELS
from onnx_roofline.ir.records import Contraction, Counts, TypedOp, Work
from onnx_roofline.ops.cost import lookup
from onnx_roofline.ops.cost.registry import RuleFunction, elementwise, work
from onnx_roofline.ops.cost.registry import rule as add_rule
from onnx_roofline.ops.shape.lookup import find_shape_rule
from onnx_roofline.ops.shape.registry import ShapeRule
from onnx_roofline.ops.shape.registry import shape_rule as add_shape_rule
from onnx_roofline.ops.view import OpView
from onnx_roofline.timing.own_models import OwnModel, add_model, own_models

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "Contraction",
    "Counts",
    "Device",
    "KernelWork",
    "Model",
    "OpView",
    "Pass",
    "PassResult",
    "TensorType",
    "TypedOp",
    "Work",
    "analysis_pass",
    "elementwise",
    "output",
    "pim_time",
    "rule",
    "shape_rule",
    "work",
]

GROUPS = ("onnx_roofline.rules", "onnx_roofline.passes", "onnx_roofline.outputs")
# What a file is imported as, so that two of one name are two modules.
_MODULE = "onnx_roofline_plugin_{}_{}"

# An output: the text of a file, whole or in parts, of an analysis, which this module knows no more of.
Output = Callable[[Any], str | Iterable[str]]
C = TypeVar("C", bound=type)


class _Registry:
    """What plugins have brought in this process, and which is being read."""

    def __init__(self) -> None:
        self.brought: dict[str, list[str]] = {}
        self.passes: list[Pass] = []
        self.outputs: dict[str, Output] = {}
        self.reading = ""
        self.is_installed_read = False

    def note(self, what: str) -> None:
        """Notes what the plugin that is read brings; of code that registers by itself nothing."""
        if self.reading:
            self.brought.setdefault(self.reading, []).append(what)


_REGISTRY = _Registry()


def rule(*op_types: str, domain: str, since: int = 0) -> Callable[[RuleFunction], RuleFunction]:
    """Register a cost rule: a function from an OpView to a Work, which `work` and `elementwise` make.

    Raises UsageError for an op that has a rule.
    """
    for op_type in op_types:
        if lookup.find_rule(domain, op_type, since) is not None:
            raise UsageError(f"plugin: a rule for {domain or 'ai.onnx'}.{op_type} exists already")

    def register(function: RuleFunction) -> RuleFunction:
        add_rule(*op_types, domain=domain, since=since)(function)
        lookup.forget()
        for op_type in op_types:
            _REGISTRY.note(f"rule {domain}.{op_type}")
        return function

    return register


def shape_rule(*op_types: str, domain: str) -> Callable[[ShapeRule], ShapeRule]:
    """Register a shape rule: a function from an OpView to the types of the outputs.

    Raises UsageError for an op that has one.
    """
    for op_type in op_types:
        if find_shape_rule(domain, op_type) is not None:
            raise UsageError(f"plugin: a shape rule for {domain or 'ai.onnx'}.{op_type} exists already")

    def register(function: ShapeRule) -> ShapeRule:
        add_shape_rule(*op_types, domain=domain)(function)
        for op_type in op_types:
            _REGISTRY.note(f"shape rule {domain}.{op_type}")
        return function

    return register


def analysis_pass(found: C) -> C:
    """Register a pass that runs behind all others: a class without arguments that follows `Pass`."""
    instance: Pass = found()
    _REGISTRY.passes.append(instance)
    _REGISTRY.note(f"pass {instance.name}")
    return found


def pim_time(name: str) -> Callable[[OwnModel], OwnModel]:
    """Register a time model of PIMs for `--pim-model NAME`: a function from a Device and a KernelWork to seconds.

    Raises UsageError for a name that is taken.
    """
    if name in (*PIM_TIME_MODELS, *own_models()):
        raise UsageError(f"plugin: a PIM time model named {shown(name)} exists already")

    def register(function: OwnModel) -> OwnModel:
        add_model(name, function)
        _REGISTRY.note(f"PIM time model {name}")
        return function

    return register


def output(name: str) -> Callable[[Output], Output]:
    """Register an output for `--output NAME=FILE`: a function from an analysis to the text of the file.

    Raises UsageError for a name that is taken.
    """
    if name in _REGISTRY.outputs:
        raise UsageError(f"plugin: an output named {shown(name)} exists already")

    def register(function: Output) -> Output:
        _REGISTRY.outputs[name] = function
        _REGISTRY.note(f"output {name}")
        return function

    return register


def load_file(path: str) -> None:
    """Read a plugin's file; one that was read already is left.

    Raises UsageError where it can't be read, with what it raised.
    """
    import importlib.util
    import os

    name = os.path.basename(path)
    module_name = _MODULE.format(os.path.splitext(name)[0], abs(hash(os.path.abspath(path))))
    if module_name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"--plugin {visible(path, 400)}: wanted a file of Python, NAME.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    loader = spec.loader
    try:
        _read(name, f"--plugin {visible(path, 400)}", lambda: loader.exec_module(module))
    except UsageError:
        del sys.modules[module_name]
        raise


def load_installed() -> None:
    """Read what installed packages name under the entry points, once.

    Raises UsageError, which names the package, where one can't be read.
    """
    from importlib.metadata import entry_points

    if _REGISTRY.is_installed_read:
        return
    _REGISTRY.is_installed_read = True
    for group in GROUPS:
        for point in sorted(entry_points(group=group), key=lambda point: point.name):
            _read_point(group, point)


def _read_point(group: str, point: "EntryPoint") -> None:
    version = f" {point.dist.version}" if point.dist is not None else ""
    package = point.dist.name if point.dist is not None else point.name

    def read() -> None:
        found = point.load()
        if group == "onnx_roofline.passes" and isinstance(found, type):
            analysis_pass(found)
        if group == "onnx_roofline.outputs" and callable(found) and point.name not in _REGISTRY.outputs:
            output(point.name)(found)

    _read(f"{package}{version}", f"plugin {package}, entry point {point.name} of {group}", read)


def _read(name: str, where: str, read: Callable[[], None]) -> None:
    _REGISTRY.reading = name
    try:
        read()
    except Exception as error:  # whatever the code of someone else raises
        reason = " ".join(str(error).split())[:300]
        raise UsageError(
            f"{where}: can't be read: {type(error).__name__}: {reason}; mend it, or leave it out"
        ) from error
    finally:
        _REGISTRY.reading = ""
    _REGISTRY.brought.setdefault(name, [])


def brought() -> Mapping[str, list[str]]:
    """What each plugin has brought, by its name: `rule acme.Swish`."""
    return _REGISTRY.brought


def passes() -> tuple[Pass, ...]:
    """The passes of plugins, in order."""
    return tuple(_REGISTRY.passes)


def output_of(name: str) -> Output:
    """The output of a name. Raises UsageError for an unknown one."""
    if name not in _REGISTRY.outputs:
        advice = did_you_mean(name, _REGISTRY.outputs) if _REGISTRY.outputs else "; a plugin brings it"
        raise UsageError(f"--output {shown(name, quotes=False)}: found no output of that name{advice}")
    return _REGISTRY.outputs[name]

"""What a plugin is written with: op rules, shape rules, passes, PIM time models and outputs of one's own.

from onnx_roofline import plugin

@plugin.rule("Swish", domain="acme")
def swish(op):
    '''x * sigmoid(x).'''
    return plugin.elementwise(muls=1, transcendentals=1)(op)

A plugin is a Python file (`--plugin FILE.py`) or a module that an installed package names under the entry points
`onnx_roofline.rules`, `.passes` or `.outputs`. Importing it registers what it brings; reports name it first.
"""

import math
import numbers
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from msgspec import Struct

from onnx_roofline.base.errors import PluginError, RooflineError, UsageError
from onnx_roofline.base.foreign import fault, guarded, guarded_text
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

    def where(self, what: str) -> str:
        """What a message calls a function of the plugin that is read."""
        return f"plugin {self.reading}: {what}" if self.reading else what


_REGISTRY = _Registry()


class _OwnPass(Struct, frozen=True):
    """A pass of a plugin, which is to blame for what it raises."""

    own: Pass
    where: str
    name: str
    requires: tuple[type, ...]
    produces: type

    unprinted: ClassVar[tuple[str, ...]] = ("own", "where", "name", "requires", "produces")

    def run(self, model: Model) -> PassResult:
        """What the plugin's pass answers. Raises PluginError for what it raises."""
        try:
            found = self.own.run(model)
        except RooflineError:
            raise
        except Exception as error:  # whatever the code of someone else raises
            raise fault(self.where, type(self.own).run, error) from error
        if not isinstance(found, PassResult):
            raise PluginError(f"{self.where}: found {type(found).__name__}, wanted a PassResult; mend it")
        return found


def _no_work(found: object) -> str:
    return "" if isinstance(found, Work) else "wanted a Work, as plugin.work and plugin.elementwise make it"


def _no_types(found: object) -> str:
    is_list = isinstance(found, list | tuple) and all(isinstance(kind, TensorType) for kind in found)
    return "" if is_list else "wanted a list with a TensorType for each output"


def _no_seconds(found: object) -> str:
    # any number of numpy too
    is_time = isinstance(found, numbers.Real) and 0 <= float(found) < math.inf
    return "" if is_time else "wanted seconds, a finite number from 0"


def rule(*op_types: str, domain: str, since: int = 0) -> Callable[[RuleFunction], RuleFunction]:
    """Register a cost rule: a function from an OpView to a Work, which `work` and `elementwise` make.

    Raises UsageError for an op that has a rule.
    """
    for op_type in op_types:
        if lookup.find_rule(domain, op_type, since) is not None:
            raise UsageError(f"plugin: a rule for {domain or 'ai.onnx'}.{op_type} exists already")

    def register(function: RuleFunction) -> RuleFunction:
        where = _REGISTRY.where(f"rule {domain}.{', '.join(op_types)}")
        # Arithmetic that fails is the op's operands, as in the rules of this package.
        passed = (ArithmeticError, LookupError, ValueError, TypeError)
        add_rule(*op_types, domain=domain, since=since)(guarded(where, function, _no_work, passed))
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
        where = _REGISTRY.where(f"shape rule {domain}.{', '.join(op_types)}")
        add_shape_rule(*op_types, domain=domain)(guarded(where, function, _no_types, (LookupError, ValueError)))
        for op_type in op_types:
            _REGISTRY.note(f"shape rule {domain}.{op_type}")
        return function

    return register


def analysis_pass(found: C) -> C:
    """Register a pass that runs behind all others: a class without arguments that follows `Pass`."""
    instance: Pass = found()
    where = _REGISTRY.where(f"pass {instance.name}")
    own = _OwnPass(instance, where, instance.name, instance.requires, instance.produces)
    # A pass by its fields, where the protocol has names of the class.
    _REGISTRY.passes.append(cast("Pass", own))
    _REGISTRY.note(f"pass {instance.name}")
    return found


def pim_time(name: str) -> Callable[[OwnModel], OwnModel]:
    """Register a time model of PIMs for `--pim-model NAME`: a function from a Device and a KernelWork to seconds.

    Raises UsageError for a name that is taken.
    """
    if name in (*PIM_TIME_MODELS, *own_models()):
        raise UsageError(f"plugin: a PIM time model named {shown(name)} exists already")

    def register(function: OwnModel) -> OwnModel:
        add_model(name, guarded(_REGISTRY.where(f"PIM time model {name}"), function, _no_seconds))
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
        _REGISTRY.outputs[name] = guarded_text(_REGISTRY.where(f"output {name}"), function)
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

"""The analysis as a pass of xDSL: the ops of ONNX in a module get their figures as attributes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
from xdsl.dialects.builtin import DenseResourceAttr, FloatAttr, IntegerAttr, IntegerType, ModuleOp, StringAttr, f64
from xdsl.ir import Attribute
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.base.errors import RooflineError
from onnx_roofline.compilers.rows import joined
from onnx_roofline.compilers.settings import settings_of
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.load import Limits
from onnx_roofline.load.mlir.attributes import Values
from onnx_roofline.load.mlir.model import PLACE_KEY, Importer, noted
from onnx_roofline.load.mlir.nodes import all_attributes
from onnx_roofline.load.mlir.reader import parsed_model
from onnx_roofline.load.mlir.text import ELIDED
from onnx_roofline.report.annotations import PREFIX, model_annotations
from onnx_roofline.report.node_figures import Figure, NodeFigures

# What messages call a module, which has no path.
_LABEL = "<module>"


@dataclass(frozen=True)
class OnnxRooflinePass(ModulePass):
    """`onnx-roofline{system="a100-attacc" dims="batch=8","sequence=128"}`: options as those of the command line."""

    name = "onnx-roofline"

    system: str = "teaching"
    dims: tuple[str, ...] = ()
    assume_dtype: str = ""
    backend: str = "compiler"
    pim_model: str = "full"
    objective: str = "latency"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Annotates the ops of a module in place.

        Raises PassFailedException, a sentence for the user, where it holds no ops of ONNX or an option can't be used.
        """
        try:
            self._annotate(ctx, op)
        except RooflineError as error:
            raise PassFailedException(f"{self.name}: {error}") from error

    def _annotate(self, ctx: Context, module: ModuleOp) -> None:
        settings = settings_of(
            self.dims,
            system=self.system,
            assume_dtype=self.assume_dtype,
            backend=self.backend,
            pim_model=self.pim_model,
            objective=self.objective,
        )
        values = Values(Limits(), _Blobs(ctx), _shared_keys(module))
        imported = Importer(module, values, _LABEL).model()
        analysis = analyze(parsed_model(imported, values, _LABEL, 0), settings)
        for place, figures in joined(_figures(analysis)).items():
            imported.ops[place].attributes.update(_attributes(figures))
        module.attributes.update(_attributes(dict(model_annotations(analysis))))
        module.attributes.update(_attributes(_dims(analysis)))


def _figures(analysis: Analysis) -> Iterator[tuple[int, dict[str, Figure]]]:
    """The figures of each row by the place of its op in the module."""
    figures = NodeFigures(analysis)
    for key, row in analysis.model.column(TypedOp).items():
        place = noted(row.op, PLACE_KEY)
        if place is not None:
            yield place, figures.of(key)


def _dims(analysis: Analysis) -> dict[str, Figure]:
    """The sizes that the figures hold for, as one text."""
    dims = ",".join(f"{name}={dim.value}" for name, dim in analysis.model.dims.items())
    return {"dims": dims} if dims else {}


def _attributes(figures: dict[str, Figure]) -> dict[str, Attribute]:
    return {PREFIX + name: _attribute(figure) for name, figure in figures.items()}


def _attribute(figure: Figure) -> Attribute:
    if isinstance(figure, str):
        return StringAttr(figure)
    if isinstance(figure, float):
        return FloatAttr(figure, f64)
    return IntegerAttr(figure, IntegerType(64 if figure.bit_length() < 64 else 128))


class _Blobs:
    """The bytes of the resources that came with a module."""

    def __init__(self, ctx: Context) -> None:
        builtin = ctx.get_optional_dialect("builtin")
        self.interface = None if builtin is None else builtin.get_interface(OpAsmDialectInterface)

    def get(self, key: str, /) -> bytes | None:
        """The bytes behind the four that say how they are aligned."""
        text = None if self.interface is None else self.interface.lookup(key)
        return bytes.fromhex(text.removeprefix("0x"))[4:] if text else None


def _shared_keys(module: ModuleOp) -> frozenset[str]:
    """Keys of resources that two tensors name: they are the same bytes."""
    keys = Counter(
        value.resource_handle.data
        for op in module.walk()
        for value in all_attributes(op).values()
        if isinstance(value, DenseResourceAttr)
    )
    return frozenset(key for key, count in keys.items() if count > 1 and not key.startswith(ELIDED))

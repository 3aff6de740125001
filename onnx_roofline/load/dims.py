"""Binds the symbolic dims of a file's inputs to numbers: what the user says, else the file, else a labelled assumption.

An assumption follows from how a dim is used (the weight of the first Conv fixes its channels), then from its name
(`sequence`), then from its place. Dim names come from the file and are only ever compared and parsed here, never run.
"""

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.errors import UsageError
from onnx_roofline.ir.graph import Dim, Graph, GraphInput, Model, Notice, TensorType
from onnx_roofline.ir.output_dims import dims_of_outputs
from onnx_roofline.load.assumptions import assume
from onnx_roofline.load.build import ParsedModel
from onnx_roofline.load.dim_names import choices, meant_inside, names_of_inner_axes
from onnx_roofline.load.expressions import LARGEST_DIM, Expression, evaluate, least_solution, names_in, parse_expression
from onnx_roofline.load.names import shown, shown_path
from onnx_roofline.load.overrides import BATCH, Override, fixed_batches, overrides
from onnx_roofline.load.uses import InputUses

# Why a dim named total is as large as it is, where no op ties it to others.
TOTAL_REASON = "computed: past + sequence"
_TOTAL = re.compile(r"total", re.IGNORECASE)


class DimOptions(Struct, frozen=True):
    """What the user says: `dims` by symbol name or `input.axis`, `input_shapes` by input name."""

    dims: Mapping[str, int]
    input_shapes: Mapping[str, tuple[int, ...]]


class ComputedDim(Struct, frozen=True):
    """A dim that follows from others: their sum, each so many times, and a constant; `where` ties them together.

    `is_stated` says that the user states it, by another name.
    """

    terms: Mapping[str, int]
    constant: int
    where: str
    is_stated: bool = False

    def __str__(self) -> str:
        """`past + sequence`."""
        ordered = sorted(self.terms.items(), key=lambda term: term[1] < 0)
        parts = [f"{'-' if times < 0 else '+'} {abs(times)}*{name}" for name, times in ordered]
        if self.constant or not parts:
            constant = f"{'-' if self.constant < 0 else '+'} {abs(self.constant)}"
            # A difference starts with what it is taken from: `10 - s`.
            parts.insert(0 if parts and parts[0].startswith("-") else len(parts), constant)
        return re.sub(r"\b1\*", "", " ".join(parts)).removeprefix("+ ")


class _Axis(Struct, frozen=True):
    """An axis whose size the file does not fix: `key` is the name of its dim."""

    key: str
    input: GraphInput
    position: int
    rank: int


def bind(
    parsed: ParsedModel,
    options: DimOptions,
    alternative: Mapping[str, int] | None = None,
    computed: Mapping[str, ComputedDim] | None = None,
) -> Model:
    """The model with every input dim a number.

    `alternative` gives sizes by dim name or by class of SIZES, where the first assumption did not hold; `computed` are
    dims that the ops tie to others.
    Raises UsageError where an option names no dim or input, or contradicts the file or another option.
    """
    uses = InputUses(parsed.graph)
    _refuse_unknown_names(parsed, options, _symbols_of(parsed.graph), uses)
    overridden = _overrides(parsed, options, uses)
    notices: list[Notice] = []
    declared: dict[str, tuple[int | str, ...]] = {}
    for graph_input in parsed.graph.inputs:
        if graph_input.type.container != "tensor":
            continue
        symbols = graph_input.symbols
        if symbols is None:
            symbols = options.input_shapes.get(graph_input.name)
        if symbols is None:
            symbols = (None,) * uses.rank(graph_input)
            notices.append(
                Notice("assumed-rank", graph_input.name, f"the file gives no rank; {len(symbols)} is assumed")
            )
        declared[graph_input.name] = tuple(
            f"{graph_input.name}.{axis}" if symbol is None else symbol for axis, symbol in enumerate(symbols)
        )
    axes = [
        _Axis(symbol, graph_input, axis, len(declared[graph_input.name]))
        for graph_input in parsed.graph.inputs
        for axis, symbol in enumerate(declared.get(graph_input.name, ()))
        if isinstance(symbol, str)
    ]
    known = _Known(_stated(parsed, options), alternative or {}, computed or {})
    dims = _sizes_of(axes, known, uses, shown_path(parsed.path))
    dims.update(
        (one.key, Dim(one.size, "bound", f"overridden: the file fixes it to {one.fixed}")) for one in overridden
    )
    sizes = {(one.input, one.axis): one.size for one in overridden}
    inputs = tuple(
        replace(
            graph_input,
            type=TensorType(
                graph_input.type.dtype,
                tuple(
                    dims[s].value if isinstance(s, str) else sizes.get((graph_input.name, axis), s)
                    for axis, s in enumerate(declared[graph_input.name])
                ),
            ),
        )
        if graph_input.name in declared
        else graph_input
        for graph_input in parsed.graph.inputs
    )
    graph = replace(parsed.graph, inputs=inputs)
    if overridden:
        # What the file declares of other tensors holds for the sizes that it fixes.
        graph = replace(graph, declared={})
    return Model(parsed.info, graph, parsed.functions, dims, parsed.notices + tuple(notices))


class _Known(Struct, frozen=True):
    """What is known of the dims before anything is assumed, and sizes for what is."""

    stated: Mapping[str, int]
    alternative: Mapping[str, int]
    computed: Mapping[str, ComputedDim]


def _sizes_of(axes: list[_Axis], known: _Known, uses: InputUses, path: str) -> dict[str, Dim]:
    """Every dim by name: stated ones, then plain names, then what is computed from them."""
    alternative = known.alternative
    expressions: dict[str, Expression] = {}
    for axis in axes:
        expression = parse_expression(axis.key)
        if expression is not None:
            expressions[axis.key] = expression
    dims = {name: Dim(value, "bound") for name, value in known.stated.items()}
    for axis in axes:
        if axis.key not in dims and axis.key not in expressions:
            dims[axis.key] = assume(axis.key, axis.input, axis.position, axis.rank, uses, alternative)
    dims.update(_totals({key: dim for key, dim in dims.items() if key not in known.computed}))
    dims.update(_tied(dims, known))
    for axis in axes:
        expression = expressions.get(axis.key, ())
        # A hyphen may be part of a label, `sequence-length`; other operators are arithmetic.
        for name in () if ("operator", "-") in expression else names_in(expression):
            if name not in dims:
                dims[name] = assume(name, axis.input, axis.position, axis.rank, uses, alternative)
    fitted = _fitted(expressions, dims, path)
    if fitted:
        dims.update(fitted)
        # What is tied to a dim that an expression fixes follows it.
        dims.update(_tied(dims, known))
    for axis in axes:
        if axis.key not in expressions:
            continue
        expression = expressions[axis.key]
        found = _computed(axis.key, expression, dims, path)
        if found is not None:
            dims[axis.key] = found
        elif axis.key not in dims:
            dims[axis.key] = assume(axis.key, axis.input, axis.position, axis.rank, uses, alternative)
    return dims


def _tied(dims: Mapping[str, Dim], known: _Known) -> dict[str, Dim]:
    """Dims that the ops tie to others; one that would be negative is left to be assumed."""
    found: dict[str, Dim] = {}
    pending = {key: one for key, one in known.computed.items() if key in dims and key not in known.stated}
    while pending:
        ready = [key for key, one in pending.items() if not any(name in pending for name in one.terms)]
        if not ready:
            break
        for key in ready:
            one = pending.pop(key)
            parts = {name: found.get(name, dims.get(name)) for name in one.terms}
            value = one.constant + sum(one.terms[name] * part.value for name, part in parts.items() if part is not None)
            if None in parts.values() or not 0 <= value <= LARGEST_DIM:
                continue
            is_sure = all(part is not None and part.origin != "assumed" for part in parts.values())
            reason = one.where if one.is_stated else f"computed: {one}, by {one.where}"
            found[key] = Dim(value, "bound" if is_sure else "assumed", reason)
    return found


def _fitted(expressions: Mapping[str, Expression], dims: Mapping[str, Dim], path: str) -> dict[str, Dim]:
    """Assumed dims that an expression of them fixes: its size is stated, or it would be 0.

    Raises UsageError where no sizes of them give the one that is stated.
    """
    found: dict[str, Dim] = {}
    for key, expression in expressions.items():
        parts = {name: found.get(name) or dims.get(name) for name in names_in(expression)}
        sizes = {name: part.value for name, part in parts.items() if part is not None}
        free = [name for name, part in parts.items() if part is not None and part.origin == "assumed"]
        stated = dims.get(key)
        if not free or len(sizes) < len(parts) or (stated is None and len(free) > 1):
            continue
        value = evaluate(expression, sizes)
        if (stated is None and value != 0) or (stated is not None and value == stated.value and len(free) > 1):
            continue
        wanted = 1 if stated is None else stated.value
        solution = _solution(expression, free, sizes, wanted)
        if solution is None and stated is not None:
            given = [f"{shown(name)}={size}" for name, size in sizes.items() if name not in free]
            listed = " and ".join(map(shown, free)) + (f" with {', '.join(given)}" if given else "")
            raise UsageError(
                f"{path}: --dim {shown(key)}={wanted}: found no size of {listed} that makes it {wanted}; correct it"
            )
        for name, size in (solution or {}).items():
            fits_alone = len(free) == 1 and evaluate(expression, {**sizes, name: size + 1}) != wanted
            if stated is not None and fits_alone and _grows(expression):
                found[name] = Dim(size, "bound", f"computed: {shown(key)} is {wanted}")
            else:
                found[name] = Dim(size, "assumed", f"the least with which {shown(key)} is {wanted}")
    return found


def _grows(expression: Expression) -> bool:
    """Whether an expression gives each value for sizes that are neighbours: not so where it has a remainder."""
    return not any(token in ("%", "mod") for _, token in expression)


def _solution(
    expression: Expression, free: Sequence[str], sizes: Mapping[str, int], wanted: int
) -> dict[str, int] | None:
    """Sizes of free names with which an expression has a value: of one where the others stay, or are 1 or 0."""
    tried = [sizes, *({**sizes, **dict.fromkeys(free, least)} for least in (1, 0))]
    for others in tried:
        for name in free:
            size = least_solution(expression, name, others, wanted)
            if size is not None:
                return {**{other: others[other] for other in free}, name: size}
    return dict.fromkeys(free, 0) if evaluate(expression, tried[-1]) == wanted else None


def _computed(key: str, expression: Expression, dims: Mapping[str, Dim], path: str) -> Dim | None:
    """The value of an expression, or None where it must be assumed or the user states it."""
    names = names_in(expression)
    if not names or not all(name in dims for name in names):
        return None
    value = evaluate(expression, {name: dims[name].value for name in names})
    is_bound = all(dims[name].origin == "bound" for name in names)
    given = ", ".join(f"{shown(name)}={dims[name].value}" for name in names)
    if is_bound and value is None:
        raise UsageError(f"{path}: dim {shown(key)}: found no size for {given}; wanted 0 or more, below 2**63")
    stated = dims.get(key)
    if stated is not None:
        if is_bound and stated.value != value:
            raise UsageError(f"{path}: dim {shown(key)}: found {stated.value}, but {given} makes it {value}; drop one")
        return None
    if value is None:
        return None
    origins = {dims[name].origin for name in names}
    return Dim(value, "assumed" if "assumed" in origins else "bound", f"computed: {shown(key)}")


def _totals(dims: Mapping[str, Dim]) -> dict[str, Dim]:
    """Assumed dims named total, of a model that keeps past tokens: past and new tokens together."""
    past = _first(dims, r"past|cache", r"total")
    if past is None:
        return {}
    new = _first(dims, r"seq", r"past|cache|total")
    if new is None:
        sequences = (
            dim.value for key, dim in dims.items() if dim.reason.startswith("sequence:") and not _TOTAL.search(key)
        )
        new = next(sequences, 1)
    return {
        key: Dim(past + new, "assumed", TOTAL_REASON)
        for key, dim in dims.items()
        if dim.origin == "assumed" and _TOTAL.search(key)
    }


def _first(dims: Mapping[str, Dim], wanted: str, unwanted: str) -> int | None:
    return next(
        (
            dim.value
            for key, dim in dims.items()
            if re.search(wanted, key, re.IGNORECASE) and not re.search(unwanted, key, re.IGNORECASE)
        ),
        None,
    )


def _symbols_of(graph: Graph) -> dict[str, None]:
    """Every name that `--dim` takes, in file order."""
    names: dict[str, None] = {}
    for graph_input in graph.inputs:
        for axis, symbol in enumerate(graph_input.symbols or ()):
            if symbol is None:
                names[f"{graph_input.name}.{axis}"] = None
            elif isinstance(symbol, str):
                names[symbol] = None
                names.update((name, None) for name in names_in(parse_expression(symbol) or ()))
    return names


def _overrides(parsed: ParsedModel, options: DimOptions, uses: InputUses) -> tuple[Override, ...]:
    """Sizes that the file fixes and an option makes another; `batch` only where no dim has that name."""
    dims = options.dims
    if BATCH in dims and BATCH in _symbols_of(parsed.graph):
        dims = {name: size for name, size in dims.items() if name != BATCH}
    return overrides(parsed.graph.inputs, dims, options.input_shapes, uses)


def dim_names(parsed: ParsedModel) -> tuple[str, ...]:
    """The dims that a file leaves open, by name, and `batch` where it fixes one."""
    found = tuple(_symbols_of(parsed.graph))
    is_fixed = BATCH not in found and fixed_batch_axes(parsed)
    return (*found, BATCH) if is_fixed else found


def fixed_batch_axes(parsed: ParsedModel) -> tuple[tuple[GraphInput, int, int], ...]:
    """(input, axis, size) of the batch of every input, where the file fixes it: what `--dim batch=N` replaces."""
    return fixed_batches(parsed.graph.inputs, InputUses(parsed.graph))


def takes_dim(parsed: ParsedModel, name: str) -> bool:
    """Whether `--dim` takes a name: of an open dim, of an axis that an input or an op has, or `batch`."""
    if name in dim_names(parsed) or name in dims_of_outputs(parsed.graph):
        return True
    tensor, dot, axis = name.rpartition(".")
    if not dot or not axis.isdecimal():
        return False
    ranks = {one.name: len(one.symbols or ()) for one in parsed.graph.inputs}
    return int(axis) < ranks[tensor] if tensor in ranks else tensor in names_of_inner_axes(parsed)


def _refuse_unknown_names(
    parsed: ParsedModel, options: DimOptions, symbols: Mapping[str, None], uses: InputUses
) -> None:
    path = shown_path(parsed.path)
    fixed = {
        f"{graph_input.name}.{axis}": None
        for graph_input in parsed.graph.inputs
        for axis, symbol in enumerate(graph_input.symbols or ())
        if isinstance(symbol, int)
    }
    named = dims_of_outputs(parsed.graph)
    inner = names_of_inner_axes(parsed) if any(name not in symbols for name in options.dims) else {}
    for name in options.dims:
        if name == BATCH and name not in symbols and fixed_batches(parsed.graph.inputs, uses):
            continue
        tensor, dot, axis = name.rpartition(".")
        is_inner = dot and axis.isdecimal() and tensor in inner
        if name not in symbols and name not in fixed and not is_inner and name not in named:
            listed = choices(
                name, symbols, "every dim of its inputs is a number or has no name", meant_inside(name, inner)
            )
            raise UsageError(f"{path}: --dim {shown(name)}: found no dim of that name; {listed}")
    names = {graph_input.name: None for graph_input in parsed.graph.inputs}
    for name in options.input_shapes:
        if name not in names:
            listed = choices(name, names, "the file has no inputs")
            raise UsageError(f"{path}: --input-shape {shown(name)}: found no such input; {listed}")


def _refuse_other_size(where: str, key: str, size: int, dims: Mapping[str, int]) -> None:
    if dims.get(key, size) != size:
        raise UsageError(f"{where}: dim {shown(key)}: found {size}, another option says {dims[key]}")


def _stated(parsed: ParsedModel, options: DimOptions) -> dict[str, int]:
    """Dims that the user fixes, by symbol name or `input.axis`; sizes that the file fixes are none."""
    symbols = _symbols_of(parsed.graph)
    values = {name: size for name, size in options.dims.items() if name in symbols}
    for graph_input in parsed.graph.inputs:
        shape = options.input_shapes.get(graph_input.name)
        if shape is None or graph_input.symbols is None:
            continue
        where = f"{shown_path(parsed.path)}: --input-shape {shown(graph_input.name)}"
        if len(shape) != len(graph_input.symbols):
            raise UsageError(f"{where}: found {len(shape)} dims, wanted {len(graph_input.symbols)}")
        for axis, (size, symbol) in enumerate(zip(shape, graph_input.symbols, strict=True)):
            if isinstance(symbol, int):
                _refuse_other_size(where, f"{graph_input.name}.{axis}", size, options.dims)
                continue
            key = symbol if symbol is not None else f"{graph_input.name}.{axis}"
            if values.setdefault(key, size) != size:
                raise UsageError(f"{where}: dim {shown(key)}: found {size}, another option says {values[key]}")
    return values

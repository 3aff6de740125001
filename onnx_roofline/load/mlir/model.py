"""The functions of an MLIR module as the graph and the functions of an ONNX model."""

from collections import ChainMap, Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from onnx_roofline.base.errors import NotAModelError
from onnx_roofline.ir.graph import Notice, Op
from onnx_roofline.load.mlir.attributes import Values
from onnx_roofline.load.mlir.nodes import (
    OURS,
    Head,
    all_attributes,
    attribute_kinds,
    entries,
    head_of,
    integer,
    location_name,
    node_name,
    op_name,
    text,
    texts,
    versions,
)
from onnx_roofline.load.mlir.types import ValueType, is_none, value_type

if TYPE_CHECKING:
    import onnx
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.ir import Attribute, Block, Operation, SSAValue

# Metadata of a node: the place of its op in the module, and the version of an op that onnx-mlir names after it.
PLACE_KEY, VERSION_KEY = f"{OURS}place", f"{OURS}version"
# Ops that end a block; what they name are its results.
_TERMINATORS = frozenset({"func.return", "std.return", "onnx.Return", "onnx.Yield", "torch.operator_terminator"})
# Ops that change the type under which a value goes, and nothing else.
_CASTS = frozenset({"torch_c.from_builtin_tensor", "torch_c.to_builtin_tensor", "builtin.unrealized_conversion_cast",
                    "torch.copy.to_vtensor", "torch.copy.to_tensor"})  # fmt: skip
_ABSENT = frozenset({"onnx.NoValue", "torch.constant.none"})
# Exporter metadata that names the modules around an op.
_SCOPES_KEY = "pkg.torch.onnx.name_scopes"


class Imported(Struct, frozen=True):
    """An ONNX model made of a module; each node names the place of its op in `ops`."""

    proto: "onnx.ModelProto"
    ops: "tuple[Operation, ...]"
    notices: tuple[Notice, ...]


def noted(op: Op, key: str) -> int | None:
    """A number that the importer has written into the metadata of an op's node; None where there is none."""
    import onnx

    proto = op.proto if isinstance(op.proto, onnx.NodeProto) else onnx.NodeProto.FromString(op.proto)
    return next((int(entry.value) for entry in proto.metadata_props if entry.key == key), None)


class _Scope(Struct):
    """What is being filled, with the names taken in it and around it, and the versions of its operators."""

    proto: Any
    taken: ChainMap[str, None]
    opsets: Mapping[str, int]
    is_function: bool = False


class Importer:
    """One module, once."""

    def __init__(self, module: "ModuleOp", values: Values, label: str) -> None:
        self.module, self.values, self.label = module, values, label
        self.ops: list[Operation] = []
        self.notices: list[Notice] = []
        self.names: dict[SSAValue, str] = {}
        self.types: dict[Attribute, tuple[ValueType, bool]] = {}
        self.functions: dict[str, Operation] = {}
        self.globals: dict[str, Attribute] = {}
        self.called: dict[str, None] = {}
        self.guessed: dict[str, None] = {}
        for op in module.walk():
            found = all_attributes(op)
            symbol = text(found.get("sym_name"))
            if op_name(op) == "func.func" and op.regions and op.regions[0].blocks:
                self.functions[symbol] = op
            elif symbol and "type" in found:
                self.globals[symbol] = found["type"]
        self.keys = {symbol: _function_key(op, symbol) for symbol, op in self.functions.items()}
        repeated = {key for key, count in Counter(self.keys.values()).items() if count > 1}
        self.overloads = {symbol: symbol if key in repeated else "" for symbol, key in self.keys.items()}

    def model(self) -> Imported:
        """The model that the module stands for.

        Raises NotAModelError where the module has no function, or none with an op of ONNX.
        """
        import onnx

        main = self._main()
        found = {**all_attributes(self.module), **all_attributes(main)}
        opsets = self._opsets(found)
        ir_version = integer(found.get("torch.onnx_meta.ir_version")) or integer(found.get(f"{OURS}ir_version"))
        proto = onnx.ModelProto(ir_version=ir_version or onnx.IR_VERSION)
        producer = ("torch.onnx_meta.producer_name", "torch.onnx_meta.producer_version", f"{OURS}producer")
        proto.producer_name = " ".join(filter(None, (text(found.get(name)) for name in producer)))
        proto.opset_import.extend(onnx.helper.make_opsetid(name, version) for name, version in opsets.items())
        proto.graph.name = text(found.get("sym_name"))
        self._main_graph(main, _Scope(proto.graph, ChainMap({}), opsets))
        built: set[str] = set()
        while pending := [symbol for symbol in self.called if symbol not in built]:
            built.update(pending)
            for symbol in pending:
                self._function(symbol, opsets, proto.functions.add())
        # onnx-mlir states no version of any domain.
        others = dict.fromkeys(node.domain for node in proto.graph.node if node.domain not in opsets)
        proto.opset_import.extend(onnx.helper.make_opsetid(name, 1) for name in others)
        if not any(op_name(op).startswith(("onnx.", "torch.operator")) for op in self.ops):
            found_names = ", ".join(dict.fromkeys(op_name(op) for op in self.ops[:5])) or "none"
            raise NotAModelError(
                f"{self.label}: holds no op of ONNX (the first are {found_names}); wanted the onnx dialect, or "
                'torch.operator "onnx.*"; analyse the module before it is lowered'
            )
        if assumed := text(found.get(f"{OURS}assume_dtype")):
            self._note(
                "width-was-assumed",
                f"the module's figures are of floating tensors assumed {assumed}, its types are the file's; "
                f"--assume-dtype {assumed} gives those figures again",
            )
        if self.guessed:
            names = ", ".join(self.guessed)
            self._note("domain-assumed", f"the module does not say the domain of {names}; com.microsoft is assumed")
        return Imported(proto, tuple(self.ops), tuple(self.notices))

    def _note(self, code: str, message: str) -> None:
        self.notices.append(Notice(code, "", message))

    def _main(self) -> "Operation":
        """The function that an entry point names, else the first that is public and not called."""
        found = [(op_name(op), all_attributes(op)) for op in self.module.walk()]
        named = {text(attributes.get("func")) for name, attributes in found if name == "onnx.EntryPoint"}
        called = {text(attributes.get("callee")) for _, attributes in found}
        public = {symbol for symbol, op in self.functions.items() if "sym_visibility" not in all_attributes(op)}
        for chosen in (named, public - called, public, set(self.functions)):
            first = next((op for symbol, op in self.functions.items() if symbol in chosen), None)
            if first is not None:
                return first
        raise NotAModelError(
            f"{self.label}: holds no func.func with a body; wanted a module of ONNX ops, as onnx-mlir and torch-mlir "
            "import it and analyze --mlir writes it"
        )

    def _opsets(self, found: "Mapping[str, Attribute]") -> dict[str, int]:
        """The versions that the module states, else the newest that the onnx library knows, with a notice."""
        import onnx

        stated = integer(found.get("torch.onnx_meta.opset_version"))
        opsets = {"": stated} if stated else {}
        opsets.update(versions(found.get("torch.onnx_meta.opset_versions")))
        opsets.update(versions(found.get(f"{OURS}opset_versions")))
        if "" not in opsets:
            opsets[""] = onnx.defs.onnx_opset_version()
            self._note(
                "no-opset", f"the module states no opset; version {opsets['']} of ai.onnx, the newest, is assumed"
            )
        return opsets

    def _main_graph(self, main: "Operation", scope: _Scope) -> None:
        block, found = main.regions[0].blocks[0], all_attributes(main)
        given = [entries(item) for item in getattr(found.get("arg_attrs"), "data", ())]
        results = [entries(item) for item in getattr(found.get("res_attrs"), "data", ())]
        wanted = {
            value: text(attributes.get("onnx.name"))
            for value, attributes in zip(_results_of(block), results, strict=False)
            if (maker := _maker(value)) is not None and op_name(maker) not in _ABSENT | _CASTS
        }
        for argument, attributes in zip(block.args, given or ({},) * len(block.args), strict=False):
            kind, is_absent = self._kind(argument)
            if is_absent:
                self.names[argument] = ""
                continue
            if str(argument.type).startswith("!torch.vtensor<[],"):
                # The signature of a model has ranks, so that this is a scalar.
                kind = ValueType(kind.dtype, ())
            name = self._named(argument, scope, text(attributes.get("onnx.name")))
            names = _dim_names(text(attributes.get("onnx.dim_params")))
            scope.proto.input.add(name=name, type=kind.proto(names))
        for value, name in wanted.items():
            if name and name not in scope.taken and value not in self.names:
                self._named(value, scope, name)
        self._fill(block, scope)

    def _function(self, symbol: str, opsets: Mapping[str, int], proto: "onnx.FunctionProto") -> None:
        import onnx

        op = self.functions[symbol]
        found = all_attributes(op)
        own = versions(found.get(f"{OURS}opset_versions")) or opsets
        proto.domain, proto.name = self.keys[symbol]
        proto.overload = self.overloads[symbol]
        proto.opset_import.extend(onnx.helper.make_opsetid(name, version) for name, version in own.items())
        block = op.regions[0].blocks[0]
        scope = _Scope(proto, ChainMap({}), own, is_function=True)
        given = [text(entries(item).get("onnx.name")) for item in getattr(found.get("arg_attrs"), "data", ())]
        for argument, name in zip(block.args, given or ("",) * len(block.args), strict=False):
            proto.input.append(self._named(argument, scope, name))
        self._fill(block, scope)

    def _body(self, block: "Block", outer: _Scope) -> "onnx.GraphProto":
        import onnx

        graph = onnx.GraphProto(name="body")
        scope = _Scope(graph, outer.taken.new_child(), outer.opsets)
        for argument in block.args:
            name = self._named(argument, scope)
            graph.input.add(name=name, type=self._kind(argument)[0].proto())
        self._fill(block, scope)
        return graph

    def _fill(self, block: "Block", scope: _Scope) -> None:
        """The ops of a block as nodes and initializers, and what it returns as outputs."""
        for op in block.ops:
            name = op_name(op)
            if name in _TERMINATORS:
                break
            if name in _ABSENT or name in _CASTS:
                continue
            if not self._is_initializer(op, scope):
                self._node(op, scope)
        for value in _results_of(block):
            name = self._name_of(value, scope)
            if scope.is_function:
                scope.proto.output.append(name)
            elif name:
                scope.proto.output.add(name=name, type=self._kind(value)[0].proto())

    def _is_initializer(self, op: "Operation", scope: _Scope) -> bool:
        """Whether an op only holds a tensor, which then is one of the graph's; a function of ONNX holds none."""
        import onnx

        found = all_attributes(op)
        if len(op.results) != 1 or scope.is_function:
            return False
        if op_name(op) == "util.global.load" and (kind := self.globals.get(text(found.get("global")))) is not None:
            known = value_type(str(kind))
            tensor = self.values.skipped("", known, tuple(dim or 0 for dim in known.dims or ()))
        else:
            head = head_of(op, scope.opsets)
            value = head.attributes.get("value")
            if head.op_type != "Constant" or value is None or f"{OURS}outputs" in found:
                return False
            made = self.values.tensor(value, "")
            if made is None:
                return False
            tensor = made
        tensor.name = self._named(op.results[0], scope)
        values = integer(found.get(f"{OURS}sparse_values"))
        if values is None:
            scope.proto.initializer.append(tensor)
            return True
        sparse = onnx.SparseTensorProto(values=tensor, dims=tensor.dims)
        sparse.values.ClearField("dims")
        sparse.values.dims.append(values)
        scope.proto.sparse_initializer.append(sparse)
        return True

    def _node(self, op: "Operation", scope: _Scope) -> None:
        import onnx

        head = head_of(op, scope.opsets)
        if head.is_guessed:
            self.guessed[head.op_type] = None
        node = onnx.NodeProto(name=node_name(op), op_type=head.op_type, domain=head.domain)
        if head.callee in self.functions:
            self.called[head.callee] = None
            (node.domain, node.op_type), node.overload = self.keys[head.callee], self.overloads[head.callee]
        node.input.extend(self._name_of(value, scope) for value in op.operands)
        stated = texts(all_attributes(op).get(f"{OURS}outputs"))
        for position, result in enumerate(op.results):
            kind, is_absent = self._kind(result)
            if is_absent and result.first_use is None:
                self.names[result] = ""
            name = self._named(result, scope, stated[position] if position < len(stated) else "")
            node.output.append(name)
            if name and not scope.is_function and kind != ValueType():
                scope.proto.value_info.add(name=name, type=kind.proto())
        self._attributes(op, head, node, scope)
        node.metadata_props.add(key=PLACE_KEY, value=str(len(self.ops)))
        self.ops.append(op)
        scope.proto.node.append(node)

    def _attributes(self, op: "Operation", head: Head, node: "onnx.NodeProto", scope: _Scope) -> None:
        import onnx

        kinds = attribute_kinds(head.domain, head.op_type, head.version or scope.opsets.get(head.domain, 1))
        for name, value in head.attributes.items():
            attribute = self.values.attribute(name, value, kinds.get(name, 0))
            if attribute is not None:
                node.attribute.append(attribute)
        if kinds.get("type") == onnx.AttributeProto.TYPE_PROTO and not node.input:
            # What an empty optional would hold stands in its own type.
            inner = self._kind(op.results[0])[0].proto().optional_type.elem_type
            node.attribute.append(onnx.helper.make_attribute("type", inner))
        for name, region in zip(_body_names(head, len(op.regions)), op.regions, strict=True):
            if region.blocks:
                body = self._body(region.blocks[0], scope)
                node.attribute.add(name=name, type=onnx.AttributeProto.GRAPH, g=body)
        if head.version is not None:
            node.metadata_props.add(key=VERSION_KEY, value=str(head.version))
        module = text(all_attributes(op).get(f"{OURS}module"))
        if module and module != "/".join(part for part in node.name.split("/")[:-1] if part):
            node.metadata_props.add(key=_SCOPES_KEY, value=_scopes(module))

    def _kind(self, value: "SSAValue") -> tuple[ValueType, bool]:
        """The type of a value, and whether it is that of no value."""
        found = self.types.get(value.type)
        if found is None:
            shown = str(value.type)
            found = self.types[value.type] = (value_type(shown), is_none(shown))
        return found

    def _name_of(self, value: "SSAValue", scope: _Scope) -> str:
        """The name of a value that is read: of a cast the one that is cast, "" of none."""
        while value not in self.names and (maker := _maker(value)) is not None:
            if op_name(maker) in _ABSENT:
                return ""
            if op_name(maker) not in _CASTS or len(maker.operands) != 1:
                break
            value = maker.operands[0]
        return self._named(value, scope)

    def _named(self, value: "SSAValue", scope: _Scope, wanted: str = "") -> str:
        """The name of a value; a new one takes the name that is wanted, or one that its op gives, if it is free."""
        if value in self.names:
            return self.names[value]
        name = wanted or _own_name(value)
        chosen, number = name, 1
        while chosen in scope.taken:
            number += 1
            chosen = f"{name}_{number}"
        scope.taken[chosen] = None
        self.names[value] = chosen
        return chosen


def _maker(value: "SSAValue") -> "Operation | None":
    """The op that makes a value; None for the argument of a block."""
    from xdsl.ir import Operation

    return value.owner if isinstance(value.owner, Operation) else None


def _own_name(value: "SSAValue") -> str:
    """The name that a value brings along: of the tensor, of the location of a constant, of a global, of the text."""
    maker = _maker(value)
    if maker is not None:
        found = all_attributes(maker)
        position = next(place for place, result in enumerate(maker.results) if result is value)
        stated = texts(found.get(f"{OURS}outputs"))[position : position + 1]
        located = ""
        if head_of(maker, {}).op_type == "Constant":
            located = text(found.get(f"{OURS}name")) or location_name(maker)
        if name := next(filter(None, (*stated, located, text(found.get("global")))), ""):
            return name
    return value.name_hint or "value"


def _results_of(block: "Block") -> "tuple[SSAValue, ...]":
    """What the terminator of a block names; nothing where it has none."""
    last = block.last_op
    return tuple(last.operands) if last is not None and op_name(last) in _TERMINATORS else ()


def _body_names(head: Head, count: int) -> tuple[str, ...]:
    return head.bodies if len(head.bodies) == count else tuple(f"body{number}" for number in range(count))


def _function_key(op: "Operation", symbol: str) -> tuple[str, str]:
    """Domain and name of a function: as the file had them, else its symbol in a domain of its own."""
    domain, found, name = text(all_attributes(op).get(f"{OURS}function")).partition("::")
    return (domain, name.partition(":")[0]) if found else ("func", symbol)


def _dim_names(listed: str) -> dict[int, str]:
    """`0:batch,1:sequence` -> {0: "batch", 1: "sequence"}.

    >>> _dim_names("0:batch,2:heads"), _dim_names("")
    ({0: 'batch', 2: 'heads'}, {})
    """
    pairs = (part.partition(":") for part in listed.split(","))
    return {int(axis): name for axis, _, name in pairs if axis.isdecimal() and len(axis) < 4 and name}


def _scopes(module: str) -> str:
    """A module's path as the exporter's list of scopes: `a/b` -> `['a', 'a.b', 'op']`."""
    parts = module.split("/")
    return repr([".".join(parts[: end + 1]) for end in range(len(parts))] + ["op"])

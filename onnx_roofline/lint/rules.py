"""The table of rules."""

from onnx_roofline.lint import graph_rules as graph
from onnx_roofline.lint import quantized_rules as quantized
from onnx_roofline.lint import run_rules as runs
from onnx_roofline.lint import type_rules as types
from onnx_roofline.lint.records import LintRule

RULES: tuple[LintRule, ...] = (
    LintRule("OR301", "unaligned-channels", "warning",
             "a matrix unit takes channels in units of 16 bytes: the last few take a whole one",
             "choose the multiple of 16 bytes below it", types.unaligned, types.with_narrow_widths),
    LintRule("OR302", "quantised-for-nothing", "warning",
             "two passes over the tensor, and precision, for an op that computes in floating point all the same",
             "remove the pair, or quantise the other operand too", quantized.fake_quantized),
    LintRule("OR303", "lone-dequantize", "warning",
             "the tensor is written in floats and read again, which is more than its integers",
             "leave out the QuantizeLinear before it, or give each reader a DequantizeLinear of its own",
             quantized.lone_dequantize),
    LintRule("OR304", "float-result-of-integers", "note",
             "a product in integers writes floats, two to four times the bytes",
             "quantise the result too where the next op takes integers", quantized.float_output),
    LintRule("OR305", "cast-and-back", "warning", "two passes over a tensor that is what it was",
             "remove both casts", graph.casts_back),
    LintRule("OR306", "transpose-and-back", "warning", "two passes over a tensor that is what it was",
             "remove both transposes, or keep one layout", graph.transposes_back),
    LintRule("OR307", "copy-of-a-tensor", "warning", "a pass over a tensor that changes nothing", "remove the op",
             graph.keeps_all),
    LintRule("OR308", "cache-is-copied", "warning", "every token copies all the tokens before it",
             "use a backend that shares the buffer of past and present, or an op that updates it in place",
             runs.copied_caches, runs.with_shared_buffers),
    LintRule("OR309", "cache-not-recognised", "note", "what looks like a cache is made anew in every run",
             "state it: --cache IN=OUT, or --no-cache IN", runs.suspected_caches, runs.with_stated_caches),
    LintRule("OR310", "double-precision", "warning", "64-bit floats run at a fraction of the 32-bit peak",
             "export in float32", types.double_arithmetic, types.without_doubles),
    LintRule("OR311", "long-integers", "note", "a GPU computes 64-bit integers in several steps", "use int32",
             types.long_arithmetic, types.with_short_integers),
    LintRule("OR312", "computed-twice", "warning", "the same op on the same tensors runs again",
             "share the first result; an optimiser's common-subexpression pass does it", graph.repeated),
    LintRule("OR313", "mask-per-layer", "warning", "the same mask is built again, often once a layer",
             "build it once, outside the layers", graph.repeated_masks),
    LintRule("OR314", "dead-op", "warning", "its result leads to no output", "remove it", graph.dead),
    LintRule("OR315", "work-on-stored-values", "note", "it runs at every load, and again where nothing folds it",
             "fold constants when exporting", runs.on_stored_values, runs.with_constant_work,
             "load"),
    LintRule("OR316", "spelled-out", "note", "the backend doesn't know the pattern and runs it as several kernels",
             "export to the opset that has the op", graph.spelled_out, graph.as_single_ops),
    LintRule("OR317", "breaks-fusion", "note", "the two would be one kernel, and what is between goes through memory",
             "do the elementwise op first", runs.breaks_fusion),
    LintRule("OR318", "unfolded-batchnorm", "warning", "a scale and a shift that the convolution's weights can hold",
             "fold it when exporting: eval mode, or an optimiser", graph.unfolded_norm),
    LintRule("OR319", "expanded-operand", "warning", "the readers broadcast by themselves, and read more this way",
             "remove the Expand", graph.expanded),
)  # fmt: skip

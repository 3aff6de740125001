"""Sequences, optionals and strings."""

from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.registry import rule, view, work
from onnx_roofline.ops.view import OpView

view("Optional", "OptionalGetElement", "OptionalHasElement", why="a container around the same bytes")
view("SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase", why="a container around the same tensors")
view("SequenceAt", "SequenceLength", why="the answer is in the container")

# Characters of a string that nobody has seen; a word of English has about 5, an identifier about 16. Assumed.
_CHARACTERS = 16


@rule("ConcatFromSequence")
def concat_from_sequence(op: OpView) -> Work:
    """nothing; copies every tensor of the sequence into the output.

    Source: ONNX ConcatFromSequence-11.
    """
    return work(op, reads={0: op.out.elements}, dtype=op.out.dtype)


@rule("SplitToSequence")
def split_to_sequence(op: OpView) -> Work:
    """nothing; copies the input into the parts.

    Source: ONNX SplitToSequence-24.
    """
    return work(op, writes={0: op.x.elements}, dtype=op.x.dtype)


@rule("StringConcat")
def string_concat(op: OpView) -> Work:
    """nothing; moves characters, how many depends on values.

    Source: ONNX StringConcat-20.
    """
    return work(op, dtype="string")


@rule("StringNormalizer")
def string_normalizer(op: OpView) -> Work:
    """int_ops: 16 N for the case, and 16 N for each stop word; 16 characters a string.

    Source: ONNX StringNormalizer-10; the length of a string is assumed.
    """
    changes_case = op.str_attr("case_change_action", "NONE") != "NONE"
    passes = (1 if changes_case else 0) + len(op.list_attr("stopwords"))
    counts = Counts(int_ops=passes * _CHARACTERS * op.x.elements)
    return work(op, counts, dtype="string", status="heuristic")


@rule("StringSplit", "RegexFullMatch")
def string_scan(op: OpView) -> Work:
    """int_ops: 16 N, one step for each character; 16 characters a string.

    Source: ONNX StringSplit-20, RegexFullMatch-20 (an automaton, as RE2's); the length of a string is assumed.
    """
    return work(op, Counts(int_ops=_CHARACTERS * op.x.elements), dtype="string", status="heuristic")


@rule("TfIdfVectorizer")
def tf_idf_vectorizer(op: OpView) -> Work:
    """int_ops: tokens x n-gram lengths x (skips + 1) look-ups, each of ceil(log2(pool + 1)) steps + muls: n weights.

    Source: ONNX TfIdfVectorizer-9; the look-up is the runtime's choice, n-grams that don't fit are not taken off.
    """
    lengths = op.int_attr("max_gram_length", 1) - op.int_attr("min_gram_length", 1) + 1
    pool = len(op.list_attr("ngram_indexes"))
    look_ups = op.x.elements * lengths * (op.int_attr("max_skip_count", 0) + 1)
    scales = op.str_attr("mode", "TF") != "TF" and "weights" in op.attributes
    counts = Counts(int_ops=look_ups * pool.bit_length(), muls=op.out.elements if scales else 0)
    return work(op, counts, dtype=op.out.dtype, status="heuristic")

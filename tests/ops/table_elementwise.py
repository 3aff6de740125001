"""Rows of the elementwise, reducing, normalising and pooling rules."""

from rule_table import Row

from onnx_roofline.ir.records import Counts

F, I, U, B = "float32", "int64", "uint8", "bool"  # noqa: E741  (the dtypes, short)
X = ((F, (2, 3, 4)),)  # 24 elements, one operand
XX = ((F, (2, 3, 4)), (F, (4,)))  # the second is broadcast
SMALL: tuple[Row, ...] = tuple(
    # Unary: each class once per element of 2*3*4 = 24.
    [Row(op, version, X, X, Counts(adds=24)) for op, version in (
        ("Neg", 13), ("Abs", 13), ("Sign", 13), ("Ceil", 13), ("Floor", 13), ("Round", 11))]
    + [Row(op, version, X, X, Counts(transcendentals=24)) for op, version in (
        ("Exp", 13), ("Log", 13), ("Erf", 13), ("Tanh", 13), ("Sqrt", 13), ("Sin", 7), ("Cos", 7), ("Tan", 7),
        ("Asin", 7), ("Acos", 7), ("Atan", 7), ("Sinh", 9), ("Cosh", 9), ("Asinh", 9), ("Acosh", 9), ("Atanh", 9))]
    # Binary: per element of the broadcast output, each operand read once at its own size.
    + [Row(op, version, XX, X, Counts(adds=24), reads=(24, 4)) for op, version in (("Add", 14), ("Sub", 14))]
    + [Row(op, version, XX, X, Counts(divs=24), reads=(24, 4)) for op, version in (("Div", 14), ("Mod", 13))]
    + [Row(op, version, XX, ((B, (2, 3, 4)),), Counts(compares=24), dtype=F) for op, version in (
        ("Equal", 13), ("Greater", 13), ("Less", 13), ("GreaterOrEqual", 16), ("LessOrEqual", 16))]
    + [Row(op, version, X, ((B, (2, 3, 4)),), Counts(compares=24)) for op, version in (("IsNaN", 13), ("IsInf", 10))]
    + [Row(op, 7, ((B, (5, 1)), (B, (1, 6))), ((B, (5, 6)),), Counts(bit_ops=5 * 6)) for op in ("And", "Or", "Xor")]
    + [Row(op, 18, ((U, (5, 1)), (U, (1, 6))), ((U, (5, 6)),), Counts(bit_ops=5 * 6))
       for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor")]
)  # fmt: skip

ROWS: tuple[Row, ...] = (
    *SMALL,
    Row("Mul", 14, XX, X, Counts(muls=24)),
    Row("Mul", 14, ((I, (6,)), (I, ())), ((I, (6,)),), Counts(int_ops=6), dtype=I),  # integers are no floats
    Row("Mul", 1, XX, X, Counts(muls=24), {"broadcast": 1}),  # broadcasting by attribute, before opset 7
    Row("Mul", 14, (("complex64", (3,)), ("complex64", (3,))), (("complex64", (3,)),),
        Counts(muls=4 * 3, adds=2 * 3)),  # (a + bi)(c + di): 4 mul, 2 add
    Row("Pow", 15, XX, X, Counts(transcendentals=24)),
    Row("Reciprocal", 13, X, X, Counts(divs=24)),
    Row("Relu", 14, X, X, Counts(compares=24)),
    Row("Relu", 14, (("int8", (5,)),), (("int8", (5,)),), Counts(int_ops=5)),
    Row("Not", 1, ((B, (7,)),), ((B, (7,)),), Counts(bit_ops=7)),
    Row("BitwiseNot", 18, ((U, (7,)),), ((U, (7,)),), Counts(bit_ops=7)),
    Row("BitShift", 11, ((U, (7,)), (U, (7,))), ((U, (7,)),), Counts(bit_ops=7), {"direction": "LEFT"}),
    Row("LeakyRelu", 16, X, X, Counts(compares=24, muls=24)),  # x < 0 ? alpha x : x
    Row("PRelu", 16, XX, X, Counts(compares=24, muls=24)),
    Row("ThresholdedRelu", 22, X, X, Counts(compares=24)),  # x > alpha ? x : 0
    Row("Shrink", 9, X, X, Counts(compares=2 * 24, adds=24)),  # two sides, x + bias or x - bias
    Row("Elu", 22, X, X, Counts(transcendentals=24, adds=24, muls=24, compares=24)),  # alpha (exp x - 1)
    # As Elu of x / alpha, one division more.
    Row("Celu", 12, X, X, Counts(transcendentals=24, adds=24, muls=24, divs=24, compares=24)),
    Row("Selu", 22, X, X, Counts(transcendentals=24, adds=24, muls=2 * 24, compares=24)),  # gamma (alpha exp x - alpha)
    Row("Sigmoid", 13, X, X, Counts(transcendentals=24, adds=24, divs=24)),  # 1 / (1 + exp -x)
    Row("Softplus", 22, X, X, Counts(transcendentals=2 * 24, adds=24)),  # log(1 + exp x)
    Row("Softsign", 22, X, X, Counts(adds=2 * 24, divs=24)),  # x / (1 + |x|)
    Row("HardSigmoid", 22, X, X, Counts(muls=24, adds=24, compares=2 * 24)),  # max(0, min(1, alpha x + beta))
    Row("HardSwish", 22, X, X, Counts(muls=2 * 24, adds=24, compares=2 * 24)),  # x times that
    Row("Mish", 22, X, X, Counts(transcendentals=3 * 24, adds=24, muls=24)),  # x tanh(log(1 + exp x))
    Row("Swish", 24, X, X, Counts(transcendentals=24, adds=24, divs=24, muls=24)),  # x / (1 + exp -x)
    Row("Swish", 24, X, X, Counts(transcendentals=24, adds=24, divs=24, muls=2 * 24), {"alpha": 1.5}),
    Row("SwiGLU", 28, (*X, *X), X, Counts(transcendentals=24, adds=24, divs=24, muls=2 * 24)),  # a / (1 + exp -a) * b
    Row("Gelu", 20, X, X, Counts(transcendentals=24, adds=24, muls=2 * 24, divs=24)),  # 0.5 x (1 + erf(x / sqrt 2))
    # 0.5 x (1 + tanh(c (x + 0.044715 x x x))): 2 for the cube, one each for 0.044715, c, 0.5, x
    Row("Gelu", 20, X, X, Counts(transcendentals=24, adds=2 * 24, muls=6 * 24), {"approximate": "tanh"}),
    Row("Clip", 13, (*X, (F, ()), (F, ())), X, Counts(compares=2 * 24), reads=(24, 1, 1)),
    Row("Clip", 13, (*X, None, (F, ())), X, Counts(compares=24)),
    Row("Clip", 6, X, X, Counts(compares=2 * 24), {"min": 0.0, "max": 6.0}),  # bounds as attributes
    Row("Clip", 6, X, X, Counts(), {}),
    Row("Sum", 13, (*X, *X, *X), X, Counts(adds=2 * 24)),
    Row("Mean", 13, (*X, *X, *X), X, Counts(adds=2 * 24, divs=24)),
    Row("Max", 13, (*X, *X, *X), X, Counts(compares=2 * 24)),
    Row("Min", 13, (*X, *X), X, Counts(compares=24)),
    Row("Where", 16, ((B, (2, 1, 4)), *X, (F, ())), X, Counts(compares=24), reads=(8, 24, 1), dtype=F),
    # Reductions: N = 2*3*4 to n = 2*4 over the middle axis, 24 - 8 = 16 steps.
    *[Row(f"Reduce{name}", 18, (*X, (I, (1,), [1])), ((F, (2, 1, 4)),), counts, {"keepdims": 1}) for name, counts in (
        ("Sum", Counts(adds=16)), ("Mean", Counts(adds=16, divs=8)), ("Max", Counts(compares=16)),
        ("Min", Counts(compares=16)), ("Prod", Counts(muls=16)), ("L1", Counts(adds=24 + 16)),
        ("SumSquare", Counts(muls=24, adds=16)), ("L2", Counts(muls=24, adds=16, transcendentals=8)),
        ("LogSum", Counts(adds=16, transcendentals=8)),
        # 16 for the maximum, 24 to take it off, 24 exp, 16 to sum, 8 log, 8 to add it again
        ("LogSumExp", Counts(compares=16, adds=24 + 16 + 8, transcendentals=24 + 8)))],
    Row("ReduceMean", 1, X, ((F, (2, 4)),), Counts(adds=16, divs=8), {"axes": (1,), "keepdims": 0}),
    Row("ReduceMean", 18, X, X, Counts(), {"noop_with_empty_axes": 1}),  # the identity
    Row("ReduceSumSquare", 18, X, X, Counts(muls=24), {"noop_with_empty_axes": 1}),  # squares without sums
    Row("ReduceMax", 20, ((B, (4, 5)),), ((B, (4, 1)),), Counts(bit_ops=4 * 5 - 4)),
    *[Row(op, 13, X, ((I, (2, 1, 4)),), Counts(compares=16), {"axis": 1}) for op in ("ArgMax", "ArgMin")],
    Row("CumSum", 14, (*X, (I, (), 1)), X, Counts(adds=2 * 4 * (3 - 1)), reads=(24, 1)),  # 8 rows of 3
    Row("CumSum", 14, (*X, (I, (), 1)), X, Counts(adds=2 * 4 * (3 - 2)), {"exclusive": 1}),  # the last is not added
    Row("CumSum", 14, (*X, (I, ())), X, Counts(adds=24), status="bounded"),  # which axis is not known
    Row("CumProd", 26, (*X, (I, (), -1)), X, Counts(muls=2 * 3 * (4 - 1))),
    # a heap of 5: ceil(log2(5 + 1)) = 3 comparisons for each of 2*100
    Row("TopK", 11, ((F, (2, 100)), (I, (1,), [5])), ((F, (2, 5)), (I, (2, 5))), Counts(compares=200 * 3),
        status="heuristic"),
    Row("TopK", 1, ((F, (2, 100)),), ((F, (2, 1)), (I, (2, 1))), Counts(compares=200 * 1), {"k": 1, "axis": 1},
        status="heuristic"),
    # Rows of 4: R = 6, n = 24. max n - R, sub n, exp n, sum n - R, div n
    Row("Softmax", 13, X, X, Counts(compares=18, adds=24 + 18, transcendentals=24, divs=24)),
    # Before opset 13 all axes from 1 on are one row: R = 2
    Row("Softmax", 11, X, X, Counts(compares=22, adds=24 + 22, transcendentals=24, divs=24)),
    # max n - R, sub n, exp n, sum n - R, log R, sub n
    Row("LogSoftmax", 13, X, X, Counts(compares=18, adds=24 + 18 + 24, transcendentals=24 + 6)),
    # one row from axis 1 on: R = 2
    Row("LogSoftmax", 1, X, X, Counts(compares=22, adds=24 + 22 + 24, transcendentals=24 + 2)),
    Row("Hardmax", 13, X, X, Counts(compares=24 - 6)),
    Row("Hardmax", 1, X, X, Counts(compares=24 - 2)),
    # 6 rows of 4: mean 18 add 6 div; deviation 24; squares 24 mul; mean 18 add 6 div; epsilon 6; rsqrt 6; 24 mul;
    # scale 24 mul
    Row("LayerNormalization", 17, (*X, (F, (4,))), X,
        Counts(adds=18 + 24 + 18 + 6, muls=24 + 24 + 24, divs=6 + 6, transcendentals=6), {"axis": -1}),
    Row("LayerNormalization", 17, (*X, (F, (3, 4)), (F, (3, 4))), (*X, (F, (2, 1, 1)), (F, (2, 1, 1))),
        Counts(adds=22 + 24 + 22 + 2 + 24, muls=24 + 24 + 24, divs=2 + 2, transcendentals=2), {"axis": 1}),
    # squares 24, sums 18, division 6, epsilon 6, rsqrt 6, product 24, scale 24
    Row("RMSNormalization", 23, (*X, (F, (4,))), X, Counts(adds=18 + 6, muls=3 * 24, divs=6, transcendentals=6)),
    Row("BatchNormalization", 15, ((F, (2, 3, 4)), *[(F, (3,))] * 4), X, Counts(adds=24, muls=24)),
    Row("BatchNormalization", 9, ((F, (2, 3, 4)), *[(F, (3,))] * 4), X, Counts(adds=24, muls=24)),
    # training: 3 channels of 8 as rows, scale and bias; then two running averages of a x + (1 - a) y: 2 mul, 1 add
    Row("BatchNormalization", 15, ((F, (2, 3, 4)), *[(F, (3,))] * 4), (*X, (F, (3,)), (F, (3,))),
        Counts(adds=21 + 24 + 21 + 3 + 24 + 2 * 3, muls=3 * 24 + 4 * 3, divs=2 * 3, transcendentals=3),
        {"training_mode": 1}),
    Row("InstanceNormalization", 6, ((F, (2, 3, 4)), (F, (3,)), (F, (3,))), X,
        Counts(adds=18 + 24 + 18 + 6 + 24, muls=3 * 24, divs=12, transcendentals=6)),  # 6 rows of 4
    Row("GroupNormalization", 21, ((F, (2, 6, 4)), (F, (6,)), (F, (6,))), ((F, (2, 6, 4)),),
        Counts(adds=44 + 48 + 44 + 4 + 48, muls=3 * 48, divs=8, transcendentals=4), {"num_groups": 2}),  # 4 rows of 12
    # 24 squares; 5 squares and a bias less one: 5 adds; times alpha / size, to the power of beta, the quotient
    Row("LRN", 13, ((F, (1, 6, 2, 2)),), ((F, (1, 6, 2, 2)),),
        Counts(muls=2 * 24, adds=5 * 24, divs=24, transcendentals=24), {"size": 5}),
    Row("LpNormalization", 22, X, X, Counts(muls=24, adds=24 - 6, transcendentals=6, divs=24), {"p": 2, "axis": -1}),
    Row("LpNormalization", 1, X, X, Counts(adds=24 + 24 - 8, divs=24), {"p": 1, "axis": 1}),  # |x|, 8 rows of 3
    # axes 0, 2, 3: 3 rows of 2*4*5 = 40, n = 120. means 117 + 3, 117 + 3; x - mean 120; squares 120; root 3; epsilon
    # 3; 120 div
    Row("MeanVarianceNormalization", 13, ((F, (2, 3, 4, 5)),), ((F, (2, 3, 4, 5)),),
        Counts(adds=117 + 117 + 120 + 3, muls=120, divs=3 + 3 + 120, transcendentals=3)),
    # Pooling: 1*2*5*5 = 50 outputs
    Row("MaxPool", 12, ((F, (1, 2, 10, 10)),), ((F, (1, 2, 5, 5)), (I, (1, 2, 5, 5))), Counts(compares=50 * (6 - 1)),
        {"kernel_shape": (2, 3), "strides": (2, 2)}),
    Row("AveragePool", 19, ((F, (1, 2, 10, 10)),), ((F, (1, 2, 5, 5)),), Counts(adds=50 * (9 - 1), divs=50),
        {"kernel_shape": (3, 3), "dilations": (2, 2)}),  # a dilated window has as many taps
    Row("LpPool", 18, ((F, (1, 2, 10, 10)),), ((F, (1, 2, 5, 5)),),
        Counts(muls=50 * 4, adds=50 * 3, transcendentals=50), {"kernel_shape": (2, 2)}),
    Row("LpPool", 1, ((F, (1, 2, 10, 10)),), ((F, (1, 2, 5, 5)),),
        Counts(transcendentals=50 * 4 + 50, adds=50 * 3), {"kernel_shape": (2, 2), "p": 3.0}),  # p is a float here
    Row("LpPool", 11, ((F, (1, 2, 10, 10)),), ((F, (1, 2, 5, 5)),), Counts(adds=50 * 4 + 50 * 3),
        {"kernel_shape": (2, 2), "p": 1}),
    Row("GlobalAveragePool", 1, ((F, (2, 3, 7, 7)),), ((F, (2, 3, 1, 1)),), Counts(adds=6 * 48, divs=6)),
    Row("GlobalMaxPool", 1, ((F, (2, 3, 7, 7)),), ((F, (2, 3, 1, 1)),), Counts(compares=6 * 48)),
    Row("GlobalLpPool", 2, ((F, (2, 3, 7, 7)),), ((F, (2, 3, 1, 1)),),
        Counts(muls=6 * 49, adds=6 * 48, transcendentals=6)),
)  # fmt: skip

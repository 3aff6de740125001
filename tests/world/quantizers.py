"""One layer of sample models with random weights, for quantisers that need values."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper, utils

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
# Sample -> inputs and outputs of the layer that is cut out.
CUTS = {
    "bert_base": (("token_type_ids", "input_ids", "attention_mask", "layer_norm"), ("layer_norm_2",)),
    "llama_decode": (
        (
            "input_ids",
            "embedding",
            "attention_mask",
            *(f"past.{layer}.{part}" for layer in (0, 1, 6) for part in ("key", "value")),
        ),
        ("add_381", "present.0.key", "present.0.value"),
    ),
    "stacked_decode": (("add_11", "past"), ("add_133", "stack")),
}
DIMS = {
    "bert_base": {"batch": 2, "sequence": 24},
    "llama_decode": {"batch": 2, "past_sequence": 31},
    "stacked_decode": {"batch": 2, "past_sequence": 31},
}


def with_weights(sample: str) -> onnx.ModelProto:
    """One layer of a sample, with random values for what the file leaves out."""
    whole = onnx.load(SAMPLES / f"{sample}.onnx", load_external_data=False)
    inputs, outputs = CUTS[sample]
    model: onnx.ModelProto = utils.Extractor(whole).extract_model(list(inputs), list(outputs))
    numbers = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
            values = (0.05 * numbers.standard_normal(tuple(tensor.dims))).astype(dtype)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return model

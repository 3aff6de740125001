"""Sample models with random weights, cut to one layer where they have many, and what onnxruntime's quantisers make."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper, utils

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
# Sample -> inputs and outputs of what is cut out; () is all of it.
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
    "stacked_decode": (),
}
DIMS = {
    "bert_base": {"batch": 2, "sequence": 24},
    "llama_decode": {"batch": 2, "past_sequence": 31},
    "stacked_decode": {"batch": 2, "past_sequence": 31},
}


def with_weights(sample: str) -> onnx.ModelProto:
    """A sample, or one layer of it, with random values for what the file leaves out."""
    model = onnx.load(SAMPLES / f"{sample}.onnx", load_external_data=False)
    if CUTS[sample]:
        inputs, outputs = CUTS[sample]
        model = utils.Extractor(model).extract_model(list(inputs), list(outputs))
    numbers = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
            values = (0.05 * numbers.standard_normal(tuple(tensor.dims))).astype(dtype)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return model

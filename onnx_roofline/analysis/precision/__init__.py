"""Another precision of weights, caches and activations: the model as a quantiser would write it, then analysed as any.

Design. `--quantize` is no second way of counting: it changes what is analysed. The model is run as exported up to its
caches, so that shapes, products and caches are known; the graph is rewritten with the Q and DQ ops that a quantiser
would insert, stored tensors of the new types among them; and the passes run on that. Folding, traffic, caches, peaks
and time are then those of a file that is really quantised (`ops/`, `fusion/quantized*`, `memory/kv_caches`).

| kind | what is written |
|---|---|
| weights | each stored matrix or kernel of a product becomes data, scales and zero points behind a DequantizeLinear |
| activations of 8 bits | each tensor that a product with weights reads goes through a Q and a DQ op (QDQ, static) |
| activations of 16 bits or more | nothing: floating tensors are taken at that width, scales too (`--assume-dtype`) |
| cache | the cache and what becomes of it stay quantised: Q at the rows that are added, DQ where it is read |

`spec.py` reads and prints what is asked for, `edit.py` changes a graph, `weights.py`, `activations.py` and `caches.py`
say what to change, `apply.py` runs them and refuses what can't be. Ignores accuracy: values are never read.
"""

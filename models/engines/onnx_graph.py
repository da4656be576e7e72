"""A graph under construction: ONNX nodes added one expression at a time, its weights kept outside the protobuf.

Weights stay the arrays they are: the session is handed them by name, so nothing is serialised or copied, and a model
beyond protobuf's 2 GB needs no file.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
_IR_VERSION = 9  # the newest that ONNX Runtime 1.20 reads

Array = NDArray[Any]


class Graph:
    """Nodes, constants and weights of one model. A value is its name."""

    def __init__(self) -> None:
        self.weights: dict[str, Array] = {}
        self._nodes: list[Any] = []
        self._initialisers: list[Any] = []
        self._inputs: list[Any] = []

    def input(self, name: str, dtype: type[np.generic], *shape: str | int) -> str:
        """Declare an input; a name in its shape is a length that differs from call to call."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; its output, or a list of them where there are several."""
        number = len(self._nodes)
        names = [f"{kind}_{number}_{k}" if k else f"{kind}_{number}" for k in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, name=names[0], **attributes))
        return names[0] if outputs == 1 else names

    def ints(self, *values: int) -> str:
        """A constant of int64 in one dimension."""
        return self._constant(np.array(values, dtype=np.int64))

    def scalar(self, value: float | np.generic) -> str:
        """A constant of no dimension: int64 for an int, float32 for a float."""
        return self._constant(np.array(value, dtype=np.int64 if isinstance(value, int) else np.float32))

    def weight(self, array: Array) -> str:
        """A weight, by reference."""
        name = f"weight_{len(self._initialisers)}"
        array = np.ascontiguousarray(array)
        tensor = TensorProto(
            name=name,
            data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
            dims=array.shape,
            data_location=TensorProto.EXTERNAL,
        )
        tensor.external_data.add(key="location", value="memory")
        self._initialisers.append(tensor)
        self.weights[name] = array
        return name

    def _constant(self, array: Array) -> str:
        name = f"constant_{len(self._initialisers)}"
        self._initialisers.append(numpy_helper.from_array(array, name))
        return name

    def finish(self, output: str, name: str, *shape: str | int) -> bytes:
        """The serialised model whose one float32 output is `output`, called `name`; without its weights."""
        self._nodes.append(helper.make_node("Identity", [output], [name]))
        value = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self._nodes, "encoder", self._inputs, [value], self._initialisers)
        opset = [helper.make_opsetid("", OPSET)]
        model: onnx.ModelProto = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION)
        return bytes(model.SerializeToString())

"""Rows of a table through an exported network (experiments flights, redhat, table).

`python examples/row.py [FOLDER]`; NumPy is all it takes, for export/onnx onnxruntime besides, for export/litert
ai-edge-litert.
"""

import json
import sys
from pathlib import Path

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "export/numpy")
sys.path.insert(0, str(folder))  # beside the network lies the code that runs it: the package `portable`

from portable.bundle import load

predict = load(folder)
example = json.loads((folder / "example.json").read_text(encoding="utf-8"))

print("a row has", ", ".join(predict.columns))
for row, output in zip(example["input"], predict(example["input"]), strict=True):
    print(row)
    print(dict(zip(predict.outputs, output.tolist(), strict=True)))

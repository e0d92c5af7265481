"""Apply an exported network to the rows of a table (experiments flights, redhat, table).

Usage: `python examples/row.py [FOLDER]`. It needs NumPy; export/onnx also needs onnxruntime, export/litert
also needs ai-edge-litert.
"""

import json
import sys
from pathlib import Path

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "export/numpy")
sys.path.insert(0, str(folder))  # the folder contains the code that runs the network, the package `portable`

from portable.bundle import load

predict = load(folder)
example = json.loads((folder / "example.json").read_text(encoding="utf-8"))

print("a row has", ", ".join(predict.columns))
for row, output in zip(example["input"], predict(example["input"]), strict=True):
    print(row)
    print(dict(zip(predict.outputs, output.tolist(), strict=True)))

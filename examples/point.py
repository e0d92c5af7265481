"""Apply an exported network to points (experiment threshold).

Usage: `python examples/point.py [FOLDER]`. It needs NumPy; export/onnx also needs onnxruntime, export/litert
also needs ai-edge-litert.
"""

import json
import sys
from pathlib import Path

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "export/numpy")
sys.path.insert(0, str(folder))  # the folder contains the code that runs the network, the package `portable`

from portable.bundle import load

side_of = load(folder)
example = json.loads((folder / "example.json").read_text(encoding="utf-8"))

for point, output in zip(example["input"], side_of(example["input"]).tolist(), strict=True):
    print(point, output, "above the threshold" if output > 0 else "not above the threshold")

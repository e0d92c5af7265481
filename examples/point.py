"""Points through an exported network (experiment threshold).

`python examples/point.py [FOLDER]`; NumPy is all it takes, for export/onnx onnxruntime besides, for export/litert
ai-edge-litert.
"""

import json
import sys
from pathlib import Path

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "export/numpy")
sys.path.insert(0, str(folder))  # beside the network lies the code that runs it: the package `portable`

from portable.bundle import load

side_of = load(folder)
example = json.loads((folder / "example.json").read_text(encoding="utf-8"))

for point, output in zip(example["input"], side_of(example["input"]).tolist(), strict=True):
    print(point, output, "above the threshold" if output > 0 else "not above the threshold")

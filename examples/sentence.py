"""Translate sentences with an exported network (experiments enja, tatoeba, parallel).

Usage: `python examples/sentence.py [FOLDER]`. It needs NumPy; export/onnx also needs onnxruntime, export/litert
also needs ai-edge-litert.
"""

import json
import sys
from pathlib import Path

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "export/numpy")
sys.path.insert(0, str(folder))  # the folder contains the code that runs the network, the package `portable`

from portable.bundle import load

translate = load(folder)
example = json.loads((folder / "example.json").read_text(encoding="utf-8"))

for sentence, translations in zip(example["input"], translate(example["input"], beam=5, best=3), strict=True):
    print(sentence)
    for text, score in translations:
        print(f"{score:.4f} {text}")

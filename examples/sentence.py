"""Sentences through an exported translator (experiments enja, tatoeba, parallel).

`python examples/sentence.py [FOLDER]`; NumPy is all it takes, for export/onnx onnxruntime besides, for export/litert
ai-edge-litert.
"""

import json
import sys
from pathlib import Path

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "export/numpy")
sys.path.insert(0, str(folder))  # beside the network lies the code that runs it: the package `portable`

from portable.bundle import load

translate = load(folder)
example = json.loads((folder / "example.json").read_text(encoding="utf-8"))

for sentence, translations in zip(example["input"], translate(example["input"], beam=5, best=3), strict=True):
    print(sentence)
    for text, score in translations:
        print(f"{score:.4f} {text}")

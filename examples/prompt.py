"""Continue a prompt with an exported network (experiments text, char_rnn).

Usage: `python examples/prompt.py [FOLDER]`. It needs NumPy; export/onnx also needs onnxruntime, export/litert
also needs ai-edge-litert.
"""

import json
import sys
from pathlib import Path

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "export/numpy")
sys.path.insert(0, str(folder))  # the folder contains the code that runs the network, the package `portable`

from portable.bundle import load

write = load(folder)
example = json.loads((folder / "example.json").read_text(encoding="utf-8"))

prompt = example["input"]

print(prompt, end="")
for character in write(prompt, length=200, temperature=0.7, seed=1):
    print(character, end="", flush=True)
print()

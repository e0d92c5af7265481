"""A text that an exported network goes on with (experiments text, char_rnn).

`python examples/prompt.py [FOLDER]`; NumPy is all it takes, for export/onnx onnxruntime besides, for export/litert
ai-edge-litert.
"""

import json
import sys
from pathlib import Path

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "export/numpy")
sys.path.insert(0, str(folder))  # beside the network lies the code that runs it: the package `portable`

from portable.bundle import load

write = load(folder)
example = json.loads((folder / "example.json").read_text(encoding="utf-8"))

prompt = example["input"]

print(prompt, end="")
for character in write(prompt, length=200, temperature=0.7, seed=1):
    print(character, end="", flush=True)
print()

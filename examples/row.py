"""A row of a table through an exported network. `python examples/row.py [FOLDER]`; NumPy is all it takes."""

import json
import sys
from pathlib import Path

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "export/numpy")
sys.path.insert(0, str(folder))  # beside the network lies the code that runs it: the package `portable`

from portable.bundle import load

predict = load(folder)
row = json.loads((folder / "example.json").read_text(encoding="utf-8"))[0]

print(row)
(output,) = predict([row])
print(output.tolist())  # one probability; one a class; or an amount

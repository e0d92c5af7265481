"""List the commands."""

import ast
from pathlib import Path


def commands(folder: Path) -> dict[str, str]:
    """Map the name of each command in `folder` to the first line of its docstring."""
    summaries = {}
    for path in sorted(folder.glob("*.py")):
        if not path.stem.startswith("_"):
            # Parsed instead of imported, so that the list does not wait for TensorFlow.
            doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            summaries[path.stem] = doc.partition("\n")[0]
    return summaries


def main() -> None:
    """Print one line for each command."""
    print(
        "python -m pipeline.NAME [OVERRIDES], for example: python -m pipeline.train experiment=flights train.epochs=3\n"
    )
    for name, line in commands(Path(__file__).parent).items():
        print(f"  {name:<12}{line}")


if __name__ == "__main__":
    main()

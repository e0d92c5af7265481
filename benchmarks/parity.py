"""Print a table of exported networks by family and format, from the reports of their exports.

Usage: `python -m benchmarks.parity NAME=FOLDER...`. Each folder is a clone in which `dvc repro` or
`python -m pipeline.export` has written `export/report.json` and `reports/export_times.json`. The output is the Markdown
table of docs/export.md.
"""

import argparse
import json
from pathlib import Path
from typing import Any

HEAD = ("network", "format", "largest difference", "MB", "milliseconds", "of Keras", "score on validation examples")


def rows_of(name: str, report: dict[str, Any], times: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return one row per format."""
    found = []
    for form, each in report["formats"].items():
        networks = each["networks"]
        score = each.get("score")
        found.append(
            (
                name,
                form,
                f"{max(one['largest_difference'] for one in networks.values()):.1e}",
                f"{each['bytes'] / 2**20:.1f}",
                ", ".join(f"{part} {one['milliseconds']:.2g}" for part, one in times[form].items()).replace(
                    "network ", ""
                ),
                f"{score['name']} {score['value']:.4g}, at full precision {score['with_all_bits']:.4g}"
                if score
                else "",
            )
        )
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", metavar="NAME=FOLDER")
    lines = [HEAD, ("---",) * len(HEAD)]
    for each in parser.parse_args().folders:
        name, _, folder = each.rpartition("=")
        report = json.loads((Path(folder) / "export" / "report.json").read_text(encoding="utf-8"))
        times = json.loads((Path(folder) / "reports" / "export_times.json").read_text(encoding="utf-8"))
        lines += rows_of(name or Path(folder).name, report, times)
    print("\n".join(f"| {' | '.join(line)} |" for line in lines))


if __name__ == "__main__":
    main()

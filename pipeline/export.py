"""Write the trained network in the formats of `export.formats`, each compared with Keras."""

import json
from pathlib import Path
from typing import Any

from pipeline.config import Config, command
from pipeline.storage import MODELS, new_folder, write_json
from pipeline.tasks import task_for

EXPORT = Path("export")
REPORT = "report.json"


@command
def main(config: Config) -> None:
    """Write, compare, record, sum up."""
    task = task_for(config)
    task.require_prepared()

    from pipeline.exporting import export
    from pipeline.tracking import run_of_training

    portable = task.predictor(MODELS).portable()
    with new_folder(EXPORT) as scratch:
        samples = task.samples(portable.networks)
        report = export(portable, samples, task.example(), config.export.formats, scratch)
        write_json(scratch / REPORT, report)
    if run := run_of_training(config):
        run.log_text(json.dumps(report, indent=2), f"{EXPORT}/{REPORT}")
    print(summary(report), flush=True)


def summary(report: dict[str, Any]) -> str:
    """Return a line a format."""
    lines = []
    for form, found in report["formats"].items():
        differs = max(each["largest_difference"] for each in found["networks"].values())
        times = [
            f"{name} {each['milliseconds']:.3g} ms (Keras {report['networks'][name]['keras_milliseconds']:.3g})"
            for name, each in found["networks"].items()
        ]
        lines.append(
            f"export: {EXPORT / form}: {found['bytes'] / 2**20:,.1f} MB, differs from Keras by {differs:.1e} at most; "
            f"one example: {', '.join(times)}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()

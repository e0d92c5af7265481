"""Write the trained network in the formats of `export.formats`, each compared with Keras."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.config import Config, command, format_score
from pipeline.storage import MODELS, PROCESSED, REPORTS, new_folder, write_json
from pipeline.tasks import ExportTask, Predictor, require_trained_model

EXPORT = Path("export")
REPORT = "report.json"
TIMES = REPORTS / "export_times.json"


@command
def main(config: Config) -> None:
    """Write, compare, record, sum up."""
    task: ExportTask = config.family.load("exporting")(config)
    task.require_prepared()
    require_trained_model(MODELS, config)

    from pipeline.exporting import export

    predictor: Predictor = config.family.load("predictor").load(MODELS)
    with new_folder(EXPORT) as scratch:
        report = export(
            predictor.bundle(),
            partial(task.encoded_samples, predictor),
            predictor.bundle_example(predictor.example(PROCESSED)),
            config.export.formats,
            scratch,
            partial(task.exported_score, predictor),
        )
        times = taken_out(report)
        write_json(scratch / REPORT, report)
    write_json(TIMES, times)
    print(summary(report, times), flush=True)
    print(f"export: {recorded(config, {**report, 'times': times})}", flush=True)


def taken_out(report: dict[str, Any]) -> dict[str, Any]:
    """Take the times of calls out of a report: all else in export/ is the same whenever it is made."""
    return {
        form: {
            name: {key: network.pop(key) for key in ("milliseconds", "keras_milliseconds")}
            for name, network in found["networks"].items()
        }
        for form, found in report["formats"].items()
    }


def recorded(config: Config, report: dict[str, Any]) -> str:
    """Log the report into the training's run; say where it stands. The export is there, whatever the store says."""
    from pipeline.tracking import TrackingError, log_to_training

    try:
        return f"recorded in run {log_to_training(config, json.dumps(report, indent=2), f'{EXPORT}/{REPORT}')}"
    except TrackingError as error:
        return f"not in the record: {error}"


def summary(report: dict[str, Any], measured: dict[str, Any]) -> str:
    """Return a line a format."""
    lines = []
    for form, found in report["formats"].items():
        differs = max(each["largest_difference"] for each in found["networks"].values())
        times = [
            f"{name} {each['milliseconds']:.3g} ms (Keras {each['keras_milliseconds']:.3g})"
            for name, each in measured[form].items()
        ]
        lines.append(
            f"export: {EXPORT / form}: {found['bytes'] / 2**20:,.1f} MB, differs from Keras by {differs:.1e} at most; "
            f"one call: {', '.join(times)}"
        )
        if "score" in found:
            score = found["score"]
            short, whole = (
                "no number" if score[key] is None else format_score(score[key]) for key in ("value", "with_all_bits")
            )
            said = f"{score['name']} {short}, with all bits {whole}, on {score['examples']:,} validation examples"
            lines.append(f"export: {EXPORT / form}: {said}")
        elif not found["raw_input_agrees"]:
            lines.append(
                f"export: {EXPORT / form}: answers its example otherwise than Keras does; see {EXPORT / REPORT}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""Write the trained network in the formats of `export.formats`, and compare each with Keras."""

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
    """Export the network, compare the formats, record the report and print a summary."""
    task: ExportTask = config.family.load("exporting")(config)
    task.require_prepared()
    require_trained_model(MODELS, config)

    from pipeline.exporting import export

    predictor: Predictor = task.predictor(MODELS)
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
    """Remove the times of calls from a report and return them, because all else in export/ is reproducible."""
    return {
        form: {
            name: {key: network.pop(key) for key in ("milliseconds", "keras_milliseconds")}
            for name, network in result["networks"].items()
        }
        for form, result in report["formats"].items()
    }


def recorded(config: Config, report: dict[str, Any]) -> str:
    """Log report and bundles to the training's run; return a line on success or failure, which does not affect them."""
    from pipeline.tracking import TrackingError, log_to_training

    try:
        texts = {f"{EXPORT}/{REPORT}": json.dumps(report, indent=2)}
        bundles = sorted(path for path in EXPORT.rglob("*") if path.is_file() and path != EXPORT / REPORT)
        files = {path: path.as_posix() for path in bundles} if config.tracking.log_model else {}
        return f"recorded in run {log_to_training(config, texts, files)}"
    except TrackingError as error:
        return f"not recorded: {error}"


def summary(report: dict[str, Any], measured: dict[str, Any]) -> str:
    """Return a line or two for each format."""
    lines = []
    for form, result in report["formats"].items():
        difference = max(network["largest_difference"] for network in result["networks"].values())
        times = [
            f"{name} {time['milliseconds']:.3g} ms (Keras {time['keras_milliseconds']:.3g})"
            for name, time in measured[form].items()
        ]
        lines.append(
            f"export: {EXPORT / form}: {result['bytes'] / 2**20:,.1f} MB, differs from Keras by {difference:.1e} at "
            f"most; one call: {', '.join(times)}"
        )
        if "score" in result:
            score = result["score"]
            reduced, full = (
                "not finite" if score[key] is None else format_score(score[key]) for key in ("value", "with_all_bits")
            )
            comparison = f"{score['name']} {reduced}, at full precision {full}"
            lines.append(f"export: {EXPORT / form}: {comparison}, on {score['examples']:,} validation examples")
        elif not result["raw_input_agrees"]:
            lines.append(
                f"export: {EXPORT / form}: its output for the example differs from that of Keras; see {EXPORT / REPORT}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""Draw the points, the same ones in every run."""

from pipeline.families.threshold.data.points import PointsSchema, draw_points
from pipeline.families.threshold.settings import ThresholdData
from pipeline.storage import AUDIT, PROCESSED, write_json, write_text
from pipeline.tasks import PreprocessTask


class PreprocessPoints(PreprocessTask):
    """Draws points and labels them."""

    def run(self) -> str:
        """Write `data/processed` and the share of points above the threshold per split; return a summary."""
        data: ThresholdData = self.config.data
        schema = PointsSchema(self.config.task, self.prepared, data.dimensions, data.threshold)
        train = int(data.points * (1 - data.validation_fraction))
        counts = {"train": train, "val": data.points - train, "test": data.test_points}
        shares = draw_points(schema, counts, data.split_seed, PROCESSED)
        lines = [f"{name} {count:,} ({shares[name]:.1%} above)" for name, count in counts.items()]
        write_json(AUDIT, {"points": counts, "above": shares, "warnings": []})
        write_text(AUDIT.with_suffix(".md"), "\n".join([f"# {self.config.name}: the points", "", *lines]) + "\n")
        return f"points in {data.dimensions} dimensions, threshold {data.threshold:g}: {', '.join(lines)}"

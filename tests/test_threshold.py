"""The network that can be worked out by hand: the original's numbers, the constructed one, data, pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pytest
from points import points
from stages import Stages

from pipeline import predict
from pipeline.config import ConfigError
from pipeline.data import DataError
from pipeline.families.threshold.data.points import Points
from pipeline.families.threshold.metrics.scores import ThresholdScores
from pipeline.families.threshold.models.tanh_mlp import hinge_loss, tanh_mlp
from pipeline.families.threshold.predictor import calculation
from pipeline.families.threshold.settings import TanhMlp
from pipeline.storage import MODELS, PROCESSED
from pipeline.tasks import predictor_for
from pipeline.training import Checkpoints, make_deterministic

PRINTED: list[Any] = [
    [
        [-1.08239257, 0.32482854, 0.95010394, 0.00501535, -0.47380614],
        [-0.56682748, 1.15749049, 0.91618514, 0.37518814, -0.67639047],
    ],
    [-0.18290569, 0.21453567, 0.01353107, 0.27740911, 0.09604219],
    [[-0.8775745], [1.09351909], [0.21981503], [1.31380796], [-0.10301871]],
    [0.27410847],
]
"""The weights that the original printed after its training."""


def original() -> Any:
    model = tanh_mlp(2, TanhMlp(name="tanh_mlp", hidden_units=5))
    model.set_weights([np.array(each, np.float32) for each in PRINTED])
    return model


def test_the_original_s_own_numbers() -> None:
    model = original()
    output = model.predict_on_batch({"point": np.array([[0.3, 0.1]], np.float32)})
    assert output[0, 0] == pytest.approx(0.93015909, abs=1e-6)
    lines = calculation(model, np.array([0.3, 0.1], np.float32)).splitlines()
    assert lines[0] == "point: 0.3, 0.1"
    sums = np.array([float(line.split("tanh(")[2].split(")")[0]) for line in lines[1:7]])
    bent = [float(line.split()[-1]) for line in lines[1:7]]
    # As the original had them by hand, to four places: weighted sums, what becomes of them, the last sum.
    np.testing.assert_allclose(sums[:5] - PRINTED[1], [-0.3814, 0.2132, 0.3766, 0.0390, -0.2098], atol=6e-5)
    np.testing.assert_allclose(bent[:5], [-0.5112, 0.4034, 0.3715, 0.3063, -0.1133], atol=6e-5)
    assert sums[5] == pytest.approx(1.3855 + 0.2741, abs=6e-5)
    assert bent[-1] == pytest.approx(float(output[0, 0]), abs=1e-6)
    assert lines[-1] == "side: +1: above 0"


def test_the_network_built_by_hand_is_always_right() -> None:
    model = tanh_mlp(2, TanhMlp(name="tanh_mlp", hidden_units=0))
    model.set_weights([np.array([[1.0], [1.0]]), np.array([-0.5])])
    drawn = np.random.default_rng(0).random((10_000, 2)).astype(np.float32)
    labels = np.where(drawn.sum(axis=1, dtype=np.float64) > 0.5, 1.0, -1.0)
    output = model.predict_on_batch({"point": drawn})[:, 0]
    score = ThresholdScores(labels, output)
    assert score(np.ones(len(score.right)))["accuracy"] == 1.0
    # On the line itself the sum is 0, which counts as -1: it is not above the threshold.
    border = model.predict_on_batch({"point": np.array([[0.25, 0.25]], np.float32)})[:, 0]
    assert border.tolist() == [0.0]
    assert ThresholdScores(np.array([-1.0]), border)(np.ones(1)) == {"accuracy": 1.0, "hinge": 1.0}


def test_hinge_is_that_of_its_definition() -> None:
    labels, outputs = np.array([1.0, -1.0, 1.0], np.float32), np.array([0.25, -1.0, -0.5], np.float32)
    assert float(hinge_loss(labels, outputs[:, None])) == pytest.approx((0.75 + 0.0 + 1.5) / 3)
    assert ThresholdScores(labels, outputs)(np.ones(3))["hinge"] == pytest.approx(0.75)
    curve = ThresholdScores(labels, outputs).by_distance(np.array([3.0, 1.0, 2.0]), 3)
    assert curve == {"distance": [1.0, 2.0, 3.0], "accuracy": [1.0, 0.0, 1.0], "points": [1.0, 1.0, 1.0]}


def test_points_hang_on_the_seed_alone(workspace: Path) -> None:
    said = Stages(points()).preprocess()
    assert said.startswith("points in 2 dimensions, threshold 0.5: train 304 (8")
    first = Points.load(PROCESSED / "train")
    assert first.points.shape == (304, 2)
    assert set(first.labels.tolist()) == {1.0, -1.0}
    Stages(points(seed=2)).preprocess()
    assert np.array_equal(Points.load(PROCESSED / "train").points, first.points)
    Stages(points(data__split_seed=2)).preprocess()
    assert not np.array_equal(Points.load(PROCESSED / "train").points, first.points)
    with pytest.raises(
        DataError, match=r"data.threshold: all 304 points are below 2; sums of 2 coordinates are between"
    ):
        Stages(points(data__threshold=2.0)).preprocess()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train__label_smoothing": 0.1},
            "train.label_smoothing: the hinge loss does not support it; set it to 0, received 0.1",
        ),
        (
            {"train__precision": "bfloat16"},
            "train.precision: calculations by hand use float32; set it to float32, received 'bfloat16'",
        ),
        ({"data__points": 2}, "data.validation_fraction: 2 points leave none to train on or none to validate"),
        ({"train__monitor": "auc"}, "train.monitor: not a score of task threshold, received 'auc'"),
    ],
)
def test_what_contradicts_itself_is_refused(changes: dict[str, Any], message: str) -> None:
    if "data__points" in changes:
        changes = {**changes, "data__validation_fraction": 0.9}
    with pytest.raises(ConfigError, match=message):
        points(**changes)


@pytest.fixture
def trained(workspace: Path, tmp_path: Path) -> Stages:
    task = Stages(points(train__epochs=60, train__monitor="hinge"))
    task.preprocess()
    make_deterministic(1)
    model = task.build()
    task.train(model, None, Checkpoints(tmp_path / "c"), lambda _record: None)
    task.save(model, MODELS)
    return task


def test_it_learns_where_the_line_is(trained: Stages, tmp_path: Path) -> None:
    evaluation = trained.evaluate(MODELS)
    values = evaluation.scores["test"].values
    assert values["accuracy"] > 0.97
    baselines = {name: scores.values["accuracy"] for name, scores in trained.baselines()}
    assert values["accuracy"] > baselines["the more frequent side"]
    assert evaluation.write_extras is not None
    assert evaluation.write_extras(tmp_path) == "decision.png, by_hand.txt"
    assert (tmp_path / "decision.png").stat().st_size > 10_000
    assert (tmp_path / "by_hand.txt").read_text(encoding="utf-8").count("tanh(") == 2 * 6
    assert evaluation.curves["accuracy_by_distance"]["accuracy"][-1] == 1.0


def test_prediction_and_calculation_agree(trained: Stages, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("x2,x1\n0.1,0.3\n0.9,0.8\n0.01,0.02\n", encoding="utf-8")
    predict.predict(tmp_path / "in.csv", tmp_path / "out.csv", {}, str(MODELS))
    table = csv.read_csv(tmp_path / "out.csv")
    assert table.column_names == ["x1", "x2", "side", "output"]
    assert table["x1"].to_pylist() == pytest.approx([0.3, 0.8, 0.02])
    assert table["side"].to_pylist()[1:] == [1, -1]
    predictor = predictor_for(MODELS)
    said = predictor.by_hand(tmp_path / "in.csv")
    assert said is not None
    assert said.startswith("point: 0.3, 0.1\n")
    assert float(said.splitlines()[-2].split()[-1]) == pytest.approx(table["output"][0].as_py(), abs=1e-6)
    rows = predictor(pa.table({"x1": [0.8], "x2": [0.9]}))
    assert rows["output"][0].as_py() == pytest.approx(table["output"][1].as_py(), abs=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x1\n0.3\n", "no column 'x2'"),
        ("x1,x2\n0.3,high\n", "column x2 must hold numbers"),
        ("x1,x2\n0.3,\n", "x2 has 1 empty cells"),
        ("x1,x2\n0.3,2024-01-01\n", "column x2 must hold numbers"),
        ("x1,x2,x2\n0.3,0.1,0.2\n", "duplicate column x2"),
    ],
)
def test_points_that_are_none(trained: Stages, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "in.csv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        predict.predict(tmp_path / "in.csv", tmp_path / "out.csv", {}, str(MODELS))
    assert not (tmp_path / "out.csv").exists()

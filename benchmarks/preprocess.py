"""CSV to codes on the Red Hat look-alike (2.2 million rows, including the join), against plain reading and pandas.

Each contender runs in its own process, interleaved; times exclude imports. `reading` only reads the same two files with
pyarrow. `pandas` reads with the pyarrow engine, merges, factorizes every column and splits by person, in memory. `ours`
also writes the arrays to disk, with the vocabularies of the training rows.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks import redhat_like
from benchmarks._machine import machine
from pipeline.storage import PROJECT

FEATURES = [
    "activity_category",
    *(f"char_{i}" for i in range(1, 11)),
    *(f"people_char_{i}" for i in range(1, 38)),
    "people_group_1",
    "date_month",
    "date_weekday",
]
NUMBERS = ["people_char_38", "date_days"]


def ours(folder: Path) -> None:
    """Prepare the arrays, split by person, and write them."""
    from pipeline.data.file_format import FileFormat
    from pipeline.families.table.data.holdout import Holdout
    from pipeline.families.table.data.layout import Derived, Layout, Side
    from pipeline.families.table.data.prepare import prepare
    from pipeline.families.table.data.targets import Target

    layout = Layout(
        main="act_train.csv",
        sides=[Side("people.csv", ["people_id"], "people_")],
        derived=[Derived("date", ["date"], ["month", "weekday", "days"])],
        categorical=FEATURES,
        numeric=NUMBERS,
        labels=["people_id", "outcome"],
        amounts=[],
        format=FileFormat(),
        id="activity_id",
        unlabelled=None,
    )
    prepare(
        folder,
        folder / "processed",
        task="table",
        layout=layout,
        target=Target("outcome", "auto", None),
        min_count=5,
        holdout=Holdout("group", ["people_id"], 0.2, 0.1, 1),
        prepared={},
    )


def reading(folder: Path) -> None:
    """Read the files with pyarrow."""
    import pyarrow.csv as csv

    for name in ("act_train.csv", "people.csv"):
        csv.read_csv(folder / name)


def pandas(folder: Path) -> None:
    """Read, merge, factorize and split with pandas."""
    import numpy as np
    import pandas as pd

    rows = pd.read_csv(folder / "act_train.csv", engine="pyarrow", dtype_backend="pyarrow")
    people = pd.read_csv(folder / "people.csv", engine="pyarrow", dtype_backend="pyarrow")
    people.columns = ["people_id", *(f"people_{name}" for name in people.columns[1:])]
    table = rows.merge(people, on="people_id", how="left")
    dates = pd.to_datetime(table["date"])
    table["date_month"], table["date_weekday"] = dates.dt.month, dates.dt.weekday
    table["date_days"] = (dates - pd.Timestamp("1970-01-01")).dt.days
    codes = np.stack([pd.factorize(table[name])[0].astype("int32") + 1 for name in FEATURES], axis=1)
    numbers = table[NUMBERS].to_numpy("float32")
    person, names = pd.factorize(table["people_id"])
    held = np.random.default_rng(1).permutation(len(names)) < 0.2 * len(names)
    for part in (held[person], ~held[person]):
        codes[part], numbers[part]


CONTENDERS = {"ours": ours, "reading": reading, "pandas": pandas}


def measured(name: str, folder: Path) -> tuple[float, float]:
    """Run a contender in its own process; return the seconds and the peak memory in GB."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.preprocess", "--contender", name, "--folder", str(folder)],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, peak = json.loads(done.stdout.splitlines()[-1])
    return seconds, peak


def contend(name: str, folder: Path) -> None:
    """Run a contender; print its seconds and the peak memory of this process in GB."""
    if name == "ours":
        import pipeline.data  # noqa: F401
    # Arrow imports pandas at the first NumPy array; import it for all contenders before the clock starts.
    import pandas  # noqa: F401
    import pyarrow.csv  # noqa: F401

    began = time.monotonic()
    CONTENDERS[name](folder)
    taken = time.monotonic() - began
    print(json.dumps([taken, peak_gb()]))


def peak_gb() -> float:
    """Return the peak memory of this process in GB."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9
    # Not getrusage, whose peak is inherited from the parent process.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e6


def main() -> None:
    """Compare the contenders and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="run one round with a tenth of the rows")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contender:
        contend(given.contender, given.folder)
        return
    scale, rounds = (0.1, 1) if given.quick else (1.0, 5)
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    peaks: dict[str, float] = dict.fromkeys(CONTENDERS, 0.0)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        redhat_like.write(folder, scale)
        for _ in range(rounds):
            for name in CONTENDERS:
                seconds, peak = measured(name, folder)
                print(f"{name}: {seconds:.2f} s, {peak:.2f} GB", file=sys.stderr)
                times[name].append(seconds)
                peaks[name] = max(peaks[name], peak)
        redhat_like.write(folder, scale, activities=4)
        seconds_4, peak_4 = measured("ours", folder)
    figures = {f"{name}_seconds": round(median(values), 2) for name, values in times.items()}
    figures |= {f"vs_{name}": round(median(times[name]) / median(times["ours"]), 2) for name in ("reading", "pandas")}
    figures |= {"peak_gb": round(peaks["ours"], 2), "pandas_peak_gb": round(peaks["pandas"], 2)}
    figures |= {"seconds_at_4_times": round(seconds_4, 2), "peak_gb_at_4_times": round(peak_4, 2)}
    print(json.dumps({"benchmark": "preprocess", "rows": round(2_197_291 * scale), **figures, **machine()}))


if __name__ == "__main__":
    main()

"""Look for what is wrong with this clone; every finding comes with its remedy. With --mend do the safe ones."""

import argparse
import sys

from pipeline.config import guarded
from pipeline.diagnosis import ALL, BEFORE_DVC
from pipeline.storage import PipelineError


def main() -> None:
    """Read the arguments and look."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.doctor", description=__doc__)
    parser.add_argument("--mend", action="store_true", help="do the remedies that can lose nothing")
    parser.add_argument("--before-dvc", action="store_true", help="look only at what would stop dvc itself; quick")
    parser.add_argument("--quiet", action="store_true", help="say nothing of what is well")
    given = parser.parse_args()
    guarded(lambda: look(given))


def look(given: argparse.Namespace) -> None:
    """Print a line a finding; end with 1 where a fault stays."""
    counts = {"ok": 0, "warning": 0, "fault": 0}
    for check in BEFORE_DVC if given.before_dvc else ALL:
        for found in check():
            if given.mend and found.mend is not None:
                try:
                    found.mend()
                except (OSError, PipelineError) as error:
                    print(f"         mending failed: {error}", flush=True)
                else:
                    counts["ok"] += 1
                    print(f"mended   {found.text}; done: {found.remedy}", flush=True)
                    continue
            counts[found.state] += 1
            if found.state != "ok" or not given.quiet:
                print(f"{found.state:<8} {found.text}", flush=True)
                if found.remedy:
                    by_itself = " (`python -m pipeline.doctor --mend` does so)" if found.mend is not None else ""
                    print(f"         → {found.remedy}{by_itself}", flush=True)
    if not given.quiet:
        print(f"{counts['ok']} well, {counts['warning']} warnings, {counts['fault']} faults")
    if counts["fault"]:
        sys.exit(1)


if __name__ == "__main__":
    main()

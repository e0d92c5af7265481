"""Check this clone for problems and print a remedy for each; --mend applies the remedies that cannot lose data."""

import argparse
import sys

from pipeline.config import guarded
from pipeline.diagnosis import ALL, BEFORE_DVC
from pipeline.storage import PipelineError


def main() -> None:
    """Parse the arguments and run the checks."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.doctor", description=__doc__)
    parser.add_argument("--mend", action="store_true", help="apply the remedies that cannot lose data")
    parser.add_argument("--before-dvc", action="store_true", help="check only what would stop dvc itself; fast")
    parser.add_argument("--quiet", action="store_true", help="print only problems")
    arguments = parser.parse_args()
    guarded(lambda: look(arguments))


def look(arguments: argparse.Namespace) -> None:
    """Print one line per finding; exit with status 1 if a fault remains."""
    counts = {"ok": 0, "warning": 0, "fault": 0}
    for check in BEFORE_DVC if arguments.before_dvc else ALL:
        for finding in check():
            if arguments.mend and finding.mend is not None:
                try:
                    finding.mend()
                except (OSError, PipelineError) as error:
                    print(f"         the remedy failed: {error}", flush=True)
                else:
                    counts["ok"] += 1
                    print(f"fixed    {finding.text}; done: {finding.remedy}", flush=True)
                    continue
            counts[finding.state] += 1
            if finding.state != "ok" or not arguments.quiet:
                print(f"{finding.state:<8} {finding.text}", flush=True)
                if finding.remedy:
                    by_itself = " (`python -m pipeline.doctor --mend` does this)" if finding.mend is not None else ""
                    print(f"         → {finding.remedy}{by_itself}", flush=True)
    if not arguments.quiet:
        print(f"{counts['ok']} ok, {counts['warning']} warnings, {counts['fault']} faults")
    if counts["fault"]:
        sys.exit(1)


if __name__ == "__main__":
    main()

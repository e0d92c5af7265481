"""Bash completes overrides, as `completion.bash` and the README say."""

import subprocess

import pytest
from conftest import ROOT

TYPED = """
source completion.bash
COMP_LINE='{line}'
COMP_POINT=${{#COMP_LINE}}
COMP_WORDS=({line})
[[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_onehot
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("python -m pipeline.train experiment=fli", "experiment=flights"),
        ("python -m pipeline.train experiment=flights train.ep", "train.epochs="),
        ("python -m pipeline.evaluate experiment=threshold tra", "train."),
        ("python -m json.tool a", ""),
    ],
)
def test_overrides_are_completed(line: str, completed: str) -> None:
    found = subprocess.run(
        ["bash", "-c", TYPED.format(line=line)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert completed in found.stdout.splitlines()
    assert found.stderr == ""

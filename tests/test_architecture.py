"""docs/architecture.md says what is: its diagram, its layers and the files that it names."""

import re
import tomllib

import yaml
from conftest import ROOT

from pipeline.config import families

TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def diagram() -> str:
    """Return the stages and the data between them, as a Mermaid flowchart."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    lines, data = ["flowchart TD"], {}
    for name, stage in stages.items():
        for out in [*stage.get("outs", []), *stage.get("metrics", [])]:
            data[out] = f"d{len(data)}"
            lines += [f"  {data[out]}[({out})]", f"  {name} --> {data[out]}"]
    for name, stage in stages.items():
        lines += [f"  {data[dep]} --> {name}" for dep in stage["deps"] if dep in data]
    return "\n".join(lines)


def layers() -> str:
    """Return the layers of the import contract, from the top, as a list."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(each for each in settings["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    lines = []
    for number, layer in enumerate(contract["layers"], start=1):
        names = re.split(r" [:|] ", layer)
        lines.append(f"{number}. {'commands' if '__main__' in names else ', '.join(sorted(names))}")
    return "\n".join(lines)


def test_the_diagram_is_that_of_dvc() -> None:
    assert f"```mermaid\n{diagram()}\n```" in TEXT


def test_the_layers_are_those_of_the_contract() -> None:
    assert f"\n\n{layers()}\n\n" in TEXT


def test_every_family_has_the_files_of_the_table() -> None:
    table = TEXT.partition("## A family's folder")[2].partition("##")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    names = [name for cell, what in rows if "(optional)" not in what for name in re.findall(r"`([\w/.]+)`", cell)]
    assert len(names) > 10
    for family in families():
        missing = [name for name in names if not (family.folder / name).exists()]
        assert not missing, family.name


def test_the_files_that_are_named_exist() -> None:
    named = set(re.findall(r"`((?:pipeline|conf|tests|families)/[\w/.]+)`", TEXT))
    roots = [ROOT / ("pipeline" if name.startswith("families/") else "") / name for name in named]
    assert len(roots) > 10
    assert not [path for path in roots if not path.exists()]

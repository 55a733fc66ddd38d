"""A wheel built from the tree, installed elsewhere, behaves the same from any directory."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_checkpoints_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for part in ("config.json", "model.safetensors", "README.md"):
        assert f"longattncomp_cli/checkpoints/untrained/{part}" in names
    for part in ("page.html", "page.css", "text.js", "panel.js"):
        assert f"longattncomp_cli/core/results/page/{part}" in names
    assert "longattncomp_cli/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "samples/"))]
    documents = [name for name in names if name.endswith(".md")]
    assert all(name.startswith("longattncomp_cli/checkpoints/") for name in documents)


@pytest.mark.slow
def test_an_installed_wheel_compresses_from_any_directory(wheel: Path, tmp_path: Path) -> None:
    """The environment is new; the libraries are those of this one, so that nothing is downloaded."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    site = next((tmp_path / "env").glob("lib/python*/site-packages"))
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "libraries.pth").write_text(f"{libraries}\n")
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = "import longattncomp_cli; print(longattncomp_cli.__file__)"
    command = [python, "-c", code]
    place = subprocess.run(command, cwd="/", env=outside, check=True, capture_output=True, text=True).stdout
    assert place.startswith(str(tmp_path))
    done = subprocess.run(
        [
            tmp_path / "env" / "bin" / "longattncomp",
            "compress",
            "-q",
            "What hangs behind the map?",
            "-b",
            "12",
        ],
        cwd="/",
        env=outside,
        input="It rained all day. " * 40
        + "The spare key hangs behind the map. "
        + "It rained all night. " * 40,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "spare key" in done.stdout

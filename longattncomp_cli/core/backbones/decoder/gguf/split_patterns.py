"""How byte-level vocabularies split a text before merging, by the name in ``tokenizer.ggml.pre``."""

from __future__ import annotations

from dataclasses import dataclass

from tokenizers import Regex, normalizers, pre_tokenizers

_ENDINGS = "'s|'t|'re|'ve|'m|'ll|'d"
_SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3 = (
    rf"(?i:{_ENDINGS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_SPACES}"
)
_QWEN2 = rf"(?i:{_ENDINGS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_SPACES}"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASED = r"[^\r\n\p{{L}}\p{{N}}]?{upper}*{lower}+{ending}|[^\r\n\p{{L}}\p{{N}}]?{upper}+{lower}*{ending}"
_TEKKEN = (
    _CASED.format(upper=_UPPER, lower=_LOWER, ending="")
    + rf"|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_SPACES}"
)
_O200K = (
    _CASED.format(upper=_UPPER, lower=_LOWER, ending=f"(?i:{_ENDINGS})?")
    + rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_SPACES}"
)


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """One way to split.

    Attributes:
        pattern: of the pieces; GPT-2's own where empty.
        single_digits: whether each digit is cut off first.
        whole_first: whether a piece that is a token stays whole, whatever the merges say.
        composed: whether the text is brought to Unicode's composed form (NFC).
    """

    pattern: str = ""
    single_digits: bool = False
    whole_first: bool = False
    composed: bool = False

    def pre_tokenizer(self) -> pre_tokenizers.PreTokenizer:
        """The step of the tokenizer."""
        steps: list[pre_tokenizers.PreTokenizer] = []
        if self.single_digits:
            steps.append(pre_tokenizers.Digits(individual_digits=True))
        if self.pattern:
            steps.append(pre_tokenizers.Split(Regex(self.pattern), behavior="isolated"))
        steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not self.pattern))
        return pre_tokenizers.Sequence(steps)

    def normalizer(self) -> normalizers.Normalizer | None:
        """The step before it, if there is one."""
        return normalizers.NFC() if self.composed else None


_GPT2 = SplitRule()
_DIGITS = SplitRule(single_digits=True)
_WHOLE_LLAMA3 = SplitRule(pattern=_LLAMA3, whole_first=True)
_COMPOSED_QWEN2 = SplitRule(pattern=_QWEN2, composed=True)
SPLIT_RULES = {
    **dict.fromkeys(("gpt-2", "phi-2", "mpt", "olmo", "jais"), _GPT2),
    **dict.fromkeys(("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"), _DIGITS),
    **dict.fromkeys(("llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"), _WHOLE_LLAMA3),
    **dict.fromkeys(("dbrx", "smaug-bpe"), SplitRule(pattern=_LLAMA3)),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen", "megrez"), _COMPOSED_QWEN2),
    "tekken": SplitRule(pattern=_TEKKEN, whole_first=True),
    **dict.fromkeys(("gpt-4o", "llama4"), SplitRule(pattern=_O200K)),
}
# Of files that were made before the name was written.
DEFAULT_SPLITS = {"qwen2": "qwen2", "qwen3": "qwen2", "gpt-oss": "gpt-4o"}

"""What this machine's processor has instructions for."""

from __future__ import annotations

BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16"})
# Sums of products of 8 bits in 32 bits. Without them an x86 processor adds two such products in 16 bits, where weights
# of 8 bits overflow and those of 7 bits do not.
INT8 = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})


def features() -> frozenset[str]:
    """Names of the instruction sets, as torch gives them."""
    import torch

    return frozenset(name for name, value in torch.cpu.get_capabilities().items() if value is True)

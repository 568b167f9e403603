"""What this machine's processor multiplies in hardware."""

from __future__ import annotations


def computes_bfloat16() -> bool:
    """Whether oneDNN multiplies in bfloat16 here, in whatever time."""
    import torch

    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def sums_int8() -> bool:
    """Whether products of 8 bits are added up in 32 bits.

    An x86 processor without VNNI adds two of them in 16 bits, where full-range weights overflow; weights of half the
    range (7 bits) do not.
    """
    import torch

    able = torch.cpu.get_capabilities()
    if able.get("architecture") != "x86_64":
        return True
    return any(able.get(name) for name in ("avx512_vnni", "avx_vnni", "amx_int8"))

"""One block of a latent-diffusion U-Net, sized as in Stable Diffusion 1.5's first resolution.

Source: Rombach et al. 2022.
"""

from torch import Tensor, nn
from torch.nn import functional as F


class ResidualConv(nn.Module):
    """GroupNorm, SiLU, conv, twice, with the time embedding added in between: [N, C, H, W] -> the same shape."""

    def __init__(self, channels: int, time_width: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(32, channels, eps=1e-5)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.time_emb_proj = nn.Linear(time_width, channels)
        self.norm2 = nn.GroupNorm(32, channels, eps=1e-5)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x))) + self.time_emb_proj(F.silu(time))[:, :, None, None]
        return x + self.conv2(F.silu(self.norm2(y)))


class CrossAttention(nn.Module):
    """Attention of [N, L, C] on a context [N, M, C']; on itself where the context is its own input."""

    def __init__(self, width: int, context_width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width, width, bias=False)
        self.to_v = nn.Linear(context_width, width, bias=False)
        self.to_out = nn.Linear(width, width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        sides = (self.to_q(x), self.to_k(context), self.to_v(context))
        query, key, value = (side.unflatten(-1, (self.heads, -1)).transpose(1, 2) for side in sides)
        return self.to_out(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


class GatedFeedForward(nn.Module):
    """GEGLU: half of a doubled projection gates the other half."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 8 * width)
        self.out = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return self.out(value * F.gelu(gate))


class SpatialTransformer(nn.Module):
    """Self-attention, cross-attention and feed-forward over the pixels of [N, C, H, W]."""

    def __init__(self, channels: int, context_width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, channels, eps=1e-6)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = CrossAttention(channels, channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.attn2 = CrossAttention(channels, context_width, heads)
        self.norm3 = nn.LayerNorm(channels)
        self.ff = GatedFeedForward(channels)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        pixels = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        own = self.norm1(pixels)
        pixels = pixels + self.attn1(own, own)
        pixels = pixels + self.attn2(self.norm2(pixels), context)
        pixels = pixels + self.ff(self.norm3(pixels))
        return x + self.proj_out(pixels.transpose(1, 2).reshape(x.shape))


class UNetBlock(nn.Module):
    """A residual convolution, then a spatial transformer that reads the prompt: latents, time and prompt to latents."""

    def __init__(self, channels: int = 320, time_width: int = 1280, context_width: int = 768, heads: int = 8) -> None:
        super().__init__()
        self.resnet = ResidualConv(channels, time_width)
        self.transformer = SpatialTransformer(channels, context_width, heads)

    def forward(self, latents: Tensor, time: Tensor, prompt: Tensor) -> Tensor:
        return self.transformer(self.resnet(latents, time), prompt)

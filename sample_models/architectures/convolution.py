"""Convolutional networks: LeNet-5, a residual block, ResNet-50 v1.5, MobileNet-V2 and the original U-Net."""

import torch
from torch import Tensor, nn


class LeNet5(nn.Module):
    """LeNet-5 with the full C3 layer (every one of the 16 maps reads all 6): [N, 1, 32, 32] -> [N, 10].

    Source: LeCun et al. 1998, "Gradient-based learning applied to document recognition". Plain average pooling and
    a linear output layer stand in for the paper's trainable subsampling and radial basis functions, as is usual.
    """

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)
        self.s2 = nn.AvgPool2d(2)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.s4 = nn.AvgPool2d(2)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, 10)

    def forward(self, image: Tensor) -> Tensor:
        maps = self.s2(torch.tanh(self.c1(image)))
        maps = self.s4(torch.tanh(self.c3(maps)))
        features = torch.tanh(self.c5(maps)).flatten(1)
        return self.output(torch.tanh(self.f6(features)))


class ResidualBlock(nn.Module):
    """A basic residual block whose shortcut is a strided 1x1 convolution: [N, C, H, W] -> [N, C', H/2, W/2]."""

    def __init__(self, channels_in: int = 64, channels_out: int = 128, stride: int = 2) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.shortcut = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
        )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with expansion 4; the stride is in the 3x3 (v1.5), not in the first 1x1 (v1)."""

    expansion = 4

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        channels_out = width * self.expansion
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels_out)
        self.relu = nn.ReLU()
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class ResNet50(nn.Module):
    """ResNet-50 v1.5: [N, 3, 224, 224] -> [N, 1000]. Source: He et al. 2015, stride as in torchvision."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._stage(64, 64, blocks=3, stride=1)
        self.layer2 = self._stage(256, 128, blocks=4, stride=2)
        self.layer3 = self._stage(512, 256, blocks=6, stride=2)
        self.layer4 = self._stage(1024, 512, blocks=3, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, 1000)

    @staticmethod
    def _stage(channels_in: int, width: int, blocks: int, stride: int) -> nn.Sequential:
        rest = (Bottleneck(width * Bottleneck.expansion, width, 1) for _ in range(blocks - 1))
        return nn.Sequential(Bottleneck(channels_in, width, stride), *rest)

    def forward(self, image: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


class InvertedResidual(nn.Module):
    """1x1 that expands, depthwise 3x3 with the stride, linear 1x1; a residual where the shape stays."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels_in * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [nn.Conv2d(channels_in, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6()]
        layers += [
            nn.Conv2d(hidden, hidden, 3, stride, padding=1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(),
            nn.Conv2d(hidden, channels_out, 1, bias=False),
            nn.BatchNorm2d(channels_out),
        ]
        self.layers = nn.Sequential(*layers)
        self.is_residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.is_residual else self.layers(x)


class MobileNetV2(nn.Module):
    """MobileNet-V2, width 1.0: [N, 3, 224, 224] -> [N, 1000]. Source: Sandler et al. 2018, table 2."""

    # Expansion, output channels, repeats, stride of the first.
    stages = (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        channels = 32
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, 2, padding=1, bias=False), nn.BatchNorm2d(channels)]
        layers.append(nn.ReLU6())
        for expansion, channels_out, repeats, stride in self.stages:
            for repeat in range(repeats):
                layers.append(InvertedResidual(channels, channels_out, 1 if repeat else stride, expansion))
                channels = channels_out
        layers += [nn.Conv2d(channels, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6()]
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(1280, 1000)

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(self.pool(self.features(image)).flatten(1))


class DoubleConv(nn.Sequential):
    """Two valid 3x3 convolutions, each with ReLU: a map shrinks by 4 in both directions."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, 3), nn.ReLU(), nn.Conv2d(channels_out, channels_out, 3), nn.ReLU()
        )


class UNet(nn.Module):
    """The original U-Net: [N, 1, 572, 572] -> [N, 2, 388, 388], valid convolutions and a cropped skip per resolution.

    Source: Ronneberger, Fischer and Brox 2015, figure 1.
    """

    widths = (64, 128, 256, 512, 1024)

    def __init__(self, channels_in: int = 1, classes: int = 2) -> None:
        super().__init__()
        widths = self.widths
        self.down = nn.ModuleList(DoubleConv(a, b) for a, b in zip((channels_in, *widths), widths, strict=False))
        self.pool = nn.MaxPool2d(2)
        climb = tuple(zip(reversed(widths), tuple(reversed(widths))[1:], strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in climb)
        self.merge = nn.ModuleList(DoubleConv(a, b) for a, b in climb)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        x, skips = self.down[0](image), []
        for stage in list(self.down)[1:]:
            skips.append(x)
            x = stage(self.pool(x))
        for up, merge in zip(self.up, self.merge, strict=True):
            x = up(x)
            x = merge(torch.cat((center_crop(skips.pop(), x.shape[2], x.shape[3]), x), dim=1))
        return self.head(x)


def center_crop(x: Tensor, height: int, width: int) -> Tensor:
    """The middle [N, C, height, width] of x."""
    top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
    return x[:, :, top : top + height, left : left + width]

"""The networks of `keras.applications` that a spec can name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ArchitectureName = Literal[
    "convnext_base",
    "convnext_large",
    "convnext_small",
    "convnext_tiny",
    "convnext_xlarge",
    "densenet121",
    "densenet169",
    "densenet201",
    "efficientnet_v2_b0",
    "efficientnet_v2_b1",
    "efficientnet_v2_b2",
    "efficientnet_v2_b3",
    "efficientnet_v2_l",
    "efficientnet_v2_m",
    "efficientnet_v2_s",
    "inception_resnet_v2",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "nasnet_large",
    "nasnet_mobile",
    "resnet101",
    "resnet101_v2",
    "resnet152",
    "resnet152_v2",
    "resnet50",
    "resnet50_v2",
    "vgg16",
    "vgg19",
    "xception",
]


@dataclass(frozen=True)
class Architecture:
    """A network of `keras.applications`.

    Attributes:
        function: Its name there.
        pixels: How its `preprocess_input` scales pixels, as Keras calls it; None if the network does that itself.
        smallest: Smallest side of an image in pixels.
    """

    function: str
    pixels: Literal["tf", "torch", "caffe"] | None = None
    smallest: int = 32


ARCHITECTURES: dict[str, Architecture] = {
    "convnext_base": Architecture("ConvNeXtBase"),
    "convnext_large": Architecture("ConvNeXtLarge"),
    "convnext_small": Architecture("ConvNeXtSmall"),
    "convnext_tiny": Architecture("ConvNeXtTiny"),
    "convnext_xlarge": Architecture("ConvNeXtXLarge"),
    "densenet121": Architecture("DenseNet121", "torch"),
    "densenet169": Architecture("DenseNet169", "torch"),
    "densenet201": Architecture("DenseNet201", "torch"),
    "efficientnet_v2_b0": Architecture("EfficientNetV2B0"),
    "efficientnet_v2_b1": Architecture("EfficientNetV2B1"),
    "efficientnet_v2_b2": Architecture("EfficientNetV2B2"),
    "efficientnet_v2_b3": Architecture("EfficientNetV2B3"),
    "efficientnet_v2_l": Architecture("EfficientNetV2L"),
    "efficientnet_v2_m": Architecture("EfficientNetV2M"),
    "efficientnet_v2_s": Architecture("EfficientNetV2S"),
    "inception_resnet_v2": Architecture("InceptionResNetV2", "tf", 75),
    "inception_v3": Architecture("InceptionV3", "tf", 75),
    "mobilenet": Architecture("MobileNet", "tf"),
    "mobilenet_v2": Architecture("MobileNetV2", "tf"),
    "mobilenet_v3_large": Architecture("MobileNetV3Large"),
    "mobilenet_v3_small": Architecture("MobileNetV3Small"),
    "nasnet_large": Architecture("NASNetLarge", "tf"),
    "nasnet_mobile": Architecture("NASNetMobile", "tf"),
    "resnet101": Architecture("ResNet101", "caffe"),
    "resnet101_v2": Architecture("ResNet101V2", "tf"),
    "resnet152": Architecture("ResNet152", "caffe"),
    "resnet152_v2": Architecture("ResNet152V2", "tf"),
    "resnet50": Architecture("ResNet50", "caffe"),
    "resnet50_v2": Architecture("ResNet50V2", "tf"),
    "vgg16": Architecture("VGG16", "caffe"),
    "vgg19": Architecture("VGG19", "caffe"),
    "xception": Architecture("Xception", "tf", 71),
}
"""By name, as in a spec. The first EfficientNets are left out: Keras builds them in another way for ImageNet's weights than
for any others, and a file of weights does not show which way is meant. EfficientNetV2 takes their place."""

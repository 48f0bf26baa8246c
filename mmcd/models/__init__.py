"""Networks for change detection in image pairs."""

from mmcd.models.backbones.unet_encoder import UNetEncoder
from mmcd.models.data_preprocessor import PairDataPreprocessor
from mmcd.models.decode_heads.building_change_head import BuildingChangeHead
from mmcd.models.decode_heads.darnet_head import DARNetHead
from mmcd.models.decode_heads.fc_siam_head import FCSiamHead
from mmcd.models.decode_heads.prx_head import PRXHead
from mmcd.models.losses.binary_cross_entropy import BinaryCrossEntropyLoss
from mmcd.models.losses.dice_loss import DiceLoss
from mmcd.models.pretrained import PretrainedWeights
from mmcd.models.siamese_encoder_decoder import SiameseEncoderDecoder

__all__ = [
    'BinaryCrossEntropyLoss',
    'BuildingChangeHead',
    'DARNetHead',
    'DiceLoss',
    'FCSiamHead',
    'PRXHead',
    'PairDataPreprocessor',
    'PretrainedWeights',
    'SiameseEncoderDecoder',
    'UNetEncoder',
]

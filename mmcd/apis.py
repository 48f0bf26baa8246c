"""What other programs call: a model from a config, and its answer for a pair or a scene."""

from mmcd.config import list_configs
from mmcd.inference.model_loading import init_model
from mmcd.inference.pair import ChangeResult, predict_pair
from mmcd.scene.api import predict_scene

__all__ = ['ChangeResult', 'init_model', 'list_configs', 'predict_pair', 'predict_scene']

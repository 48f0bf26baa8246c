"""Prediction: from tiles of both dates to class scores, whatever the network runs in."""

from mmcd.inference.network_predictor import make_predictor, release_predictors
from mmcd.inference.predictor import ChangePredictor, FunctionPredictor

__all__ = ['ChangePredictor', 'FunctionPredictor', 'make_predictor', 'release_predictors']

"""Predictors that run a PyTorch network: as trained, or restructured for inference."""

from __future__ import annotations

import copy
import hashlib
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn

from mmcd.errors import ConfigError
from mmcd.inference.precision import precision_dtype
from mmcd.inference.predictor import AveragingPredictor, ChangePredictor
from mmcd.inference.restructured import (
    NetworkAsTrained,
    network_as_trained,
    restructured_network,
    to_traceable,
)
from mmcd.io.checkpoints import weights_sha256
from mmcd.models.decode_heads.pair_head import check_size_of_logits
from mmcd.models.layers.pair_ops import crop_to, pad_to_multiple
from mmcd.models.model_description import (
    classes_of,
    image_of,
    size_divisor_of,
    threshold_of,
    threshold_origin_of,
    threshold_tuning_of,
)
from mmcd.models.scores import scores_of_logits

AS_TRAINED = 'as trained'
RESTRUCTURED = 'restructured'

SAMPLED = 64  # values of each tensor by which other weights are told


class NetworkPredictor(ChangePredictor):
    """A PyTorch network with the normalisation of the model that it was made from.

    Made by :func:`make_predictor`.

    Args:
        model: the trained model: its preprocessing, image description, classes and threshold hold.
        network: normalised pairs (N, 2C, H, W) to logits, for sizes that are multiples of the
            model's ``size_divisor``.
        form: 'as trained' or 'restructured'.
        precision: name of the number format that the network works in.
        identity: what tells the model from others; None: the network holds the model, which is
            asked where someone wants to know.
    """

    def __init__(
        self,
        model: EncoderDecoder,
        network: nn.Module,
        *,
        form: str,
        precision: str,
        identity: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            image=image_of(model),
            classes=classes_of(model),
            threshold=threshold_of(model),
            threshold_origin=threshold_origin_of(model),
            threshold_tuning=threshold_tuning_of(model),
            precision=precision,
            cfg=getattr(model, 'cfg', None),
            statistics=getattr(model, 'statistics', None),
        )
        self.network = network
        self.form = form
        self.device = next(model.parameters()).device
        self.align_corners = model.align_corners
        # Where the model itself is not needed, moving it elsewhere must not take this along.
        shared = model.data_preprocessor
        self._preprocessor = shared if identity is None else copy.deepcopy(shared)
        self._size_divisor = size_divisor_of(model)
        self._identity = identity

    @property
    def size_divisor(self) -> int:
        """See :class:`ChangePredictor`."""
        return self._size_divisor

    def predict_tensor(self, pairs: Tensor) -> Tensor:
        """See :class:`ChangePredictor`."""
        return scores_of_logits(self.predict_logits(pairs))

    @torch.inference_mode()
    def predict_logits(self, pairs: Tensor) -> Tensor:
        """Logits (N, classes, H, W) float32 of raw pairs (N, 2C, H, W).

        Raises:
            ConfigError: the network gives logits of another size than the images'.
        """
        size = pairs.shape[2:]
        with _without_autocast(self.device):
            normalised = self._normalise(pairs.to(self.device))
            # Convolutions are a quarter faster in this layout, on the CPU and on tensor cores.
            normalised = normalised.contiguous(memory_format=torch.channels_last)
            padded = pad_to_multiple(normalised, self._size_divisor)
            logits = self.network(padded)
            check_size_of_logits(logits, padded.shape[2:])
            return crop_to(logits.float(), size)

    def find_fault(self) -> str:
        """See :class:`ChangePredictor`: names the weights that are no numbers."""
        named = self.network.state_dict().items()
        wrong = [n for n, t in named if t.is_floating_point() and not torch.isfinite(t).all()]
        if not wrong:
            return ''
        return (
            f'{len(wrong)} of its {len(named)} weight tensors hold NaN or Inf, such as {wrong[0]}: '
            'its training has diverged, the checkpoint is damaged, or its numbers are too large '
            f'for {self.precision}. Use another checkpoint.'
        )

    def describe(self) -> dict[str, Any]:
        """See :class:`ChangePredictor`."""
        identity = self._identity or _describe_model(cast(nn.Module, self.network.model))
        return dict(identity, device=self.device.type, precision=self.precision, form=self.form)

    def _normalise(self, pairs: Tensor) -> Tensor:
        if hasattr(self._preprocessor, 'normalize'):
            return self._preprocessor.normalize(pairs)
        # Another preprocessor: it takes a list of images, and may pad at the bottom and the right.
        return self._preprocessor(dict(inputs=list(pairs)), False)['inputs']


def make_predictor(
    model: nn.Module | ChangePredictor,
    *,
    precision: str | None = None,
    compile: bool = False,
    optimize: bool = True,
    tta: bool | str = False,
) -> ChangePredictor:
    """The predictor of a trained model, with its settings of now, such as its threshold.

    A restructured network, or one in a reduced precision, has a second copy of the weights. It is
    made at the first call and where the weights have changed, and cached beside the model, so that
    the next call finds it; :func:`release_predictors` gives it up, and it goes with the model.
    ``optimize=False`` in float32 runs the model's own modules.

    Args:
        model: from :func:`mmcd.apis.init_model`, or any segmentor of MMSegmentation for stacked
            pairs; a predictor is returned as it is.
        precision: 'float32' (the default; a restructured network has the trained one's logits up
            to rounding, 1e-5; on GPUs of Ampere and newer PyTorch rounds convolutions more unless
            ``torch.backends.cudnn.conv.fp32_precision`` is 'ieee'), 'bfloat16' (faster on
            processors with AMX or AVX-512 BF16 and on GPUs) or 'float16' (GPUs). It holds under
            ``torch.autocast``, too.
        compile: pass the network through ``torch.compile``; the first pair of each size then takes
            about a minute more.
        optimize: restructure DARNet and PRX-Change for inference, see
            :func:`mmcd.inference.restructured.restructured_network`; False runs the network as it
            was trained, for figures in papers.
        tta: average over several views of the pair, which takes as many times as long: 'flips'
            (or True; 3 views), 'd4' (8), 'exchange' (both orders of the dates), 'flips+exchange',
            'd4+exchange'; see :func:`mmcd.inference.predictor.augmentation_views`.

    Raises:
        ConfigError: there is no such precision, the device does not work in it, the model is no
            segmentor of MMSegmentation, or a predictor was made with other settings.

    Example:
        >>> predictor = make_predictor(model, precision='bfloat16')
        >>> scores = predictor.predict(tiles)
    """
    if isinstance(model, ChangePredictor):
        _check_settings(model, precision, compile=compile, optimize=optimize)
        predictor = model
    else:
        predictor = _predictor_of(model, precision, compile=compile, optimize=optimize)
    if not tta:
        return predictor
    augmentation = 'flips' if tta is True else tta
    if not isinstance(predictor, AveragingPredictor):
        return AveragingPredictor(predictor, augmentation)
    if predictor.augmentation != augmentation:
        raise ConfigError(
            f'The predictor averages over {predictor.augmentation}; tta={tta!r} cannot be asked of '
            'it. Make one from the model, or from `predictor.predictor`.'
        )
    return predictor


def _predictor_of(
    model: nn.Module, precision: str | None, *, compile: bool, optimize: bool
) -> NetworkPredictor:
    if not can_be_predicted(model):
        raise ConfigError(
            'Predictors are made of segmentors of MMSegmentation (EncoderDecoder and its kin, such '
            f'as SiameseEncoderDecoder), but got {type(model).__name__}.'
        )
    trained = cast(EncoderDecoder, model)
    precision = precision or 'float32'
    dtype = precision_dtype(precision, next(trained.parameters()).device)
    if not optimize and not compile and precision == 'float32' and not trained.training:
        # Not cached: it holds the model, which would then never be freed. Nor described: hashing
        # its weights at every call would cost more than it tells.
        return NetworkPredictor(
            trained, NetworkAsTrained(trained), form=AS_TRAINED, precision=precision
        )
    network, form, identity = _copy_of(trained, dtype, compile=compile, optimize=optimize)
    return NetworkPredictor(trained, network, form=form, precision=precision, identity=identity)


class _Copy(NamedTuple):
    """A model's weights in the form that runs, and what was the model when it was made."""

    network: nn.Module
    form: str
    identity: dict[str, Any]


def _copy_of(model: EncoderDecoder, dtype: torch.dtype, *, compile: bool, optimize: bool) -> _Copy:
    """The cached copy of a model, made where there is none of its weights of now."""
    key = dtype, compile, optimize
    state = _state(model)
    cached = _cache.setdefault(model, {})
    if key not in cached or cached[key][0] != state:
        make = restructured_network if optimize else network_as_trained
        with _without_autocast(next(model.parameters()).device):
            network = make(model, dtype)
        form = AS_TRAINED if isinstance(network, NetworkAsTrained) else RESTRUCTURED
        if compile:
            # Whole maps: strips are for eager execution, a compiler makes its own.
            network = cast(nn.Module, torch.compile(to_traceable(network)))
        cached[key] = state, _Copy(network, form, _describe_model(model))
    return cached[key][1]


_cache: WeakKeyDictionary[nn.Module, dict[tuple, tuple[Any, _Copy]]]
_cache = WeakKeyDictionary()


def _without_autocast(device: torch.device) -> torch.autocast:
    """The numbers of a predictor are those of its ``precision``, whatever the caller's are."""
    return torch.autocast(device.type, enabled=False)


def release_predictors(model: nn.Module) -> None:
    """Give up the copies of a model's weights that :func:`make_predictor` has cached."""
    _cache.pop(model, None)


def can_be_predicted(model: nn.Module) -> bool:
    """Whether :func:`make_predictor` takes the model."""
    return isinstance(model, (EncoderDecoder, ChangePredictor))


def _check_settings(
    predictor: ChangePredictor, precision: str | None, *, compile: bool, optimize: bool
) -> None:
    as_trained = getattr(predictor, 'form', None) == AS_TRAINED
    if compile or precision not in (None, predictor.precision) or not (optimize or as_trained):
        raise ConfigError(
            f'The predictor was made for {predictor.precision}; precision={precision}, '
            f'compile={compile} and optimize={optimize} cannot be changed in a call. Pass the '
            'trained model, or open the exported one as init_model(config, path, runtime=..., '
            'precision=...).'
        )


def _describe_model(model: nn.Module) -> dict[str, Any]:
    """What tells a trained model from others: its type, a hash of its weights and its config."""
    config = getattr(model, 'cfg', None)
    text = '' if config is None else str(sorted(config.model.to_dict().items(), key=str))
    return dict(
        type=type(model).__name__,
        weights_sha256=weights_sha256(model),
        config=getattr(config, 'filename', None),
        config_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def _state(model: nn.Module) -> Any:
    """What a copy is made from. Other settings are the predictor's, which is made at each call."""
    tensors = [*model.parameters(), *model.buffers()]
    # The objects, not their ids, which another one may have once they are gone.
    settings = [getattr(model, name, None) for name in ('test_cfg', 'cfg')]
    versions = [0 if t.is_inference() else t._version for t in tensors]
    return [t.data_ptr() for t in tensors], versions, _fingerprint(tensors), settings


def _fingerprint(tensors: list[Tensor]) -> bytes:
    """Of the values themselves: PyTorch counts no writes through ``.data`` or a NumPy view.

    Norms see any change of size, some values of each tensor other signs and another order. A hash
    of all would take as long as a small prediction.
    """
    values = [tensor.detach() for tensor in tensors if tensor.is_floating_point()]
    norms = torch.stack([norm.float() for norm in torch._foreach_norm(values)])
    samples = [_some_values(tensor).float() for tensor in values]
    return torch.cat([norms, *samples]).cpu().numpy().tobytes()  # a GPU is waited for once


def _some_values(tensor: Tensor) -> Tensor:
    """Evenly out of the memory of a tensor, whatever its layout is."""
    number = tensor.numel()
    return tensor.as_strided((min(number, SAMPLED),), (max(number // SAMPLED, 1),))

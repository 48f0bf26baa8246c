"""What every network must do; a network joins by a subclass in ``test_networks.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor

from mmcd.errors import ConfigError
from mmcd.inference import make_predictor
from mmcd.models.scores import scores_of_logits
from tests.export.models import with_random_statistics
from tests.exporting import skip_without_exporter
from tests.models.building import build_model, random_batch, samples_from_labels

SPLITS = ('train', 'val', 'test')


class ModelTester:
    """Tests that run for each subclass whose name begins with ``Test``.

    Attributes:
        config: a config of the network.
        slim: settings that make it fast enough to test, if the config is not.
        binary_only: whether it tells no kinds of change apart.
        tolerance: how far the exported network's scores may be from the trained one's.
    """

    config: str
    slim: dict = {}
    binary_only: bool = False
    tolerance: float = 1e-5

    def build(self, *, bands: int | None = None, **options) -> EncoderDecoder:
        """The network with weights and statistics as training leaves them, the same each time."""
        options = {**self.slim, 'pretrained': None, **options}
        if bands is not None:
            options |= {
                'image': dict(bands=[f'band_{i}' for i in range(bands)], dtype='uint16'),
                'model.data_preprocessor': dict(type='PairDataPreprocessor', _delete_=True),
            }
        torch.manual_seed(0)
        return with_random_statistics(build_model(self.config, **options))

    @pytest.fixture(scope='class')
    def model(self, request) -> EncoderDecoder:
        """One for the tests that only predict."""
        return request.cls().build().eval()

    @pytest.mark.parametrize('size', [(33, 50), (96, 32)])
    def test_trains_and_predicts_at_any_size(self, size):
        model = self.build().train()
        inputs, samples = normalised_batch(model, 2, *size)
        losses = model(inputs, samples, mode='loss')
        total = sum(value for name, value in losses.items() if 'loss' in name)
        total.backward()
        assert total.isfinite()
        # Else DistributedDataParallel would need find_unused_parameters.
        assert [name for name, p in model.named_parameters() if p.grad is None] == []
        assert all(p.grad.isfinite().all() for p in model.parameters())
        for result in predict(model, inputs):
            assert result.seg_logits.data.shape[1:] == size
            assert result.pred_sem_seg.data.shape == (1, *size)

    @pytest.mark.parametrize('bands', [1, 13])
    def test_any_number_of_bands(self, bands):
        model = self.build(bands=bands).eval()
        tiles = np.random.default_rng(0).integers(0, 255, (2, 2 * bands, 40, 64), dtype=np.uint16)
        scores = make_predictor(model).predict(tiles)
        assert scores.shape == (2, 2, 40, 64)
        with torch.no_grad():
            expected = model_scores(model, torch.from_numpy(tiles.astype(np.float32)))
        np.testing.assert_allclose(scores, expected, atol=1e-3)

    def test_three_classes(self):
        kinds = dict(classes=['same', 'built', 'razed'], palette=[[0] * 3, [9] * 3, [99] * 3])
        options = {f'{split}_dataloader.dataset.metainfo': kinds for split in SPLITS}
        if self.binary_only:
            with pytest.raises(ConfigError, match='num_classes=3'):
                self.build(**options)
            return
        model = self.build(**options).train()
        inputs, samples = normalised_batch(model, 2, 50, 64)
        for index, sample in enumerate(samples):
            sample.gt_sem_seg.data += index  # 0 and 1, then 1 and 2
        losses = model(inputs, samples, mode='loss')
        assert all(value.isfinite() for value in losses.values())
        for result in predict(model, inputs):
            score = result.seg_logits.data.softmax(0)
            kind = score[1:].argmax(0) + 1
            expected = torch.where(score[1:].sum(0) > 0.5, kind, 0)
            assert torch.equal(result.pred_sem_seg.data[0], expected)

    def test_state_dict_round_trip(self, model, tmp_path):
        torch.manual_seed(1)
        other = self.build()
        for parameter in other.parameters():
            torch.nn.init.normal_(parameter)
        torch.save(model.state_dict(), tmp_path / 'weights.pth')
        other.load_state_dict(torch.load(tmp_path / 'weights.pth', weights_only=True))
        inputs, _ = normalised_batch(model, 1, 64, 64)
        assert torch.equal(model_scores(other.eval(), inputs), model_scores(model, inputs))

    def test_samples_of_a_batch_do_not_mix(self, model):
        inputs, _ = normalised_batch(model, 3, 64, 96)
        alone = torch.cat([model_scores(model, inputs[i : i + 1]) for i in range(3)])
        torch.testing.assert_close(model_scores(model, inputs), alone, rtol=1e-4, atol=1e-5)

    def test_the_threshold_decides(self, model):
        inputs, _ = normalised_batch(model, 1, 50, 71)
        (change,) = model_scores(model, inputs)[:, 1]
        threshold = change.median().item()
        (result,) = predict(self.build(**{'model.threshold': threshold}), inputs)
        clear = (change - threshold).abs() > 1e-5
        mask = result.pred_sem_seg.data[0] == 1
        assert torch.equal(mask[clear], (change > threshold)[clear])
        assert 0.4 < mask.float().mean() < 0.6

    @pytest.mark.slow
    def test_the_exported_network_answers_as_the_trained_one(self, model, tmp_path: Path):
        skip_without_exporter()
        from mmcd.export import export_onnx
        from mmcd.inference.exported import ExportedPredictor

        out = tmp_path / 'model.onnx'
        # Itself compares at six batches and sizes, and refuses to write what differs.
        assert export_onnx(model, out).deviation.probability < self.tolerance
        exported = ExportedPredictor(out)
        # Odd sizes are padded as the trained model pads them.
        tiles = np.random.default_rng(0).integers(0, 256, (2, 6, 97, 70), dtype=np.uint8)
        expected, found = (each.predict(tiles) for each in (make_predictor(model), exported))
        np.testing.assert_allclose(found, expected, atol=self.tolerance)


def normalised_batch(model: EncoderDecoder, *shape: int) -> tuple[Tensor, list]:
    """Random RGB pairs as the data preprocessor gives them, and labels."""
    inputs, samples = random_batch(*shape)
    return model.data_preprocessor.normalize(inputs), samples


def model_scores(model: EncoderDecoder, inputs: Tensor) -> Tensor:
    """Class scores (N, 2, H, W) of normalised pairs by the network as it was trained."""
    metas = [dict(img_shape=inputs.shape[2:], ori_shape=inputs.shape[2:])] * len(inputs)
    with torch.no_grad():
        return scores_of_logits(model.encode_decode(inputs, metas))


def predict(model: EncoderDecoder, inputs: Tensor) -> list:
    """Samples as testing gets them."""
    samples = samples_from_labels(torch.zeros(len(inputs), *inputs.shape[2:]))
    for sample in samples:
        sample.set_metainfo(dict(ori_shape=inputs.shape[2:], img_shape=inputs.shape[2:]))
    with torch.no_grad():
        return model.eval()(inputs, samples, mode='predict')

import numpy as np
import torch

from mmcd.apis import init_model
from mmcd.engine.training_statistics import TrainingStatisticsHook
from tests.engine.tiny_run import run_training, tiny_config


def test_the_moments_are_those_of_both_dates():
    rng = np.random.default_rng(0)
    batches = [rng.integers(0, 256, (2, 6, 8, 10), dtype=np.uint8) for _ in range(3)]
    hook = TrainingStatisticsHook(num_batches=2)
    for batch in batches:
        hook.after_train_iter(None, 0, dict(inputs=list(torch.from_numpy(batch))))
    checkpoint = {}
    hook.before_save_checkpoint(None, checkpoint)
    noted = checkpoint['meta']['mmcd']['statistics']
    seen = np.concatenate(batches[:2]).reshape(4, 2, 3, -1)
    np.testing.assert_allclose(noted['mean'], seen.mean(axis=(0, 1, 3)))
    np.testing.assert_allclose(noted['deviation'], seen.std(axis=(0, 1, 3)))


def test_a_trained_model_knows_them(tiny_levir, tmp_path):
    run_training(tiny_config(tiny_levir, tmp_path / 'work', iterations=1))
    model = init_model(tmp_path / 'work' / 'iter_1.pth')
    assert len(model.statistics.mean) == 3
    assert all(0 < mean < 255 for mean in model.statistics.mean)

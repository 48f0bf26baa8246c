from types import SimpleNamespace

import numpy as np
import torch
from mmengine.config import Config

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


def starting(*, resumes, bands=3):
    """As much of a runner as the hook asks for."""
    image = dict(bands=[f'band_{number}' for number in range(bands)], dtype='uint8')
    return SimpleNamespace(cfg=Config(dict(image=image)), _resume=resumes)


def saved_by(hook):
    checkpoint = {}
    hook.before_save_checkpoint(None, checkpoint)
    return checkpoint


def mean_of(hook):
    return saved_by(hook)['meta']['mmcd'].get('statistics', {}).get('mean')


def grey(value):
    return dict(inputs=[torch.full((6, 4, 4), value)])


def test_a_resumed_run_counts_on():
    whole, stopped, resumed = (TrainingStatisticsHook(num_batches=2) for _ in range(3))
    stopped.after_train_iter(None, 0, grey(3))
    resumed.after_load_checkpoint(starting(resumes=True), saved_by(stopped))
    assert saved_by(resumed) == saved_by(stopped)
    for index, value in enumerate((4, 200), start=1):
        resumed.after_train_iter(None, index, grey(value))
    for index, value in enumerate((3, 4)):
        whole.after_train_iter(None, index, grey(value))
    assert saved_by(resumed) == saved_by(whole)


def test_those_of_what_a_run_starts_from_hold_until_it_has_seen_a_batch():
    start = TrainingStatisticsHook()
    start.after_train_iter(None, 0, grey(3))
    hook = TrainingStatisticsHook()
    hook.after_load_checkpoint(starting(resumes=False), {})
    assert mean_of(hook) is None
    hook.after_load_checkpoint(starting(resumes=False, bands=4), saved_by(start))
    assert mean_of(hook) is None  # of an encoder whose first convolution is not taken over
    hook.after_load_checkpoint(starting(resumes=False), saved_by(start))
    assert mean_of(hook) == [3.0] * 3
    hook.after_train_iter(None, 0, grey(200))
    assert mean_of(hook) == [200.0] * 3


def test_a_trained_model_knows_them(tiny_levir, tmp_path):
    run_training(tiny_config(tiny_levir, tmp_path / 'work', iterations=1))
    model = init_model(tmp_path / 'work' / 'iter_1.pth')
    assert len(model.statistics.mean) == 3
    assert all(0 < mean < 255 for mean in model.statistics.mean)

"""What a reduced precision costs a trained model: agreement of the masks, and F1 in both.

    python tools/analysis_tools/compare_precisions.py CONFIG CHECKPOINT --precision bfloat16

Every pair of the test split is predicted in float32 by the model as trained and in the other
precision by its optimised form.
"""

from __future__ import annotations

import argparse
import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmcd.cli.arguments import add_model_arguments, parse_cfg_options
from mmcd.cli.console import run_tool
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

if TYPE_CHECKING:
    from torch import nn


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument(
        '--precision', default='bfloat16', choices=['float32', 'bfloat16', 'float16']
    )
    parser.add_argument('--device', default='cpu', help='cpu, cuda, cuda:1 (default: %(default)s)')
    add_model_arguments(parser)
    return parser.parse_args()


@dataclass(frozen=True)
class Comparison:
    """Pairs, pixels of the same mask in percent, and the change F1 as trained and reduced."""

    pairs: int
    same: float
    trained_f1: float
    reduced_f1: float


def compare(model: nn.Module, precision: str) -> Comparison:
    """Compare on the test split of the model's config."""
    import torch
    from mmengine.dataset import pseudo_collate

    from mmcd.cli.progress import track
    from mmcd.evaluation.confusion import change_ratios, count_pixels, sum_counts
    from mmcd.inference import make_predictor
    from mmcd.inference.segmentor import PredictorSegmentor
    from mmcd.registry import DATASETS

    test_cfg = model.cfg.model.get('test_cfg')
    as_trained = PredictorSegmentor(make_predictor(model, optimize=False), test_cfg)
    fast = PredictorSegmentor(make_predictor(model, precision=precision), test_cfg)
    dataset = DATASETS.build(model.cfg.test_dataloader.dataset)
    counts: tuple[list, list] = [], []
    same = total = 0
    for number in track(range(len(dataset)), len(dataset), 'comparing'):
        batch = pseudo_collate([dataset[number]])
        with torch.inference_mode():
            (trained,) = as_trained.test_step(copy.deepcopy(batch))
            (reduced,) = fast.test_step(batch)
        masks = [sample.pred_sem_seg.data.squeeze().long().cpu() for sample in (trained, reduced)]
        label = trained.gt_sem_seg.data.squeeze().cpu()
        for each, mask in zip(counts, masks, strict=True):
            each.append(count_pixels(mask, label, num_classes=len(fast.classes)))
        same += int((masks[0] == masks[1]).sum())
        total += masks[0].numel()
    f1 = [change_ratios(sum_counts(each))['f1'] for each in counts]
    return Comparison(len(dataset), 100 * same / total, *f1)


def main() -> None:
    args = parse_args()
    require_stack()
    with quiet_imports():
        import mmseg.datasets  # noqa: F401  the pipelines' transforms

        from mmcd.apis import init_model
    options = parse_cfg_options(args.cfg_options)
    model = init_model(
        args.config,
        args.checkpoint,
        args.device,
        options,
        trust_checkpoint=args.trust_checkpoint,
    )
    found = compare(model, args.precision)
    print(f'{found.pairs} pairs: {found.same:.3f} % of the pixels have the same mask.')
    print(f'Change F1: float32 {found.trained_f1:.2f}, {args.precision} {found.reduced_f1:.2f}')


if __name__ == '__main__':
    run_tool(main)

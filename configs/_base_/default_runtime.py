# What every run shares: logging, checkpoints, seeds, processes.
default_scope = 'mmcd'
# So that MMSegmentation's tools and mim, which know nothing of mmcd, find its types.
custom_imports = dict(imports=['mmcd.registry'], allow_failed_imports=False)
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
randomness = dict(seed=28)  # DARNet's release

log_level = 'INFO'
log_processor = dict(by_epoch=False)
# With `pip install -e '.[tensorboard]'`, dict(type='TensorboardVisBackend') in this list sends
# losses, metrics and panels to TensorBoard as well.
visualizer = dict(type='ChangeVisualizer', vis_backends=[dict(type='LocalVisBackend')])

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # Two are kept: where the newest is damaged, --resume goes on from the one before.
    checkpoint=dict(
        type='DurableCheckpointHook',
        by_epoch=False,
        max_keep_ckpts=2,
        save_best='change/f1',
        rule='greater',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
custom_hooks = [
    dict(type='NonFiniteLossHook'),
    dict(type='EmptyLabelWarningHook'),
    dict(type='PlainCheckpointHook'),
    dict(type='StrictLoadingHook'),
    dict(type='ExactResumeHook'),
    dict(type='ValidationPanelsHook', number=4),
    dict(type='MetricSummaryHook'),
    dict(type='TrainingStatisticsHook'),
]

load_from = None
strict_loading = True  # False: load_from and --resume take what fits, and list what does not
resume = False
# The learning rate as written is for this many pairs a step over all processes: with other
# numbers, --cfg-options auto_scale_lr.enable=True scales it in proportion.
auto_scale_lr = dict(enable=False, base_batch_size=8)

val_evaluator = dict(type='ChangeMetric')
test_evaluator = dict(type='ChangeMetric')

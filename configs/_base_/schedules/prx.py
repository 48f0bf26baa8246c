# PRX-Change's release: AdamW with a large eps, mixed precision, a learning rate that falls linearly
# to 0 (there set once an epoch, here in each iteration: at most 1/500 of the first one apart).
# Counted in iterations; each config sets its numbers from its data set's size.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=6e-4, eps=1e-3, weight_decay=2e-3),
)
mixed_precision = True  # tools/train.py: float16 on a GPU, bfloat16 on the CPU
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

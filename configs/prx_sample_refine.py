# A slim PRX-Change on the sample pairs, second of three stages: with the refinement loss.
#
#   python tools/train.py configs/prx_sample_refine.py
#   python tools/test.py configs/prx_sample_refine.py \
#       work_dirs/prx_sample_refine/best_change_f1_*.pth
#
# No published counterpart: chosen so that it learns in a few minutes without a GPU.
_base_ = 'prx_sample.py'

# Often changed
stage_from = 'work_dirs/prx_sample'  # its best checkpoint; or a checkpoint file
max_iters = 200
train_cfg = dict(max_iters=max_iters, val_interval=100)

# Rarely changed
default_hooks = dict(checkpoint=dict(interval=100))
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, end=max_iters)]
model = dict(decode_head=dict(refinement=True, loss_weights=dict(main=5.0)))

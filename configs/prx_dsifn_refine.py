# PRX-Change on DSIFN-CD, second of three stages: with the refinement loss.
#
#   python tools/train.py configs/prx_dsifn_refine.py
#   bash tools/dist_train.sh configs/prx_dsifn_refine.py 2 \
#       --cfg-options train_dataloader.batch_size=8
#   python tools/test.py configs/prx_dsifn_refine.py work_dirs/prx_dsifn_refine/best_change_f1_*.pth
#
# One GPU as published (batch 16). tools/train_stages.sh runs all three stages.
# No figure to compare with, see prx_dsifn.py.
_base_ = 'prx_dsifn.py'

# Often changed
stage_from = 'work_dirs/prx_dsifn'  # its best checkpoint; or a checkpoint file
max_iters = 800 * 900  # epochs of 900 iterations, see prx_dsifn.py
train_cfg = dict(max_iters=max_iters)

# Rarely changed
optim_wrapper = dict(optimizer=dict(lr=4e-4))
param_scheduler = [dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, end=max_iters)]
model = dict(decode_head=dict(refinement=True, loss_weights=dict(main=5.0)))

# PRX-Change on DSIFN-CD, third of three stages: with cross-attention between the dates, too.
#
#   python tools/train.py configs/prx_dsifn_cross.py
#   bash tools/dist_train.sh configs/prx_dsifn_cross.py 2 \
#       --cfg-options train_dataloader.batch_size=8
#   python tools/test.py configs/prx_dsifn_cross.py work_dirs/prx_dsifn_cross/best_change_f1_*.pth
#
# One GPU as published (batch 16). tools/train_stages.sh runs all three stages.
# No figure to compare with, see prx_dsifn.py.
_base_ = 'prx_dsifn_refine.py'

# Often changed
stage_from = 'work_dirs/prx_dsifn_refine'  # its best checkpoint; or a checkpoint file

# Rarely changed
model = dict(decode_head=dict(cross_attention=True))

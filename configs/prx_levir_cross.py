# PRX-Change on LEVIR-CD, third of three stages: with cross-attention between the dates, too.
#
#   python tools/train.py configs/prx_levir_cross.py
#   bash tools/dist_train.sh configs/prx_levir_cross.py 2 \
#       --cfg-options train_dataloader.batch_size=4
#   python tools/test.py configs/prx_levir_cross.py work_dirs/prx_levir_cross/best_change_f1_*.pth
#
# One GPU as published (batch 8). tools/train_stages.sh runs all three stages.
# After the third stage the release reports F1 92.14 (by its checkpoint's name) on whole test tiles.
_base_ = 'prx_levir_refine.py'

# Often changed
stage_from = 'work_dirs/prx_levir_refine'  # its best checkpoint; or a checkpoint file

# Rarely changed
model = dict(decode_head=dict(cross_attention=True))

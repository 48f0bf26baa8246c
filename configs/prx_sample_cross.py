# A slim PRX-Change on the sample pairs, third of three stages: with cross-attention, too.
#
#   python tools/train.py configs/prx_sample_cross.py
#   python tools/test.py configs/prx_sample_cross.py work_dirs/prx_sample_cross/best_change_f1_*.pth
#
# No published counterpart: chosen so that it learns in a few minutes without a GPU.
_base_ = 'prx_sample_refine.py'

# Often changed
stage_from = 'work_dirs/prx_sample_refine'  # its best checkpoint; or a checkpoint file

# Rarely changed
model = dict(decode_head=dict(cross_attention=True))

# FC-EF on the sample pairs: minutes on two CPU cores.
#
#   make demo MODEL=fc_ef
# or, after python tools/dataset_converters/make_sample_pairs.py:
#   python tools/train.py configs/fc_ef_sample.py
#   python tools/test.py configs/fc_ef_sample.py \
#       work_dirs/fc_ef_sample/best_change_f1_*.pth
#
# No published counterpart: trained as long as darnet_sample.py, so that their F1 can be compared.
_base_ = 'fc_siam_conc_sample.py'

# Rarely changed
# As configs/_base_/models/fc_ef.py: both dates in one encoder.
model = dict(early_fusion=True, decode_head=dict(fusion='early', in_channels=[16, 32, 64, 128]))

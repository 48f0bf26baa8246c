# FC-Siam-diff on the sample pairs: minutes on two CPU cores.
#
#   make demo MODEL=fc_siam_diff
# or, after python tools/dataset_converters/make_sample_pairs.py:
#   python tools/train.py configs/fc_siam_diff_sample.py
#   python tools/test.py configs/fc_siam_diff_sample.py \
#       work_dirs/fc_siam_diff_sample/best_change_f1_*.pth
#
# No published counterpart: trained as long as darnet_sample.py, so that their F1 can be compared.
_base_ = 'fc_siam_conc_sample.py'

# Rarely changed
# As configs/_base_/models/fc_siam_diff.py: the absolute difference of the dates' maps.
model = dict(decode_head=dict(fusion='difference'))

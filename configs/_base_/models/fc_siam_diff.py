# FC-Siam-diff as published: FC-Siam-conc with the absolute difference of the dates' maps in its
# skips; 1.35 million parameters with 13 bands.
_base_ = 'fc_siam_conc.py'

model = dict(decode_head=dict(fusion='difference'))

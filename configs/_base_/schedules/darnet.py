# DARNet's release: AdamW, learning rate 2e-4, halved every 20 epochs, 200 epochs, batch 8.
# Counted in iterations; each config sets its numbers from its data set's size.
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=2e-4))
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# Daudt et al. on OSCD: Adam, learning rate 1e-3, times 0.95 after each pass over the windows, 50
# passes, batches of 32. Counted in iterations; each config sets its numbers from its windows.
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3, weight_decay=1e-4))
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# DARNet on CLCD, from the original 512x512 pairs as downloaded.
#
#   python tools/train.py configs/darnet_clcd.py
#   bash tools/dist_train.sh configs/darnet_clcd.py 2 --cfg-options train_dataloader.batch_size=4
#   python tools/test.py configs/darnet_clcd.py work_dirs/darnet_clcd/best_change_f1_*.pth
#
# DARNet was not published on CLCD: the recipe is its general one, see _base_/schedules/darnet.py.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/datasets/clcd.py',
    '_base_/models/darnet.py',
    '_base_/pipelines/darnet_256.py',
    '_base_/schedules/darnet.py',
]

# Often changed
data_root = 'data/CLCD'  # or: --cfg-options data_root=FOLDER
# Iterations in which as many 256x256 crops are seen as the 360 training pairs have room for, four
# each.
epoch = 4 * 360 // 8
train_cfg = dict(type='IterBasedTrainLoop', max_iters=200 * epoch, val_interval=epoch)

# Rarely changed
param_scheduler = [dict(type='StepLR', by_epoch=False, step_size=20 * epoch, gamma=0.5)]
default_hooks = dict(checkpoint=dict(interval=epoch))
train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.test_pipeline))
test_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.test_pipeline))
# Windows of 256x256 without overlap: what is tested is as large as what was trained on.
model = dict(test_cfg=dict(mode='slide', crop_size=(256, 256), stride=(256, 256)))

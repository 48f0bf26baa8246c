# DARNet on WHU-CD, from 256x256 tiles that are cut from its one pair first.
#
#   python tools/dataset_converters/prepare.py whu-cd DOWNLOADS data/WHU-CD
#   python tools/train.py configs/darnet_whu.py
#   bash tools/dist_train.sh configs/darnet_whu.py 2 --cfg-options train_dataloader.batch_size=4
#   python tools/test.py configs/darnet_whu.py work_dirs/darnet_whu/best_change_f1_*.pth
#
# DARNet was not published on WHU-CD: the recipe is its general one, see _base_/schedules/darnet.py.
# F1 of papers that draw tiles at random is not comparable with this split by blocks.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/datasets/whu_cd.py',
    '_base_/models/darnet.py',
    '_base_/pipelines/darnet_256.py',
    '_base_/schedules/darnet.py',
]

# Often changed
data_root = 'data/WHU-CD'  # or: --cfg-options data_root=FOLDER
# Iterations in which as many pairs are seen as the training split has, prepared as above.
epoch = 4906 // 8
train_cfg = dict(type='IterBasedTrainLoop', max_iters=200 * epoch, val_interval=epoch)

# Rarely changed
param_scheduler = [dict(type='StepLR', by_epoch=False, step_size=20 * epoch, gamma=0.5)]
default_hooks = dict(checkpoint=dict(interval=epoch))
train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.test_pipeline))
test_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.test_pipeline))

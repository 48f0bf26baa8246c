"""Every network of the project through :class:`tests.models.model_tester.ModelTester`."""

from __future__ import annotations

from tests.models.model_tester import ModelTester

SLIM_UNET = {
    'model.backbone.base_channels': 4,
    'model.decode_head.in_channels': [8, 16, 32, 64],
}


class TestDARNet(ModelTester):
    config = 'darnet_sample.py'


class TestPRX(ModelTester):
    config = 'prx_sample.py'
    binary_only = True


class TestPRXRefine(ModelTester):
    config = 'prx_sample_refine.py'
    binary_only = True
    # The refinement serves training only: the exported network is that of the first stage.
    test_the_exported_network_answers_as_the_trained_one = None


class TestPRXCross(ModelTester):
    config = 'prx_sample_cross.py'
    binary_only = True


class TestFCEarlyFusion(ModelTester):
    config = 'fc_ef_sample.py'
    slim = SLIM_UNET | {'model.decode_head.in_channels': [4, 8, 16, 32]}


class TestFCSiamConc(ModelTester):
    config = 'fc_siam_conc_sample.py'
    slim = SLIM_UNET


class TestFCSiamDiff(ModelTester):
    config = 'fc_siam_diff_sample.py'
    slim = SLIM_UNET


class TestUPerNet(ModelTester):
    config = 'upernet_r18_sample.py'
    tolerance = 1e-4  # 3e-5 was measured
    slim = {
        'model.backbone.stem_channels': 8,
        'model.backbone.base_channels': 8,
        'model.decode_head.in_channels': [16, 32, 64, 128],
        'model.decode_head.channels': 16,
    }


class TestSegFormer(ModelTester):
    config = 'segformer_b0_sample.py'
    tolerance = 1e-4  # 3e-5 was measured
    slim = {
        'model.backbone.embed_dims': 8,
        'model.backbone.num_layers': [1, 1, 1, 1],
        'model.backbone.num_heads': [1, 2, 4, 8],
        'model.decode_head.in_channels': [16, 32, 64, 128],
        'model.decode_head.channels': 8,
    }

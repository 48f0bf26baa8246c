"""Initialisation configs shared by encoders and heads."""

# DARNet's release: Kaiming normal by fan-in with a = 0 for every convolution (the attention's
# included), N(1, 0.02) for BatchNorm weights, zero for the biases.
KAIMING_FAN_IN: list[dict] = [
    dict(
        type='Kaiming',
        layer='Conv2d',
        mode='fan_in',
        nonlinearity='relu',
        distribution='normal',
    ),
    dict(type='Normal', layer='_BatchNorm', mean=1.0, std=0.02, bias=0.0),
]

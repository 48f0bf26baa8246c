"""``python -m mmcd`` is the console script ``mmcd``, such as under torchrun's ``-m``."""

from mmcd.cli.main import run

if __name__ == '__main__':
    run()

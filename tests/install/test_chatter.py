"""What the stack's packages print while they are imported, and nothing else, is kept out."""

import logging
import subprocess
import sys
import warnings

import pytest

from mmcd.install.chatter import quiet_imports

OP_WARNING = (
    'Fail to import ``MultiScaleDeformableAttention`` from ``mmcv.ops.multi_scale_deform_attn``'
)


def test_known_chatter_is_kept_out(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet_imports():
        print('Could not import OneDL')
        print('Could not import OneDL or anything')
        print('50 %', end='', flush=True)
    assert capsys.readouterr().out == 'Could not import OneDL or anything\n50 %'


def test_print_is_as_before_where_an_import_fails(capsys: pytest.CaptureFixture[str]) -> None:
    def broken_import() -> None:
        with quiet_imports():
            raise ValueError('broken')

    with pytest.raises(ValueError, match='broken'):
        broken_import()
    print('Could not import OneDL')
    assert capsys.readouterr().out == 'Could not import OneDL\n'


def test_a_handler_made_inside_goes_on_writing(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet_imports():
        handler = logging.StreamHandler(sys.stdout)
    handler.emit(logging.makeLogRecord({'msg': 'Could not import OneDL'}))
    assert capsys.readouterr().out == 'Could not import OneDL\n'


def test_only_the_known_warning_is_kept_out() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        with quiet_imports():
            warnings.warn(OP_WARNING, stacklevel=1)
            warnings.warn('Fail to import something else', stacklevel=1)
            warnings.warn(OP_WARNING, DeprecationWarning, stacklevel=1)
    assert [(str(w.message), w.category) for w in caught] == [
        ('Fail to import something else', UserWarning),
        (OP_WARNING, DeprecationWarning),
    ]


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_stack_is_silent() -> None:
    done = run(
        'from mmcd.install.chatter import quiet_imports\n'
        'with quiet_imports():\n'
        '    import mmengine.runner, mmseg.models, mmseg.datasets, mmpretrain.models\n'
    )
    assert (done.stdout, done.stderr, done.returncode) == ('', '', 0)


@pytest.mark.slow
def test_a_program_that_calls_mmcd_sees_none_of_it() -> None:
    done = run("from mmcd.apis import init_model\ninit_model('buildings')")
    assert (done.stdout, done.stderr, done.returncode) == ('', '', 0)

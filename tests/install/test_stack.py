from __future__ import annotations

from importlib import metadata

import pytest

from mmcd.errors import MMCDError, StackError
from mmcd.install import stack
from mmcd.install.stack import describe_faults, family_of, find_faults, require_stack

BASE = {'torch': '2.14.1+cpu', 'torchvision': '0.29.1', 'opencv-python': '5.0.0.93'}
ONEDL = BASE | {
    'onedl-mmcv': '2.3.6',
    'onedl-mmengine': '0.10.12',
    'onedl-mmsegmentation': '1.4.2',
    'onedl-mmpretrain': '1.3.6',
}
OPENMMLAB = BASE | {
    'torch': '2.13.0',
    'torchvision': '0.28.0',
    'mmcv': '2.1.0',
    'mmengine': '0.10.7',
    'mmsegmentation': '1.2.2',
    'mmpretrain': '1.2.0',
}


def without(installed: dict[str, str], *names: str) -> dict[str, str]:
    return {name: version for name, version in installed.items() if name not in names}


def message(installed: dict[str, str]) -> str:
    return describe_faults(find_faults(installed), family_of(installed))


def plant(monkeypatch: pytest.MonkeyPatch, installed: dict[str, str]) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(stack.metadata, 'version', version)


@pytest.mark.parametrize(
    'installed',
    [
        ONEDL,
        OPENMMLAB,
        ONEDL | {'onedl-mmcv': '2.4.0rc1', 'torch': '2.15.0a0+git1'},
        without(ONEDL, 'opencv-python') | {'opencv-python-headless': '4.10.0.84'},
        ONEDL | {'opencv-contrib-python': '4.10.0.84'},
        without(OPENMMLAB, 'mmengine') | {'mmengine-lite': '0.10.7'},
        OPENMMLAB | {'mmcv': '2.1.0+cu118'},
    ],
)
def test_a_whole_family_has_no_fault(installed: dict[str, str]) -> None:
    assert find_faults(installed) == []


@pytest.mark.parametrize('name', ONEDL)
def test_each_part_is_missed(name: str) -> None:
    (fault,) = find_faults(without(ONEDL, name))
    assert 'not installed' in fault.problem
    assert fault.requirement.startswith(name)
    assert fault.remove == ()


@pytest.mark.parametrize(
    ('installed', 'part', 'found'),
    [
        (ONEDL | {'onedl-mmcv': '2.3.5'}, 'mmcv', 'onedl-mmcv 2.3.5 is too old'),
        (ONEDL | {'onedl-mmengine': '0.10.9'}, 'mmengine', 'onedl-mmengine 0.10.9 is too old'),
        (ONEDL | {'onedl-mmcv': '2.3.6rc1'}, 'mmcv', 'onedl-mmcv 2.3.6rc1 is too old'),
        (ONEDL | {'torch': '2.5.1'}, 'torch', 'torch 2.5.1 is too old'),
        (OPENMMLAB | {'torch': '2.12.1'}, 'torch', 'torch 2.12.1 is too old'),
        (OPENMMLAB | {'mmcv': '2.2.0'}, 'mmcv', 'mmcv 2.2.0 is too new'),
        (OPENMMLAB | {'mmcv': '2.0.1'}, 'mmcv', 'mmcv 2.0.1 is too old'),
        (OPENMMLAB | {'mmsegmentation': '1.2.1'}, 'mmseg', 'mmsegmentation 1.2.1 is too old'),
    ],
)
def test_versions_out_of_bounds(installed: dict[str, str], part: str, found: str) -> None:
    (fault,) = find_faults(installed)
    assert fault.part == part
    assert fault.problem.startswith(f'{found}; expected ')
    assert f" '{fault.requirement}'\n" in message(installed)


def test_both_distributions_of_a_name_are_both_removed() -> None:
    text = message(ONEDL | {'mmsegmentation': '1.2.2'})
    assert 'mmseg: installed 2 times over, as onedl-mmsegmentation 1.4.2 and mmsegmentation' in text
    # Removing the one takes files of the other away, so both go before one is installed.
    assert 'python -m pip uninstall -y mmsegmentation onedl-mmsegmentation\n' in text
    assert "python -m pip install 'onedl-mmsegmentation>=1.4.2'\n" in text


def test_mmcv_beside_mmcv_lite_is_twice_too() -> None:
    text = message(OPENMMLAB | {'mmcv-lite': '2.1.0'})
    assert 'python -m pip uninstall -y mmcv mmcv-lite\n' in text
    # Of its source alone pip builds one without operators, or none.
    assert "python -m pip install 'setuptools<81' wheel ninja psutil\n" in text
    build = 'MMCV_WITH_OPS=1 python -m pip install --no-build-isolation --no-cache-dir'
    assert f"{build} 'mmcv>=2.1,<2.2'\n" in text and 'pip install \n' not in text


def test_mmcv_lite_is_not_enough_for_upstream_mmsegmentation() -> None:
    (fault,) = find_faults(without(OPENMMLAB, 'mmcv') | {'mmcv-lite': '2.1.0'})
    assert 'lacks the compiled operations' in fault.problem
    assert fault.remove == ('mmcv-lite',)


def test_a_mixture_of_families_is_mended_towards_the_larger_part() -> None:
    (fault,) = find_faults(without(ONEDL, 'onedl-mmsegmentation') | {'mmsegmentation': '1.2.2'})
    assert fault.problem.startswith('mmsegmentation 1.2.2 does not go with the onedl family')
    assert fault.remove == ('mmsegmentation',)
    assert fault.requirement == 'onedl-mmsegmentation>=1.4.2'

    (fault,) = find_faults(without(OPENMMLAB, 'mmpretrain') | {'onedl-mmpretrain': '1.3.6'})
    assert fault.requirement.startswith('mmpretrain')


def test_where_neither_family_is_larger_onedl_is_named() -> None:
    torn = BASE | {'onedl-mmcv': '2.3.6', 'mmcv-lite': '2.1.0', 'mmengine': '0.10.7'}
    assert family_of(torn) == family_of({}) == 'onedl'
    assert 'uninstall -y mmcv-lite mmengine onedl-mmcv\n' in message(torn)


def test_all_faults_are_told_at_once() -> None:
    installed = without(ONEDL, 'onedl-mmpretrain', 'opencv-python')
    installed |= {'onedl-mmengine': '0.10.8', 'mmcv': '2.1.0'}
    assert message(installed) == (
        'what mmcd runs on has 4 faults:\n'
        '  - cv2: not installed; expected opencv-python\n'
        '  - mmcv: installed 2 times over, as onedl-mmcv 2.3.6 and mmcv 2.1.0, each overwriting'
        ' the other; expected onedl-mmcv>=2.3.6 alone\n'
        '  - mmengine: onedl-mmengine 0.10.8 is too old; expected onedl-mmengine>=0.10.12\n'
        '  - mmpretrain: not installed; expected onedl-mmpretrain>=1.3.6\n'
        'To mend it:\n'
        '  python -m pip uninstall -y mmcv onedl-mmcv\n'
        "  python -m pip install 'opencv-python' 'onedl-mmcv>=2.3.6' 'onedl-mmengine>=0.10.12'"
        " 'onedl-mmpretrain>=1.3.6'\n"
        "In a checkout of mmcd, python -m pip install -e '.[onedl]' installs all of it."
    )


def test_an_empty_environment_is_pointed_to_onedl() -> None:
    text = message({})
    assert 'has 7 faults' in text
    assert "'.[onedl]'" in text
    assert 'uninstall' not in text


def test_require_stack_raises_what_metadata_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, without(ONEDL, 'onedl-mmcv'))
    with pytest.raises(StackError, match=r'(?s)1 fault:.*mmcv: not installed') as caught:
        require_stack()
    assert isinstance(caught.value, MMCDError) and isinstance(caught.value, ImportError)

    plant(monkeypatch, ONEDL)
    require_stack()


def test_opencv_without_metadata_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, without(ONEDL, 'opencv-python'))
    require_stack()  # cv2 itself is importable here
    monkeypatch.setattr(stack.util, 'find_spec', lambda name: None)
    with pytest.raises(StackError, match='cv2: not installed'):
        require_stack()


def test_the_stack_of_these_tests_is_sound() -> None:
    require_stack()

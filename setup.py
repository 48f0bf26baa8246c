"""Builds and installs mmcd; the requirements stand in mmcd/install/requirements.py."""

from __future__ import annotations

import os
import runpy
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# Read by path: `import mmcd` would find another mmcd, or none, while a build is isolated.
VERSION = runpy.run_path(str(ROOT / 'mmcd' / 'version.py'))['__version__']
NEEDS = runpy.run_path(str(ROOT / 'mmcd' / 'install' / 'requirements.py'))


class BuildPyWithMim(build_py):
    """Also puts what mim looks for under ``mmcd/.mim``: copies in a wheel, links in a checkout."""

    MIM_PARTS = ('configs', 'tools', 'model-index.yml')

    def run(self) -> None:
        super().run()
        editable = getattr(self, 'editable_mode', False)
        mim = (ROOT if editable else Path(self.build_lib)) / 'mmcd' / '.mim'
        # From nothing each time: what an earlier build left must not get into this one's wheel.
        shutil.rmtree(mim, ignore_errors=True)
        mim.mkdir(parents=True)
        for name in self.MIM_PARTS:
            if editable:
                _link_or_copy(ROOT / name, mim / name)
            else:
                _copy(ROOT / name, mim / name)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.symlink_to(os.path.relpath(source, target.parent))
    except OSError:  # Windows without the right to make links
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__', '.*'))
    else:
        shutil.copyfile(source, target)


setup(
    name='mmcd',
    version=VERSION,
    description='Change detection in pairs of remote-sensing images, on top of MMSegmentation',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=find_packages(include=['mmcd', 'mmcd.*']),
    # Else an earlier editable install's mmcd/.mim links would be taken for data of the package.
    include_package_data=False,
    package_data={
        'mmcd.html_report': ['templates/*', 'assets/*', 'assets/vendor/*'],
        'mmcd.weights': ['*.safetensors', '*.md'],
    },
    cmdclass={'build_py': BuildPyWithMim},
    entry_points={'console_scripts': ['mmcd = mmcd.cli.main:run']},
    install_requires=list(NEEDS['REQUIRED']),
    # The stack is an extra that the user names: two families of distributions own the same import
    # names, and pip would lay one over the other without a word.
    extras_require={
        'onedl': list(NEEDS['ONEDL'].values()),
        'openmmlab': list(NEEDS['OPENMMLAB'].values()),
        'geo': list(NEEDS['GEO']),
        'onnx': list(NEEDS['ONNX']),
        'openvino': list(NEEDS['OPENVINO']),
        'tensorboard': list(NEEDS['TENSORBOARD']),
        'browser': list(NEEDS['BROWSER']),
        'dev': list(NEEDS['DEV']),
    },
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Science/Research',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
)

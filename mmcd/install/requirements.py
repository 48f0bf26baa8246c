"""What mmcd needs of other packages, said once.

``setup.py`` loads this file by its path for the requirements and the extras, ``mmcd.install.stack``
checks against it at start. So it imports nothing. Every floor and every bound has its reason beside
it. Advisories are those of ``tools/advisories.json``, which ``tools/check_advisories.py`` compares
with the floors.
"""

from __future__ import annotations

REQUIRED = (
    # Before, weights_only=True could be made to run code: CVE-2025-32434 (closed in 2.6),
    # CVE-2026-24747 (in 2.10).
    'torch>=2.10',
    'torchvision>=0.25',  # the release made for torch 2.10; mmengine imports it
    'numpy>=1.26',  # the last series before 2, as upstream's family needs it
    'opencv-python>=4.10.0.84',  # first built for numpy 2; runs with 1.26
    # It reads the labels: CVE-2026-25990, CVE-2026-59199 (closed in 12.3), CVE-2026-96639 (in 13,
    # which has left Python 3.10 behind).
    'pillow>=12.3; python_version < "3.11"',
    'pillow>=13; python_version >= "3.11"',
    # Objects, distances and bootstrap of the evaluation. 1.15 is the first whose bootstrap takes a
    # generator by the name that later releases keep (rng); MMSegmentation requires SciPy anyway.
    'scipy>=1.15',
    'packaging>=23',  # compares the versions below
    'filelock>=3.20.3',  # CVE-2025-68146, CVE-2026-22701: a link in the place of the lock
    'safetensors>=0.5',  # the oldest that the tests were run with
    'Jinja2>=3.1.6',  # the pages of --report; the oldest without an advisory; PyTorch brings it
    'matplotlib>=3.9',  # plots; MMEngine brings it; 3.9 is the first built for numpy 2
)

# The two families of distributions that own the import names mmcv, mmengine, mmseg and mmpretrain.
# One of them is installed as a whole: each is released and tested as a set.
ONEDL = {
    'torch': 'torch>=2.10',  # see REQUIRED
    'torchvision': 'torchvision>=0.25',  # the release made for torch 2.10
    'numpy': 'numpy>=2.0.1',  # onedl-mmsegmentation asks for more than 2.0.0
    'cv2': 'opencv-python>=4.12.0.88',  # CVE-2025-53644, in reading JPEG; asks for numpy 2
    # The releases of May and June 2026 that mmcd is tested with; older ones were never tried.
    'mmcv': 'onedl-mmcv>=2.3.6',
    'mmengine': 'onedl-mmengine>=0.10.12',
    'mmseg': 'onedl-mmsegmentation>=1.4.2',
    'mmpretrain': 'onedl-mmpretrain>=1.3.6',
}
# The last releases of the four, which mmcd is tested with; older ones were never tried.
OPENMMLAB = {
    'torch': 'torch>=2.13',  # the oldest that mmcv 2.1 was compiled and tested for
    'torchvision': 'torchvision>=0.28',  # the release made for torch 2.13
    'numpy': 'numpy>=1.26,<2',  # with numpy 2 mmcv 2.1 fails where hues are jittered
    'mmcv': 'mmcv>=2.1,<2.2',  # mmsegmentation 1.2 refuses mmcv 2.2 when it is imported
    'mmengine': 'mmengine>=0.10.7,<0.11',
    'mmseg': 'mmsegmentation>=1.2.2,<1.3',
    'mmpretrain': 'mmpretrain>=1.2,<2',
    # mmsegmentation 1.2 imports both and requires neither.
    'ftfy': 'ftfy>=6.3',
    'regex': 'regex>=2024.11.6',
}
FAMILIES: dict[str, dict[str, str]] = {'onedl': ONEDL, 'openmmlab': OPENMMLAB}

GEO = (
    'rasterio>=1.4.2',  # 1.4.1 gives no parameters of a Mercator CRS, and areas were wrong
    # Vectors: polygons in shapely, written through pyogrio, which takes plain arrays and is kept up
    # by the GeoPandas team; fiona had its last release in 2024.
    'shapely>=2.0.6',  # first with wheels for numpy 2 that also support Python 3.13
    'pyogrio>=0.10',  # first with wheels for Python 3.13
)
ONNX = (
    # CVE-2026-27489, CVE-2026-34445: external data. mmcd opens no file that has any.
    'onnx>=1.21',
    # Before 1.24.3, external data were read from anywhere, and memory out of bounds; 1.23.2 is the
    # last for Python 3.10.
    'onnxruntime>=1.23.2; python_version < "3.11"',
    'onnxruntime>=1.24.3; python_version >= "3.11"',
    'onnxscript>=0.7',  # PyTorch's exporter imports it; 2.13, which exporting needs, asks for this
)
OPENVINO = (
    'openvino>=2025.0',  # first with wheels for Python 3.13
)
TENSORBOARD = (
    'tensorboard>=2.18',  # first that runs with numpy 2
)
BROWSER = (
    # The reports' tests, in a Chromium of the machine's own, such as from `apt install chromium`.
    'playwright>=1.65',  # the release that the tests were made with
    'axe-playwright-python>=0.1.5',  # first with axe-core 4.10; those before have 4.4
)
DEV = (
    'pytest>=8',
    'pytest-xdist>=3.8',  # `make test` runs on two cores; --no-loadscope-reorder
    'pytest-timeout>=2.3.1',  # first that writes through pytest's own reporter
    'hypothesis>=6.100',
    'scikit-learn>=1.5',  # the metrics are checked against it; 1.5 is the first built for numpy 2
    'torchmetrics>=1.6.2',  # so are objects and curves; 1.6.2 is of the time of torch 2.6
    'seaborn>=0.13',  # MMSegmentation's analyze_logs.py, which a test runs, imports it
    'setuptools>=78.1.1',  # test_packaging builds wheels; CVE-2025-47273
    # Both pinned to one series, so that a new release does not turn `make check` red by itself.
    'ruff>=0.17,<0.18',
    'mypy>=2.4,<2.5',
)

"""What a scene's run gave, for notebooks and programs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcd.errors import SceneError
from mmcd.io.atomic import make_folder
from mmcd.scene.report import in_words
from mmcd.scene.scene_outputs import RASTER_SUFFIXES, SceneOutputs

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class SceneResult:
    """What a scene's run gave; a notebook shows its quicklook.

    Args:
        outputs: the files that were written; their names are made absolute.
        report: what the JSON report says.
    """

    outputs: SceneOutputs
    report: dict[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, 'outputs', self.outputs.absolute())

    def __repr__(self) -> str:
        return f'SceneResult({in_words(self.report, [self.outputs.mask])})'

    def plot(self) -> Figure:
        """The quicklook as a figure of Matplotlib.

        Raises:
            FileNotFoundError: it is not where it was written.
        """
        from matplotlib.figure import Figure  # its import takes a second
        from matplotlib.image import imread

        picture = imread(self.outputs.quicklook)
        figure = Figure(figsize=(15, 15 * picture.shape[0] / picture.shape[1]))
        axis = figure.add_axes((0, 0, 1, 1))
        axis.imshow(picture)
        axis.set_axis_off()
        return figure

    def save(self, folder: str | Path) -> None:
        """Copy what was written into another folder.

        Args:
            folder: is made where it is not there; may be that of the outputs.

        Raises:
            SceneError: the name is that of a raster, or an output is not there any more.
            FileWriteError: the folder can't be made.
        """
        folder, outputs = Path(folder), self.outputs
        if folder.suffix.lower() in RASTER_SUFFIXES and not folder.is_dir():
            raise SceneError(
                f'save takes a folder, but {folder} is the name of a raster. Name the folder: the '
                f'files keep their names, such as {outputs.mask.name}.'
            )
        if gone := [str(path) for path in outputs.all() if not path.is_file()]:
            raise SceneError(
                f'There is no {" and no ".join(gone)} any more: it was moved or deleted since it '
                'was written. Nothing was copied.'
            )
        make_folder(folder)
        for path in filter(Path.is_file, [*outputs.all(), *outputs.beside()]):
            copy = folder / path.name
            if not (copy.exists() and copy.samefile(path)):
                shutil.copyfile(path, copy)

    def _repr_png_(self) -> bytes | None:
        picture = self.outputs.quicklook
        return picture.read_bytes() if picture.is_file() else None

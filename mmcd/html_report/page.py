"""From templates to one page that holds all it needs but for its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmcd.io.atomic import write_whole
from mmcd.version import __version__

HERE = Path(__file__).parent
SCRIPTS = ('vendor/img-comparison-slider.js', 'vendor/panzoom.min.js', 'report.js')
PAGE = 'index.html'


def write_page(folder: Path, template: str, content: Mapping[str, Any]) -> Path:
    """Write ``index.html``.

    Args:
        folder: of the report.
        template: its name.
        content: what the template shows.

    Returns:
        The page's file.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE / 'templates'),
        # Names of files and models are anybody's: they must not become elements of the page.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # A page opened from the disk may load no scripts by modules and no data by requests: browsers
    # take each file for a site of its own. So all but the pictures is within the page.
    page = environment.get_template(template).render(
        content,
        css=_asset('report.css'),
        scripts=[_asset(name) for name in SCRIPTS],
        notices=_asset('vendor/THIRD_PARTY.md'),
        licences=[
            _asset(f'vendor/{name}.LICENSE.txt') for name in ('img-comparison-slider', 'panzoom')
        ],
        version=__version__,
    )
    # On Linux a file's name may be no UTF-8, which a page has to be.
    write_whole(folder / PAGE, page.encode('utf-8', 'replace'))
    return folder / PAGE


def _asset(name: str) -> str:
    lines = (HERE / 'assets' / name).read_text(encoding='utf-8').splitlines()
    # The map of the sources is not in the page; a browser's tools would look for it in vain.
    return '\n'.join(line for line in lines if not line.startswith('//# sourceMappingURL'))

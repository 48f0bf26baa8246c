"""A headless Chromium for the pages; the tests that need it skip where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')


@pytest.fixture(scope='session')
def chromium() -> Iterator[Any]:
    """Playwright's browser, with the machine's own Chromium: nothing is downloaded."""
    playwright = pytest.importorskip(
        'playwright.sync_api', reason="not installed: pip install -e '.[browser]'"
    )
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f'none of {", ".join(NAMES)} is installed, such as by apt install chromium')
    with playwright.sync_playwright() as session:
        # Without a sandbox: root, as in containers, has none, and the pages are our own.
        browser = session.chromium.launch(executable_path=found, args=['--no-sandbox'])
        yield browser
        browser.close()


class Visit:
    """A page that is open in the browser, and what went wrong in it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on('console', lambda message: self._note(message))
        page.on('pageerror', lambda error: self.complaints.append(str(error)))
        page.on('requestfailed', lambda request: self.complaints.append(f'failed: {request.url}'))
        page.on('request', lambda request: self.requests.append(request.url))

    def _note(self, message: Any) -> None:
        if message.type in ('error', 'warning'):
            self.complaints.append(message.text)


@pytest.fixture
def visit(chromium: Any) -> Iterator[Any]:
    """Opens a page: ``visit(file, width=..., dark=..., where='#image-0')``."""
    contexts = []
    visits = []

    def open_page(file: Any, *, width: int = 1280, dark: bool = False, where: str = '') -> Visit:
        scheme = 'dark' if dark else 'light'
        context = chromium.new_context(
            viewport=dict(width=width, height=800),
            color_scheme=scheme,
            offline=True,
            has_touch=width < 600,
            reduced_motion='reduce',
        )
        contexts.append(context)
        visits.append(Visit(context.new_page()))
        visits[-1].page.goto(f'{file.as_uri()}{where}')
        return visits[-1]

    yield open_page
    for context in contexts:
        context.close()
    # Whatever a test looked at: no page may complain, and none may ask a network for anything.
    assert [text for each in visits for text in each.complaints] == []
    asked = [url for each in visits for url in each.requests]
    assert [url for url in asked if not url.startswith(('file:', 'data:'))] == []

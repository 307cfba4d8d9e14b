"""One browser for all tests of pages."""

import pytest

from tests.pages import browser


@pytest.fixture(scope="package")
def chromium():
    if not browser.executable():
        pytest.skip("there is no chromium here: apt-get install chromium")
    with browser.Browser() as found:
        yield found

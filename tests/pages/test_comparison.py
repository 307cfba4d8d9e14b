"""The page of a comparison in a real browser."""

import scopf


def test_page_in_a_browser(chromium, tmp_path):
    net = scopf.load_case("case39").lossless()
    one, other = (scopf.sweep(net, mq=[0.2, 0.25], load_scale=[1.0, k]) for k in (1.02, 1.03))
    other.scenarios.loc[1:, "cost"] *= 1.01
    found = scopf.compare(one, other)
    path = scopf.report(found, tmp_path / "page.html")
    for width in (1280, 390):
        chromium.open(path, width, dark=width == 390)
        assert chromium.run("document.documentElement.scrollWidth") <= width
        bars = "document.querySelector('#changes .plot').data[0].x.length"
        assert chromium.run(bars) == len(found.table)
        rows = "document.querySelectorAll('#table-differences tbody tr').length"
        assert chromium.run(rows) == len(found.table)
        assert chromium.run("document.querySelectorAll('#table-only-a tbody tr').length") == 2
    assert chromium.complaints() == []
    assert chromium.requests() == []

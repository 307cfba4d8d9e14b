"""One self-contained HTML page about a sweep.

Data flows one way: `axes` finds out what was varied, `study` lines the tables up with it, `curves`,
`grids` and `network` make figures (plain dictionaries in Plotly's schema) out of that, `facts` the
sentences and small tables, and `page` puts all of it into the template under `assets/`.
"""

from scopf.sweeps.report.page import write

__all__ = ["write"]

"""One self-contained HTML page about a sweep.

`curves`, `grids`, `status` and `network` make figures (plain dictionaries in Plotly's schema) out
of an analysed sweep (`scopf.sweeps.analysis`), `facts` the sentences and small tables; `page` puts
all of it into the template under `assets/`.
"""

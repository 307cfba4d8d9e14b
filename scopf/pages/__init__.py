"""One self-contained HTML page about a sweep.

`scopf.sweeps.analysis` makes the content: curves, cells, prices in the network, sentences. Here
`curves`, `grids`, `status` and `network` write that as figures (plain dictionaries in Plotly's
schema), and `page` puts all of it into the template under `assets/`.
"""

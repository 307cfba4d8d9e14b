"""A sweep read back, and what figures show of it.

`analysis` lines the tables of a sweep up with what was varied (`axes`); `results`, `curves`,
`grids`, `network_map` and `facts` hold the content of pictures and texts, as plain data.
`scopf.plots` and `scopf.pages` turn that into pictures and a page.
"""

"""Rows -> matplotlib Axes; the only place that imports matplotlib.

One module per experiment; `bbvi.plotting.style` holds the one style of all figures.
"""

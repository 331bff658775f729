"""Plotly figures, drawn from the tables of `analysis`."""

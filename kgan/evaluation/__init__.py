"""Measures one source of samples against another: folders, data sets, files and generators."""

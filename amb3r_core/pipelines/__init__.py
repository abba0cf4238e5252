"""Pipelines: any model, any number of views, one reconstruction."""

"""Predictions and corpora that users bring: read tolerantly, align, score, compare; no training and no params.yaml."""

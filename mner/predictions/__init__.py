"""Predictions and corpora that users bring: read, align, score, compare; no training and no params.yaml."""

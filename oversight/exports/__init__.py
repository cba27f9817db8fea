"""Exports of the log: asked for, written by a worker, downloaded or sent to an S3-compatible store."""

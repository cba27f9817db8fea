"""The evidence of one request: everything an examiner asks, with proofs, as JSON, page and PDF."""

"""Slack on loopback: what the product says to Slack, and what people press there, without Slack."""

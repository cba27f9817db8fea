"""Slack's inbound calls: signed requests over HTTP, or envelopes over Socket Mode, handled alike."""

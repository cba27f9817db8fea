"""The demo: a shop's customer service on real input, as an agent would live it, with people who decide."""

"""Numbers of one workspace: of the requests, runs and votes of a period, in sections that are counted apart."""

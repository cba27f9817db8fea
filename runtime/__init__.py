"""Everything between a bare Python and the running product.

Environment bootstrap (`bootstrap`), the embedded PostgreSQL (`postgres`), and the supervisor
that runs both beside the web and worker processes (`supervisor`). Imports no Django app.
"""

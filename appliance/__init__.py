"""What keeps an installed appliance alive: `winery-appliance` on the server itself, outside every container.

Nothing but Python's standard library, Docker and openssl: it has to work when nothing else does. Imports nothing of the
application, and the application nothing of it.
"""

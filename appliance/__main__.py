"""`python3 -m appliance`, as /usr/local/sbin/winery-appliance starts it."""

from appliance.cli import main

main()

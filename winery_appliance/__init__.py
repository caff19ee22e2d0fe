"""The winery appliance: the web application, its worker and its scheduler."""

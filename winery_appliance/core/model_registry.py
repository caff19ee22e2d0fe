"""Every module that has tables. A table may refer to one of a feature that this process has no other use for."""

from importlib import import_module

MODELS = (
    "winery_appliance.core.outbox",
    "winery_appliance.core.jobs",
    "winery_appliance.core.log_lines",
    "winery_appliance.auth.models",
    "winery_appliance.winery.models",
    "winery_appliance.fruit_origin.models",
    "winery_appliance.fermentation.models",
    "winery_appliance.cellar_work.models",
    "winery_appliance.devices.models",
    "winery_appliance.historical_data.models",
    "winery_appliance.historical_data.import_models",
    "winery_appliance.analysis_engine.models",
    "winery_appliance.notifications.models",
)


def register_models() -> None:
    """Make every table known to SQLAlchemy; it follows foreign keys only between tables that it knows."""
    for name in MODELS:
        import_module(name)

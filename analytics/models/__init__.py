from analytics.models.rollup import CallRollup

__all__ = ["CallRollup"]

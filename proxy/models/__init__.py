from proxy.models.call import Call
from proxy.models.spool import DeadLetter, Spool, TouchedMinute

__all__ = ["Call", "DeadLetter", "Spool", "TouchedMinute"]

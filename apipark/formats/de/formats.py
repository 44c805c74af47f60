"""How Django writes dates where no template says it: in the console. A time names its zone, as everywhere."""

DATE_FORMAT = "j. M Y"
DATETIME_FORMAT = "j. M Y, H:i T"
TIME_FORMAT = "H:i"

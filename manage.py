#!/usr/bin/env python
"""Django's command line. Before settings are read, first_run makes what they require."""

import os
import sys

from django.core.management import execute_from_command_line

from apipark import first_run


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apipark.settings")
    first_run.prepare(sys.argv)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

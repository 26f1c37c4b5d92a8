# SPDX-License-Identifier: GPL-2.0-or-later
"""Results as TAP, which meson and scripts/summary.py read."""

import sys


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = False

    def check(self, name, good, details=()):
        self.count += 1
        self.failed |= not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}")
        if not good:
            for line in "\n".join(details).splitlines():
                print(f"# {line}")

    def skip(self, name, reason):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {reason}")

    def end(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failed else 0)

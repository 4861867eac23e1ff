"""What the systems share: they end with whoever wanted them, and say who they are."""

import os
import threading
import time


def begin(pid_file, wanted_by):
    """Writes the process id, and ends this process when `wanted_by` is gone."""
    if pid_file:
        with open(pid_file + ".new", "w") as file:
            file.write(f"{os.getpid()}\n")
        os.replace(pid_file + ".new", pid_file)

    def watch():
        while True:
            try:
                os.kill(wanted_by, 0)
            except ProcessLookupError:
                os._exit(0)
            time.sleep(0.5)

    threading.Thread(target=watch, daemon=True).start()

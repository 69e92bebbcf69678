"""Enters the environment of a machine without ROS, making it first where it is not there.

    bootstrap.py [--with vlm] run COMMAND [ARGUMENT ...]
    bootstrap.py [--with vlm] setup

Called through standalone/run, which finds an interpreter. No newer syntax than Python 2 has, so
that every Python gets as far as telling what it lacks.
"""
import sys

if not (3, 10) <= sys.version_info[:2] <= (3, 12):
    sys.stderr.write(
        "standalone: Python {}.{} ({}) cannot be used, the environment needs 3.10 to 3.12: name "
        "one, for example PYTHON=python3.11 make test\n".format(
            sys.version_info[0], sys.version_info[1], sys.executable))
    sys.exit(1)

if __name__ == "__main__":
    from environment.command import run

    sys.exit(run(sys.argv[1:]))

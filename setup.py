"""Everything is declared in setup.cfg; colcon builds the package through CMakeLists.txt."""
from setuptools import setup

setup()

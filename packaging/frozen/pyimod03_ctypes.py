"""In the place of PyInstaller's module of this name, which loads ctypes at every start, to look beside the program.

The system's loader looks there anyway, and `interdict status` needs no ctypes.
"""


def install():
    """Nothing has to be changed."""

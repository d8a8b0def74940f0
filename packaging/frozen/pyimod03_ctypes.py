"""In the place of PyInstaller's module of this name, which loads ctypes at every start so that it looks for libraries in
the program's own folder: the loader looks there anyway, and `interdict status` needs no ctypes."""


def install():
    """Nothing has to be changed."""

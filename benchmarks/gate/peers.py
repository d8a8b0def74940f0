def fapolicyd():
    return []

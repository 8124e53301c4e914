"""The steps of the pages about migrating run, with the real library that they replace."""
